"""The journal of a run: JSON lines, flushed to disk at every step, and the pictures beside them.

The first line says what was asked of whom, then comes a line a step, the last one tells how it ended. Whatever happens
in between, what was written stays readable: a last line cut in two is passed over, a missing end means `interrupted`.
Lines are ASCII, so nothing that stands on a page, be it a line separator or half a surrogate pair, can break one.
Knows no browser and no model.
"""

import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TextIO

from pydantic import ValidationError

from deixis.agent.state import Episode, Outcome, PlanItem, Step, TaskState
from deixis.browser.actions import Read
from deixis.browser.errors import SetupError, UsageError

FILE = "journal.jsonl"


def default_folder(goal: str, below: Path = Path("runs")) -> Path:
    """A new folder named by time and task."""
    slug = re.sub(r"[^a-z0-9]+", "-", goal.lower()).strip("-")[:40].strip("-") or "run"
    stem = below / f"{datetime.now():%Y%m%d-%H%M%S}-{slug}"
    return next(
        path for n in range(1000) if not (path := stem if not n else stem.with_name(f"{stem.name}-{n}")).exists()
    )


class Journal:
    """Writes one run; a context manager. Make it with `open`."""

    def __init__(self, folder: Path, handle: TextIO) -> None:
        self.folder, self._handle = folder, handle
        self._plan: list[PlanItem] = []
        self._state: TaskState | None = None
        self.hide: Callable[[Any], Any] = lambda line: line
        """Takes the values of secrets out of a line."""
        self.memo: Callable[[], dict[str, Any]] = dict
        """What the planner has to remember to go on after a step, beside the state."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Begins a journal in a folder, made with mode 0700; UsageError when another run was written there."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return cls(folder, _alone(folder, (folder / FILE).open("x", encoding="utf-8")))
        except FileExistsError as error:
            raise UsageError(f"{str(folder)!r} already holds a run: give --out another folder") from error
        except OSError as error:
            raise UsageError(
                f"{str(folder)!r} cannot be written to ({error.strerror}): give --out another folder"
            ) from error

    @classmethod
    def resume(cls, folder: Path) -> Self:
        """Goes on with a journal that a run has left; what was cut off in its last line is dropped."""
        path = folder / FILE
        if not path.is_file():
            raise UsageError(f"{str(folder)!r} is no folder of a run: there is nothing to resume")
        handle = _alone(folder, path.open("r+", encoding="utf-8"))
        whole = path.read_bytes().rfind(b"\n") + 1
        handle.truncate(whole)
        handle.seek(0, os.SEEK_END)
        return cls(folder, handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._handle.close()
        except OSError:
            return  # what could not be written then cannot be written now; `_write` has said so

    def header(self, state: TaskState, **about: str) -> None:
        """The first line: the goal, the plan, and url, model, weights_sha256 and started as keywords."""
        self._state = state
        self._write({"kind": "run", "goal": state.goal, "plan": [item.model_dump() for item in state.plan], **about})

    def resumed(self, state: TaskState, **about: str) -> None:
        """The line between what was done before and what comes now."""
        self._state = state
        self._write({"kind": "resumed", **about})

    def step(self, step: Step, png: bytes) -> Step:
        """Saves the picture, then the line; returns the step with the picture's file name in it."""
        name = f"step-{step.index:03d}.png"
        with self._room():
            (self.folder / name).write_bytes(png)
        step = step.model_copy(update={"screenshot": name})
        plan = [item.model_dump() for item in self._state.plan] if self._state else []
        notes = self._state.notes if self._state else []
        line = {"kind": "step", "step": step.model_dump(mode="json"), "plan": plan, "notes": notes, "memo": self.memo()}
        self._write(line)
        return step

    def end(self, episode: Episode) -> None:
        """The last line: the outcome; steps and pictures are not repeated."""
        data = episode.model_dump(mode="json", exclude={"state"})
        left = episode.state.model_dump(mode="json", exclude={"steps"})
        self._write({"kind": "end", "episode": data, "state": left})

    def _write(self, line: dict[str, Any]) -> None:
        with self._room():
            self._handle.write(json.dumps(self.hide(line)) + "\n")
            self._handle.flush()
            os.fsync(self._handle.fileno())

    @contextmanager
    def _room(self) -> Iterator[None]:
        """A disk that takes no more is told as such."""
        try:
            yield
        except OSError as error:
            raise SetupError(
                f"the run cannot be written down in {str(self.folder)!r} ({error.strerror}): make room, then go on with --resume"
            ) from error


