"""The figures that published sets are quoted by, from items and what was answered, each computed as its authors do.

A target in a published set counts as hit when the point lies in its box, edges included, or in its outline; what is not
there counts when nothing is found. What differs is what is averaged. Words are scored by ROUGE (VisualWebBench, with the
`rouge` package its authors use) or by SQuAD's exact match and F1 (WebSRC; its third figure compares tags of the HTML,
which a model of pixels does not name: a dash). Knows no model.
"""

import re
import string
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deixis.benchmarks import statistics
from deixis.benchmarks.sets import GroundingSet, Item
from deixis.benchmarks.summary import Result, Row
from deixis.browser.errors import SetupError

Figures = dict[str, Any]


def normalised(text: str) -> str:
    """SQuAD's: small letters, no punctuation, no articles, single spaces."""
    plain = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", plain).split())


def f1(gold: str, said: str) -> float:
    """SQuAD's F1 of words."""
    wanted, given = normalised(gold).split(), normalised(said).split()
    same = sum((Counter(wanted) & Counter(given)).values())
    if not wanted or not given:
        return float(wanted == given)
    return 2 * same / (len(wanted) + len(given))


def rouge(gold: str, said: str) -> dict[str, float]:
    """F of ROUGE-1, -2 and -L; an answer of nothing or one letter is a blank, as VisualWebBench has it."""
    try:
        from rouge import Rouge
    except ImportError as error:
        raise SetupError(
            "VisualWebBench's words are scored by the package 'rouge': pip install 'deixis[bench]'"
        ) from error
    said = said if len(said.strip()) > 1 else " "
    if not re.sub(r"[.\s]", "", said):
        return {"rouge_1": 0.0, "rouge_2": 0.0, "rouge_l": 0.0}
    scores = Rouge(metrics=["rouge-1", "rouge-2", "rouge-l"]).get_scores([said], [gold])[0]
    return {name.replace("-", "_"): float(value["f"]) for name, value in scores.items()}


def words_scored(item: Item, said: str) -> tuple[bool, float]:
    """Whether the words are right, and how right in part."""
    gold = item.text or ""
    if item.answers == "squad":
        return normalised(gold) == normalised(said), f1(gold, said)
    same = gold.split() == said.split()
    return same, rouge(gold, said)["rouge_l"] if item.answers == "rouge" else float(same)


def rate(rows: Sequence[Row]) -> Figures:
    return statistics.rate([result.hit for _, result in rows], [item.group for item, _ in rows]).model_dump()


def cells(rows: Sequence[Row]) -> Figures:
    """Rates of each device with each kind, and what the whole is."""
    parts = {
        name: [row for row in rows if name == f"{row[0].family} {row[0].kind}"]
        for name in sorted({f"{i.family} {i.kind}" for i, _ in rows})
    }
    by = {name: rate(some) for name, some in parts.items()}
    return by | {"all": rate(rows), "mean of cells": float(np.mean([row["rate"] for row in by.values()]))}


def pro(rows: Sequence[Row]) -> Figures:
    """ScreenSpot-Pro: of everything, of text and icons, and of each group."""
    kinds = {kind: [row for row in rows if row[0].kind == kind] for kind in ("text", "icon")}
    unreadable = sum(result.x is None for _, result in rows)
    return {"all": rate(rows), "wrong format": unreadable} | {kind: rate(some) for kind, some in kinds.items() if some} | {
        group: rate([row for row in rows if row[0].family == group]) for group in sorted({item.family for item, _ in rows})
    }  # fmt: skip


def osworld(rows: Sequence[Row]) -> Figures:
    """With refusals and without, and by what the set says of the target."""
    present = [row for row in rows if row[0].box is not None]
    tags = sorted({tag for item, _ in rows for tag in item.tags})
    return (
        {"all": rate(rows)}
        | ({"without refusals": rate(present)} if present else {})
        | {tag: rate([row for row in rows if tag in row[0].tags]) for tag in tags}
    )


