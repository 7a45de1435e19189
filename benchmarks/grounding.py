"""How often the pointer hits: uniquely named elements of real templates that were never trained on.

    python -m deixis.benchmarks.grounding --screens DIR [--model FILE] [--limit N] [--out FILE]

DIR holds screens made by `deixis.vlm.collect --split validate`. Every rate comes with n and a standard error by
bootstrap over pages, since items of one page are not independent. Icon-only elements are a row of their own.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any, NamedTuple

from deixis.benchmarks.statistics import rate
from deixis.browser.types import Box, Screenshot
from deixis.vlm import ask
from deixis.vlm.pointer import NanoPointer
from deixis.vlm.spelling import fold


class Item(NamedTuple):
    """One question with the box that answers it, CSS pixels."""

    words: str
    box: Box
    kind: str


class Result(NamedTuple):
    page: str
    family: str
    kind: str
    words: str
    hit: bool
    in_four: bool
    """Whether one of the next-best points would have hit."""
    confidence: float
    seconds: float


def items(screen: dict[str, Any], rng: Random) -> list[Item]:
    """The elements of a screen whose name is theirs alone, asked plainly: by the name, or "the NAME ROLE"."""
    groups = ask.by_name(screen["els"])
    found = []
    for element in screen["els"]:
        names = ask.names_of(element)
        if not names or len(groups[fold(names[0])]) > 1:
            continue
        x0, y0, x1, y1 = element["box"]
        role = element["role"] if element["role"] != "select" else "list"
        words = names[0] if rng.random() < 0.5 else f"the {names[0]} {role}"
        found.append(Item(words, Box(x0=x0, y0=y0, x1=x1, y1=y1), "icon" if ask.is_icon(element) else element["role"]))
    return found


def run(pointer: NanoPointer, screens: list[Path], seed: int = 0) -> Iterator[Result]:
    """Asks every item of every screen; one image encode a screen."""
    for file in screens:
        screen = json.loads(file.read_text())
        shot = Screenshot(png=file.with_suffix(".png").read_bytes(), width=screen["width"], height=screen["height"])
        asked = items(screen, Random(seed))
        start = perf_counter()
        answers = pointer.point_many(shot, [item.words for item in asked])
        seconds = (perf_counter() - start) / max(len(asked), 1)
        for item, answer in zip(asked, answers, strict=True):
            hit = answer.point is not None and item.box.contains(answer.point)
            others = any(item.box.contains(other.point) for other in answer.alternatives)
            yield Result(
                f"{screen['family']}/{screen['page']}",
                screen["family"],
                item.kind,
                item.words,
                hit,
                hit or others,
                answer.confidence,
                seconds,
            )


def table(results: list[Result]) -> str:
    """Rates by family, for named elements and icons, then by kind."""
    lines = []
    for family in sorted({r.family for r in results}):
        rows = [r for r in results if r.family == family]
        slices = {"named": [r for r in rows if r.kind != "icon"], "icon": [r for r in rows if r.kind == "icon"]}
        slices |= {
            f"  {kind}": [r for r in rows if r.kind == kind] for kind in sorted({r.kind for r in rows} - {"icon"})
        }
        for name, part in slices.items():
            if part:
                pages = [r.page for r in part]
                hit, four = rate([r.hit for r in part], pages), rate([r.in_four for r in part], pages)
                lines.append(
                    f"{family:14} {name:12} hit {hit.rate:6.1%} ± {hit.stderr:5.1%}  within 4 points {four.rate:6.1%}  n={hit.n}"
                )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--limit", type=int, default=0, help="only every so many screens' worth, for a quick look")
    parser.add_argument("--out", type=Path, help="one JSON line an item")
    args = parser.parse_args()
    files = sorted(args.screens.glob("*.json"))
    files = files[:: max(1, len(files) // args.limit)] if args.limit else files
    results = list(run(NanoPointer(args.model), files))
    if args.out:
        args.out.write_text("".join(json.dumps(r._asdict()) + "\n" for r in results))
    print(table(results))


if __name__ == "__main__":
    main()
