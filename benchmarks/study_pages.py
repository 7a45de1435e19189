"""What the text study learns from and asks: screens as deixis-nano's eyes see them, questions about them, text alone.

Screens are what `deixis.vlm.collect` writes: pictures with the names, roles and boxes of their elements. They are split by
page: what is asked in the end was never learned from. Knows no language model.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from deixis.benchmarks.progress import Told
from deixis.browser.errors import UsageError
from deixis.browser.types import Screenshot
from deixis.vlm.pointer import NanoPointer
from deixis.vlm.seeing import features

HELD = 8
"""One page of so many is held out."""


class Page(NamedTuple):
    """A screen as it is learned from."""

    name: str
    known: Tensor
    """(T, F)"""
    elements: list[dict[str, Any]]
    width: int
    height: int


class Asked(NamedTuple):
    page: Page | None
    question: str
    answer: str


def pages(screens: Path, cache: Path, most: int, told: Told) -> list[Page]:
    """What the eyes know of each screen; looked at once, then kept."""
    files = sorted(screens.glob("*.json"))[: most or None]
    if not files:
        raise UsageError(f"no screens in {str(screens)!r}: make them with python -m deixis.vlm.collect")
    eyes = NanoPointer(dtype="float32")
    kept = _kept(cache, eyes.weights_sha256, told)
    found = []
    for number, file in enumerate(files):
        about = json.loads(file.read_text())
        if file.stem not in kept:
            kept[file.stem] = _known(eyes, file.with_suffix(".png"), about)
            if number % 20 == 0 or file == files[-1]:
                told.notice(f"looked at {number + 1} of {len(files)} screens")
                _store(cache, kept, eyes.weights_sha256)
        if len(kept[file.stem]):
            found.append(Page(file.stem, kept[file.stem], about["els"], about["width"], about["height"]))
    return found


def _kept(cache: Path, eyes: str, told: Told) -> dict[str, Tensor]:
    """What these eyes saw before."""
    if not cache.exists():
        return {}
    with safe_open(cache, "pt") as file:
        if (file.metadata() or {}).get("eyes") == eyes:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no dict
    told.notice(f"{str(cache)!r} is of other weights: the screens are looked at again")
    return {}


def _known(eyes: NanoPointer, path: Path, about: dict[str, Any]) -> Tensor:
    shot = Screenshot(png=_png(path), width=about["width"], height=about["height"])
    with torch.inference_mode():
        return features(eyes.look(shot).things, shot.width, shot.height).half().clone()


def _png(path: Path) -> bytes:
    with Image.open(path) as image:
        image.verify()
    return path.read_bytes()


def _store(cache: Path, kept: dict[str, Tensor], eyes: str) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    part = cache.with_suffix(".part")
    save_file(kept, part, {"eyes": eyes})
    part.replace(cache)


def held_out(name: str) -> bool:
    """By page, not by picture: a page's scroll offsets stay together."""
    page = name.rsplit("-", 1)[0]
    return int(hashlib.sha256(page.encode()).hexdigest(), 16) % HELD == 0


def named(page: Page) -> list[tuple[str, dict[str, Any]]]:
    """Elements whose name no other one has."""
    names = [
        (name, element)
        for element in page.elements
        for kind, name in element["names"][:1]
        if kind == "text" and 2 < len(name) < 40
    ]
    texts = [name for name, _ in names]
    return [(name, element) for name, element in names if texts.count(name) == 1]


def question(page: Page, others: Sequence[Page], rng: Random) -> Asked | None:
    """One question about a page and its short answer; None when there is none to ask."""
    own = named(page)
    if not own:
        return None
    name, element = rng.choice(own)
    sort = rng.randrange(4)
    if sort == 0:
        if rng.random() < 0.5:
            return Asked(page, f"Is there '{name}' on the page?", "Yes.")
        strangers = [other for other, _ in named(rng.choice(others))]
        absent = [other for other in strangers if other not in {n for n, _ in own}]
        return Asked(page, f"Is there '{rng.choice(absent)}' on the page?", "No.") if absent else None
    x, y = (element["box"][0] + element["box"][2]) / 2, (element["box"][1] + element["box"][3]) / 2
    if sort == 1:
        return Asked(page, f"What is '{name}' on the page?", f"A {element['role']}.")
    if sort == 2:
        return Asked(
            page, f"Is '{name}' in the left or the right half of the page?", "Left." if x < page.width / 2 else "Right."
        )
    return Asked(
        page, f"Is '{name}' in the upper or the lower half of the page?", "Upper." if y < page.height / 2 else "Lower."
    )


def stream(found: Sequence[Page], seed: int, count: int) -> Iterator[list[Asked]]:
    """Page after page, each with at most so many different questions."""
    rng = Random(seed)
    while True:
        page = rng.choice(found)
        drawn = {asked.question: asked for _ in range(count) if (asked := question(page, found, rng))}
        if drawn:
            yield list(drawn.values())


def replayed(data: Path | None) -> list[Asked]:
    """Text alone: GSM8K's training half."""
    path = (data or Path()) / "gsm8k_train.jsonl"
    if not path.exists():
        raise UsageError("replay needs gsm8k_train.jsonl in the folder that DEIXIS_TEXT_DATA names")
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return [Asked(None, row["question"], row["answer"]) for row in rows if len(row["answer"]) < 400]
