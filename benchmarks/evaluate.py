"""The table deixis-nano is judged by: every row of the validation sets, the embedded model beside OCR with fuzzy matching.

    python -m deixis.benchmarks.evaluate --sets DIR/report [--model FILE] [--against ocr] [--out DIR]     (`make eval`)

DIR is what `deixis.benchmarks.validation` wrote. Every set is run by `deixis bench grounding`, so a second start goes on
where the first ended, and each set has its report of misses. Rates come with their number of items and the standard
error by bootstrap over pages. Knows the rows and their bars, no model.
"""

import argparse
import json
import multiprocessing
import re
import resource
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch

from deixis.agent.protocols import Pointer
from deixis.benchmarks import baselines, runner, statistics
from deixis.benchmarks.results import Results
from deixis.benchmarks.sets import GroundingSet, Item, jobs, read_set
from deixis.benchmarks.summary import Result
from deixis.browser.errors import UsageError
from deixis.vlm import int8, precision
from deixis.vlm.pointer import NanoPointer


class Goal(NamedTuple):
    """A row of the table and the rate it is meant to reach."""

    set: str
    bar: float | None
    pooled: bool = True
    """Counts, with equal weight, in the comparison of models."""


GOALS = (
    Goal("named 1280x720", 0.90), Goal("named 1280x720 dark", 0.85), Goal("named 390x844@2", 0.85), Goal("named 390x844@2 dark", 0.85),
    Goal("named 1920x1080", 0.85), Goal("named 1920x1080 dark", 0.85), Goal("icons", 0.70), Goal("relations", 0.75), Goal("people", 0.60),
    Goal("reading", 0.85, pooled=False), Goal("sibling 1280x720", None, pooled=False), Goal("sibling 1280x720 dark", None, pooled=False),
    Goal("sibling 390x844@2", None, pooled=False), Goal("sibling 390x844@2 dark", None, pooled=False), Goal("sibling 1920x1080", None, pooled=False),
    Goal("sibling 1920x1080 dark", None, pooled=False),
)  # fmt: skip
Pair = tuple[Item, Result]
PICTURES = 6
"""Looked at when memory is measured."""
TIMED = 22
"""Pictures on which the embedded model and OCR are timed side by side."""
EMULATED = 5.0
"""Times as slow as float32 from which a number format is only emulated."""


class Part(NamedTuple):
    """What one model answered to one set."""

    goal: Goal
    pairs: list[Pair]
    summary: dict[str, Any]

    @property
    def present(self) -> list[Pair]:
        return [(item, result) for item, result in self.pairs if item.box is not None]

    @property
    def rate(self) -> statistics.Rate:
        return rate(self.present)


def rate(pairs: Sequence[Pair]) -> statistics.Rate:
    return statistics.rate([result.hit for _, result in pairs], [item.group for item, _ in pairs])


def ask(sets: Path, model: str | None, out: Path, named: bool = False) -> list[Part]:
    """Runs every set that is there; with `named`, those of named elements only."""
    parts = []
    for goal in GOALS:
        path = sets / f"{goal.set}.jsonl"
        if not path.exists() or (named and not goal.set.startswith("named")):
            continue
        items = read_set(path).items
        if model == "ocr" and all(item.text is not None for item in items):
            continue
        folder = out / (Path(model).stem if model else "nano") / goal.set.replace(" ", "-")
        summary = runner.bench(path, model, out=folder, quiet=True)
        results = Results.read(folder / "results.jsonl", Result)
        parts.append(Part(goal, [(item, results[item.id]) for item in items if item.id in results], summary))
    if not parts:
        raise UsageError(f"no validation sets in {str(sets)!r}: make them with python -m deixis.benchmarks.validation")
    return parts


def confidence(parts: Sequence[Part]) -> dict[str, Any]:
    """Absent targets (over the sets that ask for some), wrong clicks and calibration (over all that is pointed at)."""
    pointed = [pair for part in parts for pair in part.pairs if pair[0].text is None]
    with_absent = [
        pair for part in parts if any(item.box is None for item, _ in part.pairs) for pair in part.pairs
    ]  # fmt: skip
    doubt = np.array([1 - result.confidence for _, result in with_absent])
    gone = np.array([item.box is None for item, _ in with_absent])
    sure = np.array([result.confidence for _, result in pointed])
    landed = np.array([item.box is not None and result.hit for item, result in pointed])
    answered = [pointed[i] for i in statistics.answered(sure)]
    wrong = statistics.rate(
        [item.box is None or not result.hit for item, result in answered], [item.group for item, _ in answered]
    )
    error = statistics.bootstrap(lambda i: statistics.auroc(doubt[i], gone[i]), [item.group for item, _ in with_absent])
    return {
        "auroc": statistics.auroc(doubt, gone), "auroc_stderr": error, "absent": int(gone.sum()), "present": int((~gone).sum()),
        "wrong_clicks": wrong, "calibration_error": statistics.calibration_error(sure, landed), "n": len(pointed),
    }  # fmt: skip


def kinds(part: Part) -> list[str]:
    """A line for each kind of a mixed set."""
    names = sorted({item.kind for item, _ in part.present})
    return [
        f"    {name:24} {_percent(rate([pair for pair in part.present if pair[0].kind == name]))}"
        for name in (names if len(names) > 1 else [])
    ]


def _percent(value: statistics.Rate) -> str:
    return f"{value.rate:6.1%} ± {value.stderr:5.1%} (n={value.n})"


