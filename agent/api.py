"""The Python API: `Agent(...).run(task, url)`, and `point` for people with a Playwright page of their own.

Nothing heavy is imported before it is needed: torch comes with the first pointer, Playwright with the first browser.
"""

import asyncio
import inspect
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from pydantic import Field

from deixis.agent.consent import Consent, Consenting
from deixis.agent.form import Form
from deixis.agent.journal import Journal, Left, default_folder, left_by
from deixis.agent.loop import Limits, Loop
from deixis.agent.planner import InstructionPlanner
from deixis.agent.protocols import Planner, Pointer
from deixis.agent.state import Episode, Outcome, Step, TaskState
from deixis.agent.telemetry import Telemetry, available
from deixis.browser.domains import Bounds, is_local
from deixis.browser.errors import Blocked, BudgetSpent, DeixisError, PageUnreachable, SetupError, UsageError
from deixis.browser.secrets import Secrets
from deixis.browser.types import Frozen, Pointing, Screenshot

T = TypeVar("T")


@lru_cache(maxsize=2)
def load_pointer(model: str | None = None) -> Pointer:
    """The embedded model, a weights file, a folder of a published model, or one on a server; kept, so that a second agent starts at once."""
    if model and "@http" in model:
        from deixis.vlm.remote import pointer_at

        return pointer_at(model)
    if own := next(iter(entry_points(group="deixis.pointers", name=model or "")), None):
        pointer: Pointer = own.load()()
        return pointer
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
    resume: bool = False
    """Go on with the run that `out` holds, on the page where it stopped; what pages forget meanwhile is forgotten."""
    consent: Consent = Field(default=False, exclude=True)
    """To what pays, deletes, sends: always, never, or who is asked (`deixis.agent.consent`)."""
    pause: Any = Field(default=None, exclude=True)
    """A `Pause` (`deixis.agent.pause`): when to hand over to a person, and how."""
    answer: Any = Field(default=None, exclude=True)
    """What the answer has to be: a pydantic model, a JSON schema, or a file of one; None leaves it open."""


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

        form = Form.of(self.options.answer) if self.options.answer is not None else None
        config: SessionConfig = _bounded(self.session or SessionConfig(), address(url), self.options)
        variables = {**self.options.variables, **Secrets(config.secrets).placeholders}
        planner = InstructionPlanner.from_text(task, variables) if isinstance(task, str) else task
        goal = task if isinstance(task, str) else getattr(planner, "goal", "")
        if form is not None and getattr(planner, "form", form) is None:
            planner.form = form  # type: ignore[attr-defined]
        pointer = (
            await asyncio.to_thread(load_pointer, self.model)
            if self.model is None or isinstance(self.model, str)
            else self.model
        )
        self.folder = self.options.out or default_folder(goal)
        left = left_by(self.folder) if self.options.resume else None
        with (Journal.resume if left else Journal.open)(self.folder) as journal:
            if config.downloads is None:
                config = config.model_copy(update={"downloads": self.folder / "downloads"})
            episode = _Episode(goal, address(url), pointer, journal, left)
            try:
                async with Session(config) as browser:
                    await self._work(episode, planner, browser, on_step, form)
            except BaseException as error:
                episode.fail(error)
                if not isinstance(error, PageUnreachable | Blocked | BudgetSpent):
                    raise
            finally:
                if self.options.report:
                    await asyncio.to_thread(_report, self.folder, _in_flight())
        assert episode.result is not None
        return episode.result

    def run_sync(self, task: str | Planner, url: str, on_step: Callable[[Step], Any] | None = None) -> Episode:
        """`run` for code without an event loop, and for notebooks that have one running."""
        return in_own_loop(self.run(task, url, on_step))

    async def _work(
        self,
        episode: "_Episode",
        planner: Planner,
        browser: Any,
        on_step: Callable[[Step], Any] | None,
        form: Form | None,
    ) -> None:
        episode.journal.hide = browser.secrets.masked
        await browser.start(episode.begin(planner))
        loop = Loop(planner, episode.pointer, browser, self.options.limits, episode.journal)
        loop.on_step, loop.form, loop.pause = episode.heard_by(on_step), form, self.options.pause
        loop.consent = Consenting(self.options.consent, browser.secrets, getattr(planner, "users_words", False))
        outcome, reason = await loop.run(episode.state)
        if self.options.save_storage_state:
            await browser.save_storage_state(self.options.save_storage_state)
        episode.end(outcome, reason)


