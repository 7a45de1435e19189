"""The Python API: `Agent(...).run(task, url)`, and `point` for people with a Playwright page of their own.

Nothing heavy is imported before it is needed: torch comes with the first pointer, Playwright with the first browser.
"""

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from deixis.agent.journal import Journal, default_folder
from deixis.agent.loop import Limits, Loop
from deixis.agent.planner import InstructionPlanner
from deixis.agent.protocols import Planner, Pointer
from deixis.agent.state import Episode, Outcome, Step, TaskState
from deixis.browser.errors import DeixisError, PageUnreachable, UsageError
from deixis.browser.types import Frozen, Pointing, Screenshot

T = TypeVar("T")


@lru_cache(maxsize=2)
def load_pointer(model: str | None = None) -> Pointer:
    """The embedded model, a weights file, a folder of a published model, or one on a server; kept, so that a second agent starts at once."""
    if model and "@http" in model:
        from deixis.vlm.remote import pointer_at

        return pointer_at(model)
    from deixis.vlm.pointer import NanoPointer

    if model in (None, "nano", "deixis-nano"):
        return NanoPointer()
    path = Path(model)
    if path.suffix == ".safetensors":
        return NanoPointer(path)
    if path.is_dir() or any(mark in model for mark in "/=:"):
        from deixis.vlm import local

        return local.load(model)
    raise UsageError(f"--model {model!r} is neither 'nano' nor a .safetensors file, a FOLDER of weights or MODEL@URL")


def is_url(text: str) -> bool:
    return "://" in text or text.startswith(("about:", "data:"))


def address(url: str) -> str:
    """A URL as the browser wants it: a path that exists becomes file://, a bare host http://."""
    if is_url(url):
        return url
    return Path(url).resolve().as_uri() if Path(url).exists() else f"http://{url}"


class Run(Frozen):
    """Where and within which limits an agent works."""

    out: Path | None = None
    """Folder of the run; None makes one below `runs/`."""
    limits: Limits = Limits()
    variables: Mapping[str, str] = {}
    """Values of `{names}` in the task."""
    report: bool = True
    """Write report.html when the run ends, however it ends."""
    save_storage_state: Path | None = None


class Agent:
    """Does tasks in a browser, from what it sees.

    model: 'nano' (embedded), a .safetensors file, or any `Pointer`. session: a `SessionConfig` of deixis.browser.session
    for the browser to start; None takes the defaults.
    """

    def __init__(self, model: str | Pointer | None = None, session: Any = None, run: Run | None = None) -> None:
        self.model, self.session, self.options = model, session, run or Run()
        self.folder: Path | None = None
        """Folder of the last run."""

    async def run(self, task: str | Planner, url: str, on_step: Callable[[Step], Any] | None = None) -> Episode:
        """Does the task, starting at the URL (or the path of a file); the episode tells how it ended, `folder` holds journal and report.

        task: plain English for the InstructionPlanner, or a planner. Cancelling the coroutine ends the run with the
        outcome `interrupted`, journal and report complete. Raises UsageError for a task that is not understood, before
        a browser is started, and SetupError when there is no browser, no weights, or the browser dies.
        """
        from deixis.browser.session import Session, SessionConfig

        planner = InstructionPlanner.from_text(task, self.options.variables) if isinstance(task, str) else task
        goal = task if isinstance(task, str) else getattr(planner, "goal", "")
        config: SessionConfig = self.session or SessionConfig()
        pointer = (
            await asyncio.to_thread(load_pointer, self.model)
            if self.model is None or isinstance(self.model, str)
            else self.model
        )
        self.folder = self.options.out or default_folder(goal)
        with Journal.open(self.folder) as journal:
            if config.downloads is None:
                config = config.model_copy(update={"downloads": self.folder / "downloads"})
            episode = _Episode(goal, address(url), pointer, journal)
            try:
                async with Session(config) as browser:
                    await self._work(episode, planner, browser, on_step)
            except BaseException as error:
                episode.end(*_meaning(error))
                if not isinstance(error, PageUnreachable):
                    raise
            finally:
                if self.options.report:
                    await asyncio.to_thread(_report, self.folder)
        assert episode.result is not None
        return episode.result

    def run_sync(self, task: str | Planner, url: str, on_step: Callable[[Step], Any] | None = None) -> Episode:
        """`run` for code without an event loop, and for notebooks that have one running."""
        return in_own_loop(self.run(task, url, on_step))

    async def _work(
        self, episode: "_Episode", planner: Planner, browser: Any, on_step: Callable[[Step], Any] | None
    ) -> None:
        planner.begin(episode.state)
        episode.begin()
        await browser.start(episode.url)
        loop = Loop(planner, episode.pointer, browser, self.options.limits, episode.journal)
        loop.on_step = on_step
        outcome, reason = await loop.run(episode.state)
        if self.options.save_storage_state:
            await browser.save_storage_state(self.options.save_storage_state)
        episode.end(outcome, reason)


