"""Asks a pointer every item of a set and keeps what it says: results.jsonl, appended as it goes, then the summary.

A second start goes on where the first ended. An item that a model gives no answer to (it times out, its server fails)
goes to failures.jsonl: it counts as missed, is named and counted apart, and a second start asks it again. Work goes out picture by picture (`Job`), and what answers jobs is a plain
iterator of results (`deixis.benchmarks.workers`): here or in processes. Knows no particular model.
"""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Protocol, runtime_checkable

from deixis.agent.picture import blank
from deixis.agent.protocols import Pointer
from deixis.benchmarks import baselines
from deixis.benchmarks.progress import Told, shown
from deixis.benchmarks.published import read_published
from deixis.benchmarks.published_scores import figures, words_scored
from deixis.benchmarks.published_scores import shown as lines_of
from deixis.benchmarks.report import write_report
from deixis.benchmarks.results import Notice, Results, Run, begun, save
from deixis.benchmarks.sets import GroundingSet, Item, Job, jobs, read_set, screenshot
from deixis.benchmarks.summary import Result, summarise, table
from deixis.benchmarks.workers import here, share, spread
from deixis.browser.errors import OutputError, ServerError, UsageError
from deixis.browser.types import Frozen, Point, Pointing, Reading, Screenshot

PICTURES = 20
"""Most pictures on which calls are timed."""
CALLS = (1, 20)
"""Targets of a timed call."""


NO_ANSWER = (ServerError, OutputError, TimeoutError)
"""What a model may do with an item; anything else ends the run."""
IN_A_ROW = 5
"""Pictures without any answer after which nothing more is asked: the model is gone, not slow."""


@runtime_checkable
class Reader(Protocol):
    """A pointer that can also read what a question asks for."""

    def read(self, screenshot: Screenshot, question: str) -> Reading: ...


@runtime_checkable
class PlaceReader(Protocol):
    """A pointer that reads the line at a point."""

    def read_at(self, screenshot: Screenshot, point: Point, confidence: float = 1.0) -> Reading: ...


@runtime_checkable
class Talker(Protocol):
    """A pointer that answers questions about a picture in words."""

    def ask(self, screenshot: Screenshot, question: str) -> str: ...


class Failure(Frozen):
    """One line of failures.jsonl."""

    id: str
    reason: str