def _bounded(config: Any, url: str, options: Run) -> Any:
    """The session's config with its bounds; UsageError for what must not be without a gate.

    Without a hit-test nobody knows what is clicked: then no secret, no consent, and nothing beyond this machine.
    """
    bounds = Bounds.of(config.allow or (), url)
    if not options.limits.gate:
        if config.secrets or options.consent is True:
            raise UsageError("without the gate nothing is known of what is clicked: leave out secrets and consent")
        if not (bounds.local and is_local(url)):
            raise UsageError(f"without the gate only pages of this machine are worked on, not {url!r}")
    return config.model_copy(update={"home": url, "allow": config.allow or ()})


class _Episode:
    """A run on its way to becoming an `Episode`."""

    def __init__(self, goal: str, url: str, pointer: Pointer, journal: Journal, left: Left | None) -> None:
        self.state, self.left = left.state if left else TaskState(goal=goal), left
        self.url, self.pointer, self.journal = url, pointer, journal
        self.spans = Telemetry() if available() else None
        self.started, self.clock = datetime.now(UTC).isoformat(timespec="seconds"), perf_counter()
        self.result: Episode | None = None

    def heard_by(self, on_step: Callable[[Step], Any] | None) -> Callable[[Step], Any]:
        """Who is told of each step: the caller, and whoever traces this program."""

        def heard(step: Step) -> None:
            if self.spans:
                self.spans.step(step)
            if on_step:
                on_step(step)

        return heard

    def begin(self, planner: Planner) -> str:
        """Writes the first line, or the one of a resumption, and says where to start."""
        if self.spans:
            self.spans.begin(self.state.goal, self.url, self.pointer.name)
        self.journal.memo = getattr(planner, "memo", dict)
        about = {
            "url": self.url,
            "model": self.pointer.name,
            "weights_sha256": self.pointer.weights_sha256,
            "started": self.started,
        }
        if self.left is None:
            planner.begin(self.state)
            self.journal.header(self.state, **about)
            return self.url
        recall = getattr(planner, "recall", None)
        if recall is not None:
            recall(self.left.memo)
        if not self.state.plan:
            planner.begin(self.state)
        self.journal.resumed(self.state, started=self.started)
        last = self.state.steps[-1].url if self.state.steps else ""
        return last if last.startswith(("http:", "https:", "file:")) and "<secret:" not in last else self.url

    def end(self, outcome: Outcome, reason: str) -> None:
        if self.result is not None:
            return
        self.result = Episode(
            task_id=self.journal.folder.name, model=self.pointer.name, weights_sha256=self.pointer.weights_sha256, url=self.url,
            outcome=outcome, reason=self.journal.hide(reason), state=self.state, seconds=perf_counter() - self.clock, started=self.started,
        )  # fmt: skip
        if self.spans:
            self.spans.end(self.result)
        self.journal.end(self.result)

    def fail(self, error: BaseException) -> None:
        """The end by an exception, which stays the one that is told, also when the end cannot be written."""
        try:
            self.end(*_meaning(error))
        except SetupError:
            if not isinstance(error, SetupError):
                raise


def _meaning(error: BaseException) -> tuple[Outcome, str]:
    """Outcome and sentence of a run that an exception ended."""
    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
        return Outcome.INTERRUPTED, "the run was interrupted"
    if isinstance(error, PageUnreachable):
        return Outcome.GAVE_UP, str(error)
    if isinstance(error, Blocked):
        return Outcome.BLOCKED, str(error)
    if isinstance(error, BudgetSpent):
        return Outcome.BUDGET, str(error)
    return Outcome.CRASHED, str(error) if isinstance(error, DeixisError) else f"{type(error).__name__}: {error}"


def _in_flight() -> bool:
    """Whether an exception is on its way out already."""
    return sys.exc_info()[0] is not None


def _report(folder: Path, failing: bool) -> None:
    """Writes the report; where a run fails already, one that cannot be written is no second failure."""
    from deixis.agent.report import write_report

    try:
        write_report(folder)
    except (OSError, UsageError):
        if not failing:
            raise


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
