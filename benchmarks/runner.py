"""Asks a pointer every item of a set and keeps what it says: results.jsonl, appended as it goes, then the summary.

A second start goes on where the first ended. Work goes out picture by picture (`Job`), and what answers jobs is a plain
iterator of results (`deixis.benchmarks.workers`): here or in processes. Knows no particular model.
"""

import json
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Protocol, runtime_checkable

from deixis.agent.picture import blank
from deixis.agent.protocols import Pointer
from deixis.benchmarks import baselines
from deixis.benchmarks.progress import Told, shown
from deixis.benchmarks.report import write_report
from deixis.benchmarks.results import Notice, Results, Run, save
from deixis.benchmarks.sets import GroundingSet, Item, Job, jobs, read_set, screenshot
from deixis.benchmarks.summary import Result, summarise, table
from deixis.benchmarks.workers import here, share, spread
from deixis.browser.errors import UsageError
from deixis.browser.types import Pointing, Reading, Screenshot

PICTURES = 20
"""Most pictures on which calls are timed."""
CALLS = (1, 20)
"""Targets of a timed call."""


@runtime_checkable
class Reader(Protocol):
    """A pointer that can also read what a question asks for."""

    def read(self, screenshot: Screenshot, question: str) -> Reading: ...


def bench(
    path: Path, model: str | None = None, workers: int = 1, out: Path | None = None, quiet: bool = False
) -> dict[str, Any]:
    """Runs a grounding set, writes results, summary and report into the folder, prints the table unless quiet; the summary."""
    told = Told()
    notice = told.notice
    found = read_set(path)
    pointer = baselines.load(model)
    run = Run(set=path.name, set_sha256=found.sha256, model=pointer.name, weights_sha256=pointer.weights_sha256)
    folder = out or Path("runs") / "-".join(filter(None, ("grounding", path.stem, run.model, run.weights_sha256[:8])))
    with Results.open(folder, run, Result, notice) as results:
        todo = asked(found.items, results.done, pointer, notice)
        work = jobs(found, todo)
        many = workers > 1 and len(work) > 1
        there = partial(_answer_there, model=model, threads=share(workers))
        answers = spread(work, there, workers) if many else here(work, partial(answer, pointer=pointer))
        for some in shown(answers, len(todo), told, lambda result: result.hit, "hit"):
            results.append(some)
    summary = conclude(found, folder, run, pointer if todo else None)
    if not quiet:
        print(table(summary))
    notice(f"results, summary and report: {folder}")
    return summary


def asked(items: Sequence[Item], done: dict[str, Result], pointer: Pointer, notice: Notice) -> list[Item]:
    """The items still to ask; those to read are left out when the model cannot."""
    able = [item for item in items if item.text is None or isinstance(pointer, Reader)]
    if len(able) < len(items):
        notice(f"{len(items) - len(able)} items to read are skipped: {pointer.name} cannot read")
    rest = [item for item in able if item.id not in done]
    if done:
        notice(f"{len(done)} items are done already, {len(rest)} are left")
    return rest


def conclude(found: GroundingSet, folder: Path, run: Run, pointer: Pointer | None) -> dict[str, Any]:
    """Writes summary.json and report.html from what is in the folder; without a pointer, calls are not timed again."""
    results = Results.read(folder / "results.jsonl", Result)
    items = [item for item in found.items if item.id in results]
    if not items:
        raise UsageError(f"none of the {len(found.items)} items of {run.set!r} can be asked of {run.model}")
    rows = [results[item.id] for item in items]
    summary = summarise(items, rows)
    path = folder / "summary.json"
    times = _times(path) if pointer is None else timed(found, pointer, items)
    summary |= {"skipped": len(found.items) - len(items), **times, **run.model_dump()}
    save(path, summary)
    write_report(folder, found, rows, summary)
    return summary


@lru_cache(maxsize=1)
def _loaded(model: str | None, threads: int) -> Pointer:
    return baselines.load(model, threads)


def _answer_there(job: Job, model: str | None, threads: int) -> list[Result]:
    return answer(job, _loaded(model, threads))


def answer(job: Job, pointer: Pointer) -> list[Result]:
    """The results of one picture: all its targets on one encode, and what is to be read."""
    shot = screenshot(job)
    targets = [item for item in job.items if item.text is None]
    questions = [item for item in job.items if item.text is not None]
    results = []
    if targets:
        found = pointer.point_many(shot, [item.instruction for item in targets])
        results += [pointed(item, pointing) for item, pointing in zip(targets, found, strict=True)]
    if questions:
        assert isinstance(pointer, Reader), "asked() leaves out what the pointer cannot do"
        results += [read(item, shot, pointer) for item in questions]
    return results


def pointed(item: Item, pointing: Pointing) -> Result:
    """Whether the point lies in the box; for a target that is not there, whether nothing was found."""
    point, box = pointing.point, item.box
    if box is None:
        hit = in_four = not pointing.found and not pointing.unreadable
    else:
        hit = point is not None and box.contains(point)
        in_four = hit or any(box.contains(other.point) for other in pointing.alternatives)
    return Result(
        id=item.id, kind=item.kind, family=item.family, page=item.page, instruction=item.instruction,
        x=point.x if point else None, y=point.y if point else None, found=pointing.found, confidence=pointing.confidence,
        hit=hit, in_four=in_four, seconds=pointing.seconds, unreadable=pointing.unreadable,
    )  # fmt: skip


def read(item: Item, shot: Screenshot, reader: Reader) -> Result:
    """Whether the text is the one on the page, but for white space."""
    start = perf_counter()
    reading = reader.read(shot, item.instruction)
    seconds = perf_counter() - start
    hit = reading.text.split() == (item.text or "").split()
    point = reading.box.centre if reading.box else None
    return Result(
        id=item.id, kind=item.kind, family=item.family, page=item.page, instruction=item.instruction,
        x=point.x if point else None, y=point.y if point else None, found=bool(reading.text.strip()), confidence=reading.confidence,
        hit=hit, in_four=hit, seconds=seconds, text=reading.text,
    )  # fmt: skip


def timed(found: GroundingSet, pointer: Pointer, items: Sequence[Item]) -> dict[str, float | None]:
    """Median seconds of calls with 1 and with 20 targets on pages not seen before."""
    targets = [item for item in items if item.text is None]
    chosen = jobs(found, targets)
    chosen = chosen[:: max(1, len(chosen) // PICTURES)][:PICTURES]
    words, other = [item.instruction for item in targets], blank(64, 64)
    spent: dict[int, list[float]] = {count: [] for count in CALLS}
    for job in chosen:
        shot, own = screenshot(job), [item.instruction for item in job.items]
        for count in CALLS:
            asks = ((own + words) * count)[:count]
            pointer.point_many(other, ["nothing"])  # the last page is kept: another one makes room
            start = perf_counter()
            pointer.point_many(shot, asks)
            spent[count].append(perf_counter() - start)
    return {f"seconds_{count}": median(times) if times else None for count, times in spent.items()}


def _times(path: Path) -> dict[str, float | None]:
    """What an earlier summary says of timed calls."""
    before = json.loads(path.read_text()) if path.exists() else {}
    return {f"seconds_{count}": before.get(f"seconds_{count}") for count in CALLS}
