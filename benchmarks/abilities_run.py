"""`deixis bench clocks` and `deixis bench counting`: what models can do beside pointing at one thing.

Pictures are drawn here (`clock_faces`, `counting_scenes`), answers are scored as the Molmo paper scores them. A model that
has no words for a task (the embedded one has none for either) gets a dash, never a score. Resumable. Knows no model.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from deixis.benchmarks import baselines, molmo_scores, statistics
from deixis.benchmarks.clock_faces import face
from deixis.benchmarks.counting_scenes import scene
from deixis.benchmarks.progress import Told, answering, shown
from deixis.benchmarks.results import Results, Run, save
from deixis.browser.errors import OutputError, ServerError
from deixis.browser.types import Frozen, Screenshot
from deixis.vlm.abilities import CLOCK, COUNT, count_in
from deixis.vlm.families import Family
from deixis.vlm.frames import prepare

COUNTS = {"clocks": 450, "counting": 300}
"""Pictures of a full run: ten of each style of clock."""


@runtime_checkable
class Talking(Protocol):
    """A model that answers about a picture in words."""

    name: str
    weights_sha256: str
    family: Family

    def ask(self, screenshot: Screenshot, question: str, style: str) -> str: ...


class Ability(Frozen):
    """One line of results.jsonl."""

    id: str
    kind: str
    """The clock's style, or how many there are."""
    gold: str
    answer: str
    correct: bool
    """Close, for a clock; exactly so many, for counting."""
    scores: dict[str, float]
    """Everything else that is quoted."""
    seconds: float
    failed: str = ""


def bench(
    task: str, model: str | None, count: int | None, seed: int, out: Path | None, pointer: Any = None
) -> dict[str, Any]:
    """Runs a task; the summary, with a rate of None where the model has no words for it."""
    told = Told()
    held = pointer or baselines.load(model)
    folder = out or Path("runs") / f"{task}-{held.name.replace('/', '-')}"
    numbers = range(count or COUNTS[task])
    setting = f"{task}, seed {seed}"
    run = Run(
        set=setting, set_sha256=f"{setting}, drawn as of version 1", model=held.name, weights_sha256=held.weights_sha256
    )
    if not isinstance(held, Talking):
        told.notice(f"{held.name} does not answer in words: it cannot do {task}")
        folder.mkdir(parents=True, exist_ok=True)
        summary = {"n": 0, "rate": None, **run.model_dump()}
        save(folder / "summary.json", summary)
        return summary
    one = partial({"clocks": clock, "counting": counted}[task], model=held, seed=seed)
    with Results.open(folder, run, Ability, told.notice) as results:
        todo = [number for number in numbers if f"{_prefix(task)}/{number}" not in results.done]
        failed: dict[str, Ability] = {}
        answers = answering(_each(todo, one), lambda row: row.failed)
        for some in shown(answers, len(todo), told, lambda row: row.correct, "right"):
            results.append([row for row in some if not row.failed])
            failed |= {row.id: row for row in some if row.failed}
        rows = [results.done.get(f"{_prefix(task)}/{n}") or failed[f"{_prefix(task)}/{n}"] for n in numbers]
    summary = summarise(rows) | run.model_dump()
    save(folder / "summary.json", summary)
    told.notice(f"results and summary: {folder}")
    return summary


def _prefix(task: str) -> str:
    return {"clocks": "clock", "counting": "count"}[task]


def _each(numbers: Sequence[int], one: Callable[[int], Ability]) -> Iterator[list[Ability]]:
    for number in numbers:
        yield [one(number)]


def clock(number: int, model: Talking, seed: int) -> Ability:
    """One clock, read."""
    drawn = face(number, seed)
    said, seconds, failed = _asked(model, _shot(drawn.image), "", CLOCK)
    gold = "not shown" if drawn.hour is None else f"{drawn.hour}:{drawn.minute:02d}"
    score = molmo_scores.clock(said, drawn.hour, drawn.minute)
    scores = {name: float(value) for name, value in score.model_dump().items() if value is not None}
    return Ability(
        id=drawn.id,
        kind=drawn.style,
        gold=gold,
        answer=said,
        correct=score.close and not failed,
        scores={} if failed else scores,
        seconds=seconds,
        failed=failed,
    )


