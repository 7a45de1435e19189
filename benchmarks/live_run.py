"""`deixis bench live`: tasks of a list, done one after the other by the agent people use, and judged by a model.

Each task has a folder with its journal, pictures and report; results are appended, so a second start goes on. Budgets hold
for each task (steps, seconds) and for the judge as a whole (requests). A goal that the planner does not understand, a page that cannot be
reached and a run that ends by a limit are failures, each named; what could not be judged is counted apart. Knows no site.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from deixis.agent.api import Agent, Run
from deixis.agent.loop import Limits
from deixis.agent.options import RunOptions
from deixis.agent.protocols import Planner
from deixis.agent.run import planner_for
from deixis.agent.state import Episode
from deixis.benchmarks import statistics
from deixis.benchmarks.judge import judge
from deixis.benchmarks.live import LiveTask, read_list
from deixis.benchmarks.progress import Told, shown
from deixis.benchmarks.results import Results, save
from deixis.benchmarks.results import Run as Whose
from deixis.browser.actions import describe
from deixis.browser.errors import BrowserDied, BudgetSpent, OutputError, PageUnreachable, ServerError, UsageError
from deixis.browser.types import Frozen
from deixis.vlm.prompted import Talker


class LiveResult(Frozen):
    """One line of results.jsonl."""

    id: str
    site: str
    level: str
    goal: str
    success: bool
    outcome: str
    """How the run ended; `not understood` and `did not begin` where there was nothing to judge."""
    answer: str
    steps: int
    seconds: float
    error: str = ""
    verdict: str = ""
    """The judge's own words."""
    judged: bool = True
    """False when there was no verdict to be read: counted apart."""


class Options(Frozen):
    """How tasks are done."""

    model: str | None = None
    planner: str = "instructions"
    max_steps: int = 30
    max_seconds: float = 600
    viewport: tuple[int, int] = (1280, 720)


Planned = Callable[[LiveTask], Planner]


def bench(
    path: Path, options: Options, judged_by: Talker, count: int | None, out: Path | None, planned: Planned | None = None
) -> dict[str, Any]:
    """Does the tasks of a list and has them judged; the summary."""
    told = Told()
    found = read_list(path)
    for broken in found.broken:
        told.notice(f"{path}: {broken.where} is left out: {broken.reason}")
    tasks = found.tasks[:count]
    name = f"{options.planner} with {options.model or 'nano'}, judged by {judged_by.model}"
    whose = Whose(set=f"{found.format} {path.name}", set_sha256=found.sha256, model=name, weights_sha256="")
    folder = out or Path("runs") / f"live-{path.stem}"
    with Results.open(folder, whose, LiveResult, told.notice) as results:
        todo = [task for task in tasks if task.id not in results.done]
        again: dict[str, LiveResult] = {}
        for some in shown(
            _done(todo, folder, options, judged_by, planned), len(todo), told, lambda row: row.success, "judged done"
        ):
            results.append([row for row in some if row.judged])
            again |= {row.id: row for row in some if not row.judged}
        rows = [results.done.get(task.id) or again.get(task.id) for task in tasks]
    summary = summarise([row for row in rows if row]) | whose.model_dump()
    summary |= {"broken": [broken.model_dump() for broken in found.broken], "left": sum(row is None for row in rows)}
    save(folder / "summary.json", summary)
    told.notice(f"results, summary and a folder for each task: {folder}")
    return summary


def _done(
    tasks: Sequence[LiveTask], folder: Path, options: Options, judged_by: Talker, planned: Planned | None
) -> Iterator[list[LiveResult]]:
    for task in tasks:
        try:
            yield [one(task, _free(folder, task), options, judged_by, planned)]
        except BudgetSpent:
            return  # what is left is counted as left


def _free(folder: Path, task: LiveTask) -> Path:
    """A folder for the task; a run that was cut off keeps its own."""
    name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in task.id)
    places = [folder / "tasks" / (f"{name}-{n}" if n else name) for n in range(1000)]
    return next(place for place in places if not (place / "journal.jsonl").exists())