def clicks(rows: Sequence[Row]) -> Figures:
    """Showdown: accuracy and latency, each with a 95 % interval by bootstrap."""
    hits = np.array([result.hit for _, result in rows], dtype=np.float64)
    seconds = np.array([result.seconds for _, result in rows])
    picks = np.random.default_rng(0).integers(0, len(rows), (statistics.SAMPLES, len(rows)))

    def interval(values: statistics.Numbers) -> list[float]:
        return [float(v) for v in np.percentile(values[picks].mean(1), [2.5, 97.5])]

    return {
        "all": rate(rows),
        "interval": interval(hits),
        "seconds": float(seconds.mean()),
        "seconds_interval": interval(seconds),
    }


def element_accuracy(rows: Sequence[Row], steps: dict[str, int]) -> Figures:
    """Multimodal-Mind2Web: steps that were never asked, since no block with the target was chosen, count as missed."""
    tasks: dict[str, list[bool]] = defaultdict(list)
    for item, result in rows:
        tasks[item.group].append(result.hit)
    for task, count in steps.items():
        tasks[task] += [False] * (count - len(tasks[task]))
    every = [hit for hits in tasks.values() for hit in hits]
    pages = [task for task, hits in tasks.items() for _ in hits]
    return {
        "of what was asked": rate(rows), "element accuracy": statistics.rate(every, pages).model_dump(),
        "macro element accuracy": float(np.mean([np.mean(hits) for hits in tasks.values()])),
        "steps counted": "all" if steps else "those asked: *_blocks.jsonl is not there",
    }  # fmt: skip


def visualwebbench(rows: Sequence[Row]) -> Figures:
    """Accuracy of pointing, mean F of ROUGE for what was read, by task."""
    out: Figures = {}
    for task in sorted({item.kind for item, _ in rows}):
        some = [row for row in rows if row[0].kind == task]
        if some[0][0].text is None:
            out[task] = rate(some)
            continue
        scores = [rouge(item.text or "", result.text or "") for item, result in some]
        out[task] = {"n": len(some)} | {
            name: float(np.mean([s[name] for s in scores])) for name in ("rouge_1", "rouge_2", "rouge_l")
        }
    return out


def websrc(rows: Sequence[Row]) -> Figures:
    parts = [f1(item.text or "", result.text or "") for item, result in rows]
    return {"exact": rate(rows), "f1": float(np.mean(parts)), "pos": None}


FIGURES: dict[str, Callable[[Sequence[Row]], Figures]] = {
    "screenspot": cells, "screenspot-v2": cells, "screenspot-pro": pro, "osworld-g": osworld, "showdown": clicks,
    "visualwebbench": visualwebbench, "websrc": websrc,
    "webclick": lambda rows: {"all": rate(rows)} | {name: rate([r for r in rows if r[0].kind == name]) for name in sorted({i.kind for i, _ in rows})},
}  # fmt: skip


def figures(of: GroundingSet, rows: Sequence[Row]) -> Figures | None:
    """What the set is quoted by; None for a set of ours."""
    if of.format == "mind2web":
        return element_accuracy(rows, of.steps)
    return FIGURES[of.format](rows) if of.format in FIGURES else None


def shown(found: Figures) -> list[str]:
    """A line for each figure."""
    out = []
    for name, value in found.items():
        if isinstance(value, dict) and "rate" in value:
            low, high = value["interval"]
            out.append(
                f"{name}: {value['rate']:.1%} ± {value['stderr']:.1%} (95 % {low:.1%} to {high:.1%}, n={value['n']})"
            )
        elif isinstance(value, dict):
            out.append(
                f"{name}: "
                + ", ".join(
                    f"{key} {part if isinstance(part, int) else format(part, '.3f')}" for key, part in value.items()
                )
            )
        else:
            out.append(
                f"{name}: {'-' if value is None else format(value, '.3f') if isinstance(value, float) else value}"
            )
    return out


__all__ = ["Result", "figures", "shown", "words_scored"]