class _Episode:
    """A run on its way to becoming an `Episode`."""

    def __init__(self, goal: str, url: str, pointer: Pointer, journal: Journal) -> None:
        self.state = TaskState(goal=goal)
        self.url, self.pointer, self.journal = url, pointer, journal
        self.started, self.clock = datetime.now(UTC).isoformat(timespec="seconds"), perf_counter()
        self.result: Episode | None = None

    def begin(self) -> None:
        self.journal.header(
            self.state,
            url=self.url,
            model=self.pointer.name,
            weights_sha256=self.pointer.weights_sha256,
            started=self.started,
        )

    def end(self, outcome: Outcome, reason: str) -> None:
        if self.result is not None:
            return
        self.result = Episode(
            task_id=self.journal.folder.name, model=self.pointer.name, weights_sha256=self.pointer.weights_sha256, url=self.url,
            outcome=outcome, reason=reason, state=self.state, seconds=perf_counter() - self.clock, started=self.started,
        )  # fmt: skip
        self.journal.end(self.result)


def _meaning(error: BaseException) -> tuple[Outcome, str]:
    """Outcome and sentence of a run that an exception ended."""
    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
        return Outcome.INTERRUPTED, "the run was interrupted"
    if isinstance(error, PageUnreachable):
        return Outcome.GAVE_UP, str(error)
    return Outcome.CRASHED, str(error) if isinstance(error, DeixisError) else f"{type(error).__name__}: {error}"


def _report(folder: Path) -> None:
    from deixis.agent.report import write_report

    write_report(folder)


def in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end on an event loop in a thread of its own; Ctrl-C cancels it and is raised again."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True, name="deixis")
    thread.start()
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        asyncio.run_coroutine_threadsafe(_drained(), loop).result(30)
        raise
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def _drained() -> None:
    """Waits until the cancelled work has closed its journal and its browser."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.gather(*others, return_exceptions=True)


def point_many(page: Any, targets: Sequence[str], model: str | None = None) -> Any:
    """Where the targets are on a Playwright page, on one image encode: a list of Pointing in CSS pixels.

    Takes pages of Playwright's sync API, and of its async API, where the result has to be awaited.
    """
    if inspect.iscoroutinefunction(type(page).screenshot):
        return _point_async(page, list(targets), model)
    size = page.evaluate("[innerWidth, innerHeight]")
    shot = Screenshot(png=page.screenshot(caret="initial"), width=size[0], height=size[1], url=page.url)
    return load_pointer(model).point_many(shot, targets)


def point(page: Any, target: str, model: str | None = None) -> Any:
    """Where the words are on a Playwright page (sync, or async: then await it): a Pointing in CSS pixels."""
    if inspect.iscoroutinefunction(type(page).screenshot):
        return _first(point_many(page, [target], model))
    return point_many(page, [target], model)[0]


async def _point_async(page: Any, targets: list[str], model: str | None) -> list[Pointing]:
    size = await page.evaluate("[innerWidth, innerHeight]")
    shot = Screenshot(png=await page.screenshot(caret="initial"), width=size[0], height=size[1], url=page.url)
    pointer = await asyncio.to_thread(load_pointer, model)
    return await asyncio.to_thread(pointer.point_many, shot, targets)


async def _first(many: Coroutine[Any, Any, list[Pointing]]) -> Pointing:
    return (await many)[0]
