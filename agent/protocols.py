"""What the loop asks of its parts. The protocols belong to the caller: anything with these methods can be plugged in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from deixis.agent.state import TaskState
from deixis.browser.actions import Action, BrowserAction
from deixis.browser.types import Change, Expected, Hit, Point, Pointing, Reading, Screenshot


class Planner(Protocol):
    """Decides what to do next. `begin` writes the plan into the state, before anything is clicked."""

    def begin(self, state: TaskState) -> None: ...

    def decide(self, state: TaskState, screenshot: Screenshot) -> Action: ...


class Pointer(Protocol):
    """Finds what words describe on a screenshot, many targets on one encode; points are CSS pixels."""

    name: str
    weights_sha256: str

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]: ...


@runtime_checkable
class Reader(Protocol):
    """A pointer that can also read the line of text at a point, from the pixels; empty when nothing is written there."""

    def read_at(self, screenshot: Screenshot, point: Point, confidence: float = 1.0) -> Reading: ...


class Spent(Protocol):
    """Seconds that the parts of the last action took."""

    preparing: float
    acting: float
    settling: float
    verifying: float
    waiting: float
    """Part of the settling: the page's own work."""
    picturing: float
    """The picture after, which is the next step's own."""


class Browser(Protocol):
    """One browser context: looks, acts, and says what is at a point and what an action changed."""

    @property
    def downloads(self) -> Path | None: ...

    @property
    def spent(self) -> Spent: ...

    @property
    def stopped(self) -> list[str]:
        """Sentences on what did not come and was stopped, until they are taken out."""

    async def look(self) -> Screenshot: ...

    async def hit(self, point: Point) -> Hit | None: ...

    async def focused(self) -> Hit | None: ...

    async def act(self, action: BrowserAction, expected: Expected | None = None) -> Change: ...

    async def read_dom(self, point: Point) -> Reading: ...

    async def read_table(self, point: Point) -> Reading: ...

    async def close(self) -> None: ...
