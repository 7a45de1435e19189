"""Runs MiniWoB++ episodes: one browser a process, many contexts in it, results appended as they come.

An agent is a coroutine that plays one episode in a page (`deixis.benchmarks.miniwob_agents`). Knows no task.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from playwright.async_api import Browser, Page, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError

from deixis.benchmarks import statistics
from deixis.benchmarks.miniwob import RULES, Episode, MiniwobTask, Rules, episodes
from deixis.benchmarks.miniwob_agents import Played, Recorder, agent_named
from deixis.benchmarks.miniwob_report import picture_of, write_report
from deixis.benchmarks.progress import Told, shown
from deixis.benchmarks.results import Results, Run, save
from deixis.benchmarks.workers import spread
from deixis.browser.errors import UsageError
from deixis.browser.launch import launch
from deixis.browser.script import source
from deixis.browser.types import Frozen

CONTEXTS = 4
"""Episodes at a time in one browser."""
AFTER = 1.0
"""Seconds for a page to see that its task is done, when the agent believes so."""
KEPT = 50
"""Episodes in one page of a scripted solution; then a new one, since each leaves a listener behind."""
LONGEST = 120.0
"""Seconds of an episode after which it counts as failed, whatever hangs."""


class Outcome(Frozen):
    """One line of results.jsonl."""

    id: str
    task: str
    seed: str
    goal: str
    success: bool
    """Raw reward above 0 within the protocol's number of steps."""
    solved: bool
    """Raw reward above 0 with any number of steps."""
    raw: float
    reward: float
    """Less the later it comes."""
    steps: int
    seconds: float
    error: str = ""
    """Why the agent stopped."""


class Options(NamedTuple):
    """How episodes are played; survives pickling."""

    protocol: str
    agent: str
    goal: str
    """Where an agent that needs the goal in words takes it from: text or pixels."""
    gate: bool
    record: Path | None
    pictures: Path | None = None
    """Where the last picture of an episode that failed goes, for the report."""