def _alone(folder: Path, handle: TextIO) -> TextIO:
    """The journal, locked for as long as it is open; UsageError when another run writes it now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        handle.close()
        raise UsageError(
            f"another run is writing in {str(folder)!r}: wait for it, or give --out another folder"
        ) from error
    except OSError:
        return handle  # a file system without locks
    return handle


class Left(NamedTuple):
    """What a run has left to go on from."""

    state: TaskState
    memo: dict[str, Any]
    url: str
    """Where it began."""


def left_by(folder: Path) -> Left:
    """State and memo of a run that ended early; UsageError when it is done, or there is none."""
    lines = _lines(folder)
    episode = read_journal(folder)
    if episode.outcome is Outcome.FINISHED:
        raise UsageError(f"the run in {str(folder)!r} is finished: there is nothing to resume")
    steps = [line for line in lines if line["kind"] == "step"]
    last = steps[-1] if steps else {}
    state = episode.state.model_copy(update={"notes": list(last.get("notes", [])), "answer": None})
    return Left(state, last.get("memo", {}), episode.url)


def read_journal(folder: Path) -> Episode:
    """The episode of a run's folder, as far as it was written; UsageError when there is none."""
    lines = _lines(folder)
    head: dict[str, Any] = next((line for line in lines if line["kind"] == "run"), {})
    steps = [line for line in lines if line["kind"] == "step"]
    said = [line for line in lines if line["kind"] in {"step", "resumed", "end"}]
    end = said[-1] if said and said[-1]["kind"] == "end" else None  # an end before a resumption is none
    try:
        taken = [Step.model_validate(line["step"]) for line in steps]
        if end is not None:
            state = TaskState.model_validate({**end["state"], "steps": taken})
            return Episode.model_validate({**end["episode"], "state": state})
        return _unended(folder.name, head, steps[-1]["plan"] if steps else head.get("plan", []), taken)
    except (ValidationError, KeyError, TypeError) as error:
        raise UsageError(
            f"the journal in {str(folder)!r} was written by another version of deixis ({error})"
        ) from error


def _lines(folder: Path) -> list[dict[str, Any]]:
    """Every whole line of a journal; UsageError when there is none."""
    try:
        text = (folder / FILE).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{str(folder)!r} is no folder of a run: it has no {FILE}") from error
    return [parsed for line in text.split("\n") if (parsed := _parsed(line)) is not None]


def _unended(name: str, head: dict[str, Any], plan: Any, steps: list[Step]) -> Episode:
    """The episode of a run that wrote no end; what it read until then is in the notes, as the planner puts it there."""
    notes = [f"{s.planned.question}: {s.reading.text}" for s in steps if isinstance(s.planned, Read) and s.reading]
    return Episode(
        task_id=name,
        outcome=Outcome.INTERRUPTED,
        reason="the journal has no end: the run was cut off",
        state=TaskState(goal=head.get("goal", ""), plan=plan, steps=steps, notes=notes),
        seconds=sum(step.seconds for step in steps),
        **{key: head.get(key, "") for key in ("url", "model", "weights_sha256", "started")},
    )


def _parsed(line: str) -> dict[str, Any] | None:
    """A line of the journal; None for one that was cut off."""
    try:
        value = json.loads(line)
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) and "kind" in value else None