def counted(number: int, model: Talking, seed: int) -> Ability:
    """One scene, counted; and where the model counts by pointing, how well it points."""
    drawn = scene(number, seed)
    shot = _shot(drawn.image)
    said, seconds, failed = _asked(model, shot, drawn.what, COUNT)
    total = molmo_scores.count(said)
    there = len(drawn.points)
    scores = {"valid": float(total is not None), "close": float(total is not None and abs(total - there) <= 1)}
    if COUNT in model.family.styles and not failed:
        try:
            points, readable = count_in(said, model.family, prepare(shot, model.family.fit).resize).points, True
        except OutputError:
            points, readable = (), False
        scores |= molmo_scores.pointing(
            points, drawn.points, drawn.masks, readable and ("<point" not in said or molmo_scores.valid(said))
        ).model_dump()
        total = len(points) if total is None and readable else total
    correct = total == there and not failed
    return Ability(
        id=drawn.id,
        kind=str(there),
        gold=str(there),
        answer=said,
        correct=correct,
        scores={} if failed else scores,
        seconds=seconds,
        failed=failed,
    )


def _asked(model: Talking, shot: Screenshot, question: str, style: str) -> tuple[str, float, str]:
    """The answer, the seconds it took, and why there is none."""
    start = perf_counter()
    try:
        return model.ask(shot, question, style), perf_counter() - start, ""
    except (ServerError, OutputError, TimeoutError) as error:
        return "", perf_counter() - start, f"{type(error).__name__}: {error}"


def _shot(image: Image.Image) -> Screenshot:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return Screenshot(png=buffer.getvalue(), width=image.width, height=image.height)


def summarise(rows: Sequence[Ability]) -> dict[str, Any]:
    """Rates, by kind, and the mean of every other score over the items that have it."""

    def rate(some: Sequence[Ability]) -> dict[str, Any]:
        return statistics.rate([row.correct for row in some], [row.id for row in some]).model_dump()

    names = sorted({name for row in rows for name in row.scores})
    kinds = sorted({row.kind for row in rows}, key=lambda kind: (len(kind), kind))
    means = {
        name: [row.scores.get(name, 0.0) for row in rows if name in row.scores or (row.failed and name != "declined")]
        for name in names
    }
    seconds = [row.seconds for row in rows]
    return {
        **rate(rows), "by": {"kind": {kind: rate([row for row in rows if row.kind == kind]) for kind in kinds}},
        "scores": {name: {"mean": float(np.mean(values)), "stderr": float(np.std(values) / len(values) ** 0.5), "n": len(values)} for name, values in means.items()},
        "failed": [{"id": row.id, "reason": row.failed} for row in rows if row.failed],
        "seconds_p50": statistics.percentile(seconds, 50), "seconds_p95": statistics.percentile(seconds, 95),
    }  # fmt: skip


def table(task: str, summary: dict[str, Any]) -> str:
    """For people; a dash where there is nothing to say."""
    if summary["rate"] is None:
        return f"{task}: -   ({summary['model']} does not answer in words)"
    low, high = summary["interval"]
    what = "hour right, minute within one" if task == "clocks" else "exactly so many"
    lines = [
        f"{what}: {summary['rate']:.1%} ± {summary['stderr']:.1%} (95 % {low:.1%} to {high:.1%}, n={summary['n']})"
    ]
    lines += [
        f"  {name}: {part['mean']:.3f} ± {part['stderr']:.3f} (n={part['n']})"
        for name, part in summary["scores"].items()
    ]
    if task == "counting":
        lines += [f"  {kind} there: {row['rate']:.1%} (n={row['n']})" for kind, row in summary["by"]["kind"].items()]
        lines += [] if "f1" in summary["scores"] else ["  pointing: -   (it does not count by pointing)"]
    lines += [f"  no answer: {row['id']}: {row['reason']}" for row in summary["failed"]]
    return "\n".join([*lines, f"model: {summary['model']} {summary['weights_sha256'][:12]}".rstrip()])