def bench(
    options: Options, names: Sequence[str] = (), count: int | None = None, workers: int = 1, out: Path | None = None,
    cluster: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Plays a protocol, writes results and summary into the folder; the summary."""
    if options.protocol not in RULES:
        raise UsageError(f"--protocol {options.protocol!r} is none of {', '.join(RULES)}")
    about = agent_named(options.agent)
    rules = RULES[options.protocol]
    wanted = episodes(rules, names, count)
    told = Told()
    setting = f"miniwob {options.protocol}, goal from {options.goal if about.model else 'the page'}{', gate' if options.gate and about.model else ''}"
    run = Run(set=setting, set_sha256=setting, model=about.name, weights_sha256=about.sha256)
    folder = out or Path("runs") / "-".join(
        filter(None, ("miniwob", options.protocol, run.model, run.weights_sha256[:8]))
    )
    record = options.record.resolve() if options.record else None  # a worker may stand elsewhere
    options = options._replace(pictures=(folder / "pictures").resolve(), record=record)
    start = perf_counter()
    with Results.open(folder, run, Outcome, told.notice) as results:
        todo = [episode for episode in wanted if episode.id not in results.done]
        size = 1 if about.model else 2 * CONTEXTS
        chunks = [todo[n : n + size] for n in range(0, len(todo), size)]
        answers = spread(chunks, partial(play, options=options), workers, cluster)
        for some in shown(answers, len(todo), told, lambda outcome: outcome.success):
            results.append(some)
        rows = [results.done[episode.id] for episode in wanted if episode.id in results.done]
    summary = summarise(rows, rules) | run.model_dump()
    summary["episodes_per_second"] = len(todo) / (perf_counter() - start) if todo else _before(folder)
    save(folder / "summary.json", summary)
    write_report(folder, [row.model_dump() for row in rows], summary)
    told.notice(f"results, summary and report: {folder}")
    return summary


def _before(folder: Path) -> float | None:
    path = folder / "summary.json"
    found: float | None = json.loads(path.read_text()).get("episodes_per_second") if path.exists() else None
    return found


def summarise(rows: Sequence[Outcome], rules: Rules) -> dict[str, Any]:
    """Rates over episodes, with standard errors by bootstrap over tasks, and a row for each task."""
    names = sorted({row.task for row in rows})

    def rate(good: Callable[[Outcome], bool], some: Sequence[Outcome]) -> dict[str, Any]:
        return statistics.rate([good(row) for row in some], [row.task for row in some]).model_dump()

    credit = [row.raw / 2 + 0.5 if row.success else 0.0 for row in rows]
    seconds = [row.seconds for row in rows]
    return {
        **rate(lambda row: row.success, rows), "protocol": rules.name, "steps": rules.steps,
        "solved": rate(lambda row: row.solved, rows), "normalised_reward": sum(credit) / len(credit),
        "mean_reward": sum(row.reward for row in rows) / len(rows),
        "tasks_always": sum(all(r.solved for r in rows if r.task == name) for name in names), "tasks": len(names),
        "by": {"task": {name: rate(lambda row: row.success, [row for row in rows if row.task == name]) for name in names}},
        "errors": sum(bool(row.error) for row in rows),
        "seconds_p50": statistics.percentile(seconds, 50), "seconds_p95": statistics.percentile(seconds, 95),
    }  # fmt: skip


def table(summary: dict[str, Any]) -> str:
    """The summary for people."""
    low, high = summary["interval"]
    speed = summary["episodes_per_second"]
    lines = [f"{name:32} {row['rate']:6.1%}  n={row['n']}" for name, row in summary["by"]["task"].items()]
    lines += [
        f"success {summary['rate']:.1%} ± {summary['stderr']:.1%} (95 % {low:.1%} to {high:.1%}, n={summary['n']}, {summary['protocol']}, at most {summary['steps']} steps)",
        f"solved in any number of steps {summary['solved']['rate']:.1%} ± {summary['solved']['stderr']:.1%}; {summary['tasks_always']} of {summary['tasks']} tasks with every seed",
        f"mean of raw / 2 + 0.5 where above 0: {summary['normalised_reward']:.3f}; mean reward {summary['mean_reward']:.3f}",
        f"seconds: episode {summary['seconds_p50']:.2f}, 95 % {summary['seconds_p95']:.2f}" + (f"; {speed:.1f} episodes a second" if speed else ""),
    ]  # fmt: skip
    return "\n".join([*lines, f"agent: {summary['model']} {summary['weights_sha256'][:12]}".rstrip()])


# playing


def play(some: Sequence[Episode], options: Options) -> list[Outcome]:
    """The outcomes of some episodes, played in this process's browser."""
    return _player().play(some, options)


@lru_cache(maxsize=1)
def _player() -> "Player":
    return Player()


class Player:
    """A browser on an event loop in a thread of its own, so that it outlives a call."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="miniwob").start()
        self._browser: Browser | None = None
        self._playwright: Playwright | None = None
        self._lanes: list[Lane] = []

    def play(self, some: Sequence[Episode], options: Options) -> list[Outcome]:
        future = asyncio.run_coroutine_threadsafe(self._play(some, options), self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    async def _play(self, some: Sequence[Episode], options: Options) -> list[Outcome]:
        if self._browser is None or not self._browser.is_connected():
            self._playwright = self._playwright or await async_playwright().start()
            self._browser = await launch(self._playwright)
            self._lanes = [Lane(self._browser) for _ in range(CONTEXTS)]
        waiting = list(reversed(some))

        async def play(lane: Lane) -> list[Outcome]:
            found = []
            while waiting:
                episode = waiting.pop()
                found.append(await played(await lane.page(options), episode, options))
            return found

        done = await asyncio.gather(*map(play, self._lanes[: len(some)]))
        return [outcome for own in done for outcome in own]


class Lane:
    """Where episodes are played one after the other: a context of their own, with one page.

    A scripted solution leaves nothing behind that loading its next page would not undo, so it keeps its page for a while: a
    new one costs as much as an episode. An agent gets a new one every time.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._open: tuple[Page, Rules] | None = None
        self._left = 0

    async def page(self, options: Options) -> Page:
        """The page of the next episode."""
        rules = RULES[options.protocol]
        if self._open and self._left and self._open[1] == rules and not self._open[0].is_closed():
            self._left -= 1
            await self._open[0].mouse.move(0, 0)  # where the last episode left it, it would hover over the next
            return self._open[0]
        if self._open:
            await self._open[0].context.close()
        context = await self._browser.new_context(
            viewport={"width": rules.width, "height": rules.height}, device_scale_factor=rules.scale, locale="en-US"
        )
        await context.add_init_script(source())
        page = await context.new_page()
        self._open, self._left = (page, rules), KEPT - 1 if options.agent == "scripted" else 0
        return page


async def played(page: Page, episode: Episode, options: Options) -> Outcome:
    """One episode; what goes wrong in it is its error, a browser that is gone is not."""
    rules, agent = RULES[options.protocol], agent_named(options.agent)
    task = MiniwobTask(episode.task, rules)
    goal = await task.start(page, episode.seed)
    recorder = Recorder(page, options.record, episode, goal) if options.record else None
    start = perf_counter()
    result = Played(0, "")
    try:
        async with asyncio.timeout(LONGEST):
            result = await agent.play(page, task, goal, options, recorder)
    except TimeoutError:
        result = Played(result.steps, f"nothing came of it in {LONGEST:g} seconds")
    seconds = perf_counter() - start
    verdict = await task.ended(page, AFTER)
    if recorder:
        recorder.end(verdict)
    solved = verdict.done and verdict.raw > 0
    if options.pictures and not (solved and result.steps <= rules.steps):
        with suppress(PlaywrightError):  # a page that hangs has no picture
            await page.screenshot(path=picture_of(options.pictures, episode.id), caret="initial", timeout=5000)
    return Outcome(
        id=episode.id, task=episode.task, seed=episode.seed, goal=goal.text, success=solved and result.steps <= rules.steps,
        solved=solved, raw=verdict.raw if verdict.done else 0.0, reward=verdict.reward if verdict.done else 0.0, steps=result.steps,
        seconds=seconds, error=result.error,
    )  # fmt: skip