def one(task: LiveTask, folder: Path, options: Options, judged_by: Talker, planned: Planned | None) -> LiveResult:
    """One task, done and judged."""
    start = perf_counter()
    about: dict[str, Any] = {"id": task.id, "site": task.site, "level": task.level, "goal": task.goal}

    def failed(outcome: str, error: Exception) -> LiveResult:
        return LiveResult(
            **about,
            success=False,
            outcome=outcome,
            answer="",
            steps=0,
            seconds=perf_counter() - start,
            error=str(error),
        )

    try:
        planner = (
            planned(task)
            if planned
            else planner_for(RunOptions(task=task.goal, model=options.model, planner=options.planner), options.model)
        )
        agent = Agent(
            options.model,
            _session(options),
            Run(out=folder, limits=Limits(max_steps=options.max_steps, max_seconds=options.max_seconds)),
        )
        episode = agent.run_sync(planner, task.url)
    except UsageError as error:
        return failed("not understood", error)
    except BrowserDied as error:
        return failed("crashed", error)
    if not episode.steps:  # the page cannot be reached: there is nothing to judge
        return failed("did not begin", PageUnreachable(episode.reason))
    seconds = perf_counter() - start
    ended: dict[str, Any] = about | {
        "outcome": str(episode.outcome.value),
        "answer": episode.answer or "",
        "steps": len(episode.steps),
        "seconds": seconds,
        "error": episode.reason,
    }
    try:
        verdict = judge(judged_by, task.goal, _actions(episode), episode.answer, _pictures(episode, folder))
    except (OutputError, ServerError) as error:
        return LiveResult(**ended, success=False, judged=False, verdict=str(error))
    return LiveResult(**ended, success=verdict.success, verdict=verdict.why)


def _session(options: Options) -> Any:
    from deixis.browser.session import SessionConfig

    return SessionConfig(width=options.viewport[0], height=options.viewport[1], allow=("*",))


def _actions(episode: Episode) -> list[str]:
    return [
        describe(step.planned) + (f" - {step.error}" if step.error else "") for step in episode.steps if step.planned
    ]


def _pictures(episode: Episode, folder: Path) -> list[bytes]:
    names = [step.screenshot for step in episode.steps if step.screenshot]
    return [(folder / name).read_bytes() for name in names if (folder / name).exists()]


def summarise(rows: Sequence[LiveResult]) -> dict[str, Any]:
    """Rates over tasks that were judged or never got so far; sites are what errors are drawn from."""
    counted = [row for row in rows if row.judged]

    def rate(some: Sequence[LiveResult]) -> dict[str, Any]:
        return statistics.rate([row.success for row in some], [row.site for row in some]).model_dump()

    by = {
        name: {
            value: rate([row for row in counted if getattr(row, name) == value])
            for value in sorted({getattr(row, name) for row in counted} - {""})
        }
        for name in ("site", "level")
    }
    seconds = [row.seconds for row in rows]
    whole = rate(counted) if counted else {"n": 0, "rate": 0.0, "stderr": 0.0, "interval": (0.0, 1.0)}
    return {
        **whole, "by": by, "outcomes": dict(Counter(row.outcome for row in rows)),
        "not_judged": [{"id": row.id, "reason": row.verdict} for row in rows if not row.judged],
        "seconds_p50": statistics.percentile(seconds, 50) if seconds else None, "seconds_p95": statistics.percentile(seconds, 95) if seconds else None,
    }  # fmt: skip


def table(summary: dict[str, Any]) -> str:
    """For people."""
    low, high = summary["interval"]
    lines = [
        f"judged done: {summary['rate']:.1%} ± {summary['stderr']:.1%} (95 % {low:.1%} to {high:.1%}, n={summary['n']})"
    ]
    for name, rows in summary["by"].items():
        lines += [f"  {name} {key}: {row['rate']:.1%} (n={row['n']})" for key, row in rows.items()]
    lines.append("  ended: " + ", ".join(f"{name} {count}" for name, count in summary["outcomes"].items()))
    lines += [f"  not judged, counted apart: {row['id']}: {row['reason']}" for row in summary["not_judged"]]
    lines += [f"  broken, not asked: {row['where']}: {row['reason']}" for row in summary["broken"]]
    if summary["left"]:
        lines.append(f"  {summary['left']} tasks are left: the judge's budget is spent")
    return "\n".join([*lines, summary["model"]])