def bench(
    path: Path, model: str | None = None, workers: int = 1, out: Path | None = None, quiet: bool = False,
    form: str | None = None, cluster: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Runs a grounding set, writes results, summary and report into the folder, prints the table unless quiet; the summary.

    The embedded model runs in the number format of what is in the folder already, else in the one that is fast here.
    """
    told = Told()
    notice = told.notice
    found = open_set(path, form, (out or Path("runs")) / "pictures")
    for broken in found.broken:
        notice(f"{path}: {broken.where} is left out: {broken.reason}")
    pointer = baselines.load(model)
    where = path.resolve()
    folder = out or Path("runs") / "-".join(
        filter(None, ("grounding", where.stem, pointer.name, pointer.weights_sha256[:8]))
    )
    before = begun(folder)
    if before and before.dtype and before.dtype != _format(pointer):
        pointer = baselines.load(model, dtype=before.dtype)
    run = Run(
        set=where.name,
        set_sha256=found.sha256,
        model=pointer.name,
        weights_sha256=pointer.weights_sha256,
        dtype=_format(pointer),
    )
    with Results.open(folder, run, Result, notice) as results:
        todo = asked(found.items, results.done, pointer, notice)
        work = jobs(found, todo)
        many = bool(cluster and work) or (workers > 1 and len(work) > 1)
        there = partial(_answer_there, model=standing(model), threads=1 if cluster else share(workers), dtype=run.dtype)
        answers = spread(work, there, workers, cluster) if many else here(work, partial(tried, pointer=pointer))
        for some in shown(patient(answers, folder, todo), len(todo), told, lambda result: result.hit, "hit"):
            results.append([result for result in some if not result.failed])
    summary = conclude(found, folder, run, pointer if todo else None)
    if not quiet:
        print(table(summary))
        for line in lines_of(summary.get("published") or {}):
            print(f"as published: {line}")
    notice(f"results, summary and report: {folder}")
    return summary


def _format(pointer: Pointer) -> str | None:
    """The number format of a pointer that has a choice: the embedded model takes what is fast on a processor."""
    dtype = getattr(pointer, "dtype", None)
    return dtype if isinstance(dtype, str) else None


def standing(model: str | None) -> str | None:
    """A model's name as it is understood from any folder."""
    return str(Path(model).resolve()) if model and Path(model).exists() else model


def open_set(path: Path, form: str | None, pictures: Path) -> GroundingSet:
    """A set of ours, or a published one."""
    return read_published(str(path), form, pictures) if form or path.is_dir() else read_set(path)


def patient(answers: Iterator[list[Result]], folder: Path, todo: Sequence[Item]) -> Iterator[list[Result]]:
    """Passes answers on, writing down what has none; ServerError once nothing has had one for a while."""
    in_a_row = 0
    asked_now = {item.id for item in todo}
    failures = {id_: reason for id_, reason in _failures(folder).items() if id_ not in asked_now}
    for some in answers:
        failures |= {result.id: result.failed for result in some if result.failed}
        lines = [Failure(id=id_, reason=reason).model_dump_json() for id_, reason in failures.items()]
        if lines or (folder / FAILURES).exists():
            (folder / FAILURES).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        yield some
        in_a_row = in_a_row + 1 if all(result.failed for result in some) else 0
        if in_a_row == IN_A_ROW:
            raise ServerError(f"{IN_A_ROW} pictures in a row have no answer, the last: {some[-1].failed}")


FAILURES = "failures.jsonl"


def _failures(folder: Path) -> dict[str, str]:
    path = folder / FAILURES
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = [Failure.model_validate_json(line) for line in lines]
    return {failure.id: failure.reason for failure in found}


def asked(items: Sequence[Item], done: dict[str, Result], pointer: Pointer, notice: Notice) -> list[Item]:
    """The items still to ask; those to read are left out when the model cannot."""
    able = [item for item in items if item.text is None or isinstance(pointer, Reader | Talker)]
    if len(able) < len(items):
        notice(f"{len(items) - len(able)} items to read are skipped: {pointer.name} cannot read")
    rest = [item for item in able if item.id not in done]
    if done:
        notice(f"{len(done)} items are done already, {len(rest)} are left")
    return rest


def conclude(found: GroundingSet, folder: Path, run: Run, pointer: Pointer | None) -> dict[str, Any]:
    """Writes summary.json and report.html from what is in the folder; without a pointer, calls are not timed again."""
    results = Results.read(folder / "results.jsonl", Result)
    failures = {id_: reason for id_, reason in _failures(folder).items() if id_ not in results}
    results |= {item.id: failed(item, failures[item.id]) for item in found.items if item.id in failures}
    items = [item for item in found.items if item.id in results]
    if not items:
        raise UsageError(f"none of the {len(found.items)} items of {run.set!r} can be asked of {run.model}")
    rows = [results[item.id] for item in items]
    if all(row.failed for row in rows):
        raise ServerError(f"{run.model} answered none of {len(rows)} items, the first: {rows[0].failed}")
    summary = summarise(items, rows)
    summary["broken"] = [broken.model_dump() for broken in found.broken]
    summary["failed"] = [{"id": row.id, "reason": row.failed} for row in rows if row.failed]
    summary["format"], summary["published"] = found.format, figures(found, list(zip(items, rows, strict=True)))
    path = folder / "summary.json"
    answered = [item for item, row in zip(items, rows, strict=True) if not row.failed]
    times = _times(path) if pointer is None else timed(found, pointer, answered)
    summary |= {"skipped": len(found.items) - len(items), **times, **run.model_dump()}
    summary["path"] = str(found.path.resolve())
    save(path, summary)
    write_report(folder, found, rows, summary)
    return summary


@lru_cache(maxsize=1)
def _loaded(model: str | None, threads: int, dtype: str | None) -> Pointer:
    return baselines.load(model, threads, dtype)


def _answer_there(job: Job, model: str | None, threads: int, dtype: str | None) -> list[Result]:
    return tried(job, _loaded(model, threads, dtype))


def tried(job: Job, pointer: Pointer) -> list[Result]:
    """As `answer`, but what has no answer says so; when many are asked together, each is asked alone before."""
    try:
        return answer(job, pointer)
    except UsageError as error:  # the picture cannot be decoded: its header could be read
        return [failed(item, str(error)) for item in job.items]
    except NO_ANSWER as error:
        if len(job.items) == 1:
            return [failed(job.items[0], f"{type(error).__name__}: {error}".rstrip(": "))]
    return [result for item in job.items for result in tried(Job(job.image, [item]), pointer)]


def failed(item: Item, reason: str) -> Result:
    """The result of an item without an answer: a miss."""
    return Result(
        id=item.id, kind=item.kind, family=item.family, page=item.page, instruction=item.instruction, x=None, y=None, found=False,
        confidence=0, hit=False, in_four=False, seconds=0, failed=reason,
    )  # fmt: skip


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
        results += [read(item, shot, pointer) for item in questions]
    return results


def pointed(item: Item, pointing: Pointing) -> Result:
    """Whether the point lies in the box; for a target that is not there, whether nothing was found."""
    point, box = pointing.point, item.box
    if box is None:
        hit = in_four = not pointing.found and not pointing.unreadable
    else:
        hit = point is not None and item.holds(point)
        in_four = hit or any(item.holds(other.point) for other in pointing.alternatives)
    return Result(
        id=item.id, kind=item.kind, family=item.family, page=item.page, instruction=item.instruction,
        x=point.x if point else None, y=point.y if point else None, found=pointing.found, confidence=pointing.confidence,
        hit=hit, in_four=in_four, seconds=pointing.seconds, unreadable=pointing.unreadable,
    )  # fmt: skip


def read(item: Item, shot: Screenshot, pointer: Pointer) -> Result:
    """Whether the text is the one on the page; at a place, where the item has a box and the pointer reads at places."""
    start = perf_counter()
    if item.box is not None and item.answers == "rouge" and isinstance(pointer, PlaceReader):
        reading = pointer.read_at(shot, item.box.centre)
    elif isinstance(pointer, Reader):
        reading = pointer.read(shot, item.instruction)
    else:
        assert isinstance(pointer, Talker), "asked() leaves out what the pointer cannot do"
        reading = Reading(text=pointer.ask(shot, item.instruction).rpartition("bounding box is:")[2].strip())
    seconds = perf_counter() - start
    hit, credit = words_scored(item, reading.text)
    point = reading.box.centre if reading.box else None
    return Result(
        id=item.id, kind=item.kind, family=item.family, page=item.page, instruction=item.instruction,
        x=point.x if point else None, y=point.y if point else None, found=bool(reading.text.strip()), confidence=reading.confidence,
        hit=hit, in_four=hit, seconds=seconds, text=reading.text, credit=None if item.answers == "exact" else credit,
    )  # fmt: skip


def timed(found: GroundingSet, pointer: Pointer, items: Sequence[Item]) -> dict[str, float | None]:
    """Median seconds of calls with 1 and with 20 targets on pages not seen before."""
    targets = [item for item in items if item.text is None]
    chosen = jobs(found, targets)
    chosen = chosen[:: max(1, len(chosen) // PICTURES)][:PICTURES]
    words = [item.instruction for item in targets]
    calls = [spent(pointer, job, words) for job in chosen]
    times = {count: [call[count] for call in calls] for count in CALLS}
    return {f"seconds_{count}": median(some) if some else None for count, some in times.items()}


def spent(pointer: Pointer, job: Job, words: Sequence[str]) -> dict[int, float]:
    """Seconds of a call with 1 and with 20 targets on a page as if it were new; words: what else may be asked for."""
    shot, own, other, times = screenshot(job), [item.instruction for item in job.items], blank(64, 64), {}
    for count in CALLS:
        asks = ((own + list(words)) * count)[:count]
        pointer.point_many(other, ["nothing"])  # the last page is kept: another one makes room
        start = perf_counter()
        pointer.point_many(shot, asks)
        times[count] = perf_counter() - start
    return times


def _times(path: Path) -> dict[str, float | None]:
    """What an earlier summary says of timed calls."""
    before = json.loads(path.read_text()) if path.exists() else {}
    return {f"seconds_{count}": before.get(f"seconds_{count}") for count in CALLS}