def table(parts: list[Part], others: list[Part], memory: float) -> str:
    """Everything, for people."""
    beside = {part.goal.set: part.rate for part in others}
    lines = []
    for part in parts:
        bar = f"bar {part.goal.bar:.0%}" if part.goal.bar else "apart"
        line = f"{part.goal.set:28} {_percent(part.rate)}  {bar:8}"
        if other := beside.get(part.goal.set):
            line += f"  ocr {_percent(other)}  {part.rate.rate - other.rate:+6.1%}"
        lines += [line, *(kinds(part) if part.goal.set in {"relations", "named 1280x720"} else [])]
    figures = confidence(parts)
    lines += [
        f"absent from present: AUROC {figures['auroc']:.3f} ± {figures['auroc_stderr']:.3f} ({figures['absent']} absent, {figures['present']} present; bar 0.95)",
        f"wrong clicks, {statistics.ANSWERED:.0%} answered: {_percent(figures['wrong_clicks'])}",
        f"calibration error {figures['calibration_error']:.3f} in {statistics.BINS} bins (n={figures['n']}; bar 0.05)",
    ]
    pooled = [part for part in parts if part.goal.pooled and part.goal.set in beside]
    if pooled:
        ours, theirs = (
            float(np.mean(rates))
            for rates in ([p.rate.rate for p in pooled], [beside[p.goal.set].rate for p in pooled])
        )
        lines.append(f"pooled, equal weight a row ({len(pooled)}): {ours:.1%}, ocr {theirs:.1%}, {ours - theirs:+.1%} (bar +10 %)")  # fmt: skip
    return "\n".join([*lines, f"peak memory at 1280x720 {memory:.2f} GB (bar 1.5)"])


def _named(sets: Path) -> tuple[GroundingSet | None, list[Item]]:
    """The set that is timed, and what is there of it to point at; None where it was not drawn."""
    path = sets / f"{GOALS[0].set}.jsonl"
    found = read_set(path) if path.exists() else None
    return found, [item for item in found.items if item.box is not None] if found else []


def side_by_side(sets: Path, model: str | None) -> list[str]:
    """Seconds of the embedded model and of OCR, picture after picture in one process: other work slows both alike."""
    found, present = _named(sets)
    if found is None or not present:
        return []
    words, every = [item.instruction for item in present], list(jobs(found, present))
    both: dict[str, Pointer] = {"nano": baselines.load(model), "ocr": baselines.load("ocr")}
    for pointer in both.values():
        runner.spent(pointer, every[0], words)  # the first call of each is slower than all others
    chosen = every[:: max(1, len(every) // TIMED)][:TIMED]
    times = [{name: runner.spent(pointer, job, words) for name, pointer in both.items()} for job in chosen]
    lines = [
        f"seconds a picture at 1280x720, {name}: "
        + ", ".join(f"{count} targets {median(one[name][count] for one in times):.2f}" for count in runner.CALLS)
        for name in both
    ]
    ratios = [one["ocr"][1] / one["nano"][1] for one in times]
    return [
        *lines,
        f"times as fast as ocr: {median(ratios):.1f}, from {min(ratios):.1f} to {max(ratios):.1f} (median of {len(ratios)} pictures, side by side; bar 3)",
    ]


def formats(sets: Path, model: str | None) -> list[str]:
    """Named elements and seconds in each number format that this processor does not merely emulate; the one it takes of itself is marked."""
    found, present = _named(sets)
    if found is None or not present:
        return []
    lines, taken = [], precision.chosen(None)
    with precision.alone():
        needed = {dtype: precision.seconds(dtype) for dtype in set(precision.FORMATS.values())}
    for name, dtype in precision.FORMATS.items():
        if needed[dtype] > EMULATED * needed[torch.float32]:
            lines.append(f"{name}: only emulated by this processor")
            continue
        if name == "int8" and not int8.offered():
            lines.append(f"{name}: not to be had, or not right, here")
            continue
        pointer = NanoPointer(Path(model) if model else None, dtype=name)
        results = {r.id: r for job in jobs(found, present) for r in runner.answer(job, pointer)}
        value = rate([(item, results[item.id]) for item in present])
        times = runner.timed(found, pointer, present)
        lines.append(f"{name}: named elements {_percent(value)}, 1 target {times['seconds_1']:.2f} s, 20 targets {times['seconds_20']:.2f} s{', taken here' if name == taken else ''}")  # fmt: skip
    return lines


def peak_memory(sets: Path, model: str | None) -> float:
    """GB at most of a fresh process that points on a few pictures of 1280x720, or of what there is."""
    path = next(path for goal in GOALS if (path := sets / f"{goal.set}.jsonl").exists())
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_pointing, path, model).result()


def _pointing(path: Path, model: str | None) -> float:
    found, pointer = read_set(path), NanoPointer(Path(model) if model else None)
    for job in list(jobs(found, found.items))[:PICTURES]:
        runner.answer(job, pointer)
    return _most_memory()


def _most_memory() -> float:
    """GB that this process took at most; of itself only, where the system says so: Linux hands a parent's peak down in `ru_maxrss`."""
    status = Path("/proc/self/status")
    said = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    return (int(said[1]) if said else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024 / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--model", help="a .safetensors file; without it, the weights in the package")
    parser.add_argument("--against", choices=["ocr", "none"], default="ocr")
    parser.add_argument("--out", type=Path, default=Path("runs/eval"))
    args = parser.parse_args()
    parts = ask(args.sets, args.model, args.out)
    memory = peak_memory(args.sets, args.model)
    others = ask(args.sets, "ocr", args.out) if args.against == "ocr" else []
    beside = side_by_side(args.sets, args.model) if args.against == "ocr" else []
    text = "\n".join([table(parts, others, memory), *beside, *formats(args.sets, args.model)])
    print(text)
    (args.out / "table.txt").write_text(text + "\n")
    figures = {part.goal.set: part.rate.model_dump() for part in parts}
    (args.out / "table.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
