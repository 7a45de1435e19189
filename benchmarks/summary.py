"""What the results of a set amount to: rates by kind and family, absent targets, calibration, seconds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deixis.benchmarks import statistics
from deixis.benchmarks.sets import Item
from deixis.browser.types import Frozen


class Result(Frozen):
    """One line of results.jsonl."""

    id: str
    kind: str
    family: str
    page: str
    instruction: str
    x: float | None
    """CSS pixels; the best point even where the target does not count as found."""
    y: float | None
    found: bool
    confidence: float
    hit: bool
    """The point lies in the box, the text is the right one, or what is absent was not found."""
    in_four: bool
    """The point or one of the next-best ones hits."""
    seconds: float
    text: str | None = None
    """What was read, where something was to be read."""
    unreadable: str = ""
    """Why the model's answer could not be read as a place."""
    credit: float | None = None
    """How right what was read is in part, where the set scores that."""
    failed: str = ""
    """Why there is no answer: such an item counts as missed, and apart; it is not among the results, but among failures."""


Row = tuple[Item, Result]


def summarise(items: Sequence[Item], results: Sequence[Result]) -> dict[str, Any]:
    """Figures of items and their results, in the same order."""
    rows = list(zip(items, results, strict=True))
    seconds = [result.seconds for result in results]
    pointed = [(item, result) for item, result in rows if item.text is None]
    return {
        **_rate(rows),
        "by": {name: _by(rows, name) for name in ("kind", "family")} | _tags(rows),
        "in_four": _rate(rows, lambda item, result: result.in_four),
        "seconds_p50": float(np.percentile(seconds, 50)), "seconds_p95": float(np.percentile(seconds, 95)),
        "absent": _absent(pointed), "confidence": _confidence(pointed),
    }  # fmt: skip


def _rate(
    rows: Sequence[Row], good: Callable[[Item, Result], bool] = lambda item, result: result.hit
) -> dict[str, Any]:
    return statistics.rate([good(*row) for row in rows], [item.group for item, _ in rows]).model_dump()


def _by(rows: Sequence[Row], name: str) -> dict[str, Any]:
    values = sorted({getattr(item, name) for item, _ in rows})
    return {value: _rate([row for row in rows if getattr(row[0], name) == value]) for value in values}


def _tags(rows: Sequence[Row]) -> dict[str, Any]:
    """Rates by tag, for sets that have tags: an item counts under each of its own."""
    tags = sorted({tag for item, _ in rows for tag in item.tags if tag})
    by = {tag: _rate([row for row in rows if tag in row[0].tags]) for tag in tags}
    return {"tag": by} if by else {}


def _absent(rows: Sequence[Row]) -> dict[str, Any] | None:
    """How well confidence tells what is not there from what is; None when the set asks for nothing absent."""
    absent = [row for row in rows if row[0].box is None]
    if not absent:
        return None
    doubt = np.array([1 - result.confidence for _, result in rows])
    gone = np.array([item.box is None for item, _ in rows])
    error = statistics.bootstrap(lambda i: statistics.auroc(doubt[i], gone[i]), [item.group for item, _ in rows])
    return {
        "n": len(absent), "present": len(rows) - len(absent),
        "auroc": statistics.auroc(doubt, gone), "auroc_stderr": error,
        "found": _rate(absent, lambda item, result: result.found),
    }  # fmt: skip


def _confidence(rows: Sequence[Row]) -> dict[str, Any] | None:
    """What the confidence is worth. A click on what is not there is wrong, whatever `found` says."""
    if not rows:
        return None
    confidence = np.array([result.confidence for _, result in rows])
    landed = np.array([item.box is not None and result.hit for item, result in rows])
    answered = [rows[index] for index in statistics.answered(confidence)]
    return {
        "answered": statistics.ANSWERED,
        "wrong_clicks": _rate(answered, lambda item, result: item.box is None or not result.hit),
        "calibration_error": statistics.calibration_error(confidence, landed), "bins": statistics.BINS,
    }  # fmt: skip


def table(summary: dict[str, Any]) -> str:
    """The summary for people, a rate a line."""
    rows = [
        ("all", summary),
        *((f"{name} {key}", value) for name, by in summary["by"].items() for key, value in by.items()),
    ]
    rows.append(("within four points", summary["in_four"]))
    if summary["absent"]:
        rows.append(("absent, yet found", summary["absent"]["found"]))
    if summary["confidence"]:
        rows.append(
            (f"wrong clicks, {summary['confidence']['answered']:.0%} answered", summary["confidence"]["wrong_clicks"])
        )
    wide = max(len(name) for name, _ in rows)
    lines = [f"{name:{wide}}  {row['rate']:6.1%} ± {row['stderr']:5.1%}  n={row['n']}" for name, row in rows]
    if summary["absent"] and summary["absent"]["auroc"] is not None:
        lines.append(
            f"absent from present: AUROC {summary['absent']['auroc']:.3f} ± {summary['absent']['auroc_stderr']:.3f}"
        )
    if summary["confidence"]:
        lines.append(
            f"calibration error {summary['confidence']['calibration_error']:.1%} in {summary['confidence']['bins']} bins"
        )
    times = [f"item {summary['seconds_p50']:.3f}, 95 % {summary['seconds_p95']:.3f}"]
    times += [f"{n} at once {summary[f'seconds_{n}']:.2f}" for n in (1, 20) if summary[f"seconds_{n}"] is not None]
    return "\n".join(
        [
            *lines,
            *_apart(summary),
            f"seconds: {', '.join(times)}",
            f"model: {summary['model']} {summary['weights_sha256'][:12]}".rstrip(),
        ]
    )


def _apart(summary: dict[str, Any]) -> list[str]:
    """What is counted apart, named."""
    lines = [f"broken, not asked: {row['where']}: {row['reason']}" for row in summary.get("broken", [])]
    return lines + [f"no answer, counted as missed: {row['id']}: {row['reason']}" for row in summary.get("failed", [])]
