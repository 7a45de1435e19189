"""What the agent remembers: plan, steps, notes, and the finished episode.

`TaskState` is the only mutable object of the project; everything in it is frozen and survives JSON.
Knows no browser and no model.
"""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from deixis.browser.actions import Action
from deixis.browser.types import Change, Frozen, Hit, Pointing, Reading

NOT_FOUND = "not found:"
"""How the error of a step begins whose target is not on the screen."""
ItemStatus = Literal["pending", "active", "done", "failed", "skipped"]


class Outcome(StrEnum):
    FINISHED = "finished"
    FAILED = "failed"
    """An `expect` did not hold."""
    GAVE_UP = "gave_up"
    STEP_LIMIT = "step_limit"
    BUDGET = "budget"
    CYCLE = "cycle"
    BLOCKED = "blocked"
    INTERRUPTED = "interrupted"
    CRASHED = "crashed"


class PlanItem(Frozen):
    """One thing to do, in the user's own words, and how far it got."""

    text: str
    status: ItemStatus = "pending"
    note: str = ""


class Timings(Frozen):
    """Seconds of one step by part; `total` is the wall clock of the whole step."""

    screenshot: float = 0.0
    deciding: float = 0.0
    pointing: float = 0.0
    gating: float = 0.0
    """Hit-tests before acting."""
    preparing: float = 0.0
    """Before acting: the mouse brought there, the picture that verification compares with, the last hit-test."""
    acting: float = 0.0
    settling: float = 0.0
    verifying: float = 0.0
    waiting: float = 0.0
    """Part of the settling: for documents, what they fetch, and until nothing happened any more: the page's own work."""
    picturing: float = 0.0
    """The picture afterwards, which the next step looks at; taken while settling where that went well."""
    total: float = 0.0

    @property
    def overhead(self) -> float:
        """How much longer it all took than acting, one picture and the page's own work: what checking costs."""
        checking = self.gating + self.preparing + self.settling + self.verifying
        return checking - self.waiting - self.picturing


class Attempt(Frozen):
    """One point tried in a step: where it came from, what was there, what it changed."""

    source: Literal["first", "control", "beside", "alternative", "second_look"]
    pointing: Pointing
    hit: Hit | None = None
    refused: str | None = None
    """Why the gate or the page would not have it, if so."""
    late: bool = False
    """It was the page, at the press, after the gate had let it pass."""
    change: Change | None = None


class Step(Frozen):
    """One action, as planned (words) and as performed (pixels), and what came of it."""

    index: int
    item: int | None = None
    """Index of the plan item it serves."""
    planned: Action
    performed: Action | None = None
    pointing: Pointing | None = None
    """The pointing that the performed action used."""
    hit: Hit | None = None
    attempts: tuple[Attempt, ...] = ()
    changed: bool | None = None
    """None for read, expect, finish and give_up."""
    change: Change | None = None
    reading: Reading | None = None
    screenshot: str | None = None
    """File name of the picture the decision was taken on, relative to the run's folder."""
    url: str = ""
    title: str = ""
    width: int = 0
    height: int = 0
    """CSS size of the viewport in that picture."""
    timings: Timings = Timings()
    error: str | None = None

    @property
    def seconds(self) -> float:
        return self.timings.total


class TaskState(BaseModel):
    """The task so far. Planners read it and write plan and notes; the loop appends steps."""

    model_config = ConfigDict(extra="forbid")

    goal: str
    plan: list[PlanItem] = Field(default_factory=list)
    steps: list[Step] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    answer: str | None = None

    @property
    def active(self) -> int | None:
        """Index of the plan item in work, if any."""
        return next((i for i, item in enumerate(self.plan) if item.status == "active"), None)

    def mark(self, index: int, status: ItemStatus, note: str = "") -> None:
        """Sets the status of one plan item."""
        self.plan[index] = self.plan[index].model_copy(update={"status": status, "note": note})


class Episode(Frozen):
    """A run that ended."""

    task_id: str
    model: str
    weights_sha256: str = ""
    url: str = ""
    outcome: Outcome
    reason: str = ""
    """One sentence when the outcome is not `finished`."""
    state: TaskState
    seconds: float = 0.0
    started: str = ""
    """ISO 8601, UTC."""
    seed: int = 0

    @property
    def answer(self) -> str | None:
        return self.state.answer

    @property
    def steps(self) -> list[Step]:
        return self.state.steps


def is_not_found(error: str) -> bool:
    """Whether a step's error says that its target is not on the screen."""
    return error.startswith(NOT_FOUND)
