"""Pointers to compare with: the middle of the page, a random place, and OCR with fuzzy matching.

None of them knows what a button looks like. The OCR one reads all lines of text (rapidocr), strips the instruction to
the words that could stand on the page, and clicks the middle of the words that are spelled most alike (rapidfuzz); it
comes with `pip install 'deixis[bench]'`.
"""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from rapidfuzz import fuzz

from deixis.agent.protocols import Pointer
from deixis.browser.errors import SetupError, UsageError
from deixis.browser.types import Box, Candidate, Point, Pointing, Screenshot
from deixis.vlm.spelling import fold

FOUND = 75
"""From this likeness on (0-100), the words count as found."""
CANDIDATES = 4
VERBS = (
    "click", "click on", "press", "press on", "push", "tap", "tap on", "hit", "select", "choose", "pick", "open", "find", "locate", "go to",
    "navigate to", "point to", "point at", "hover over", "type into", "type in", "write in", "enter text in", "fill in", "fill out", "fill",
    "focus", "check", "tick", "uncheck", "untick", "toggle", "enable", "disable", "turn on", "turn off", "switch to", "follow", "use", "activate",
)  # fmt: skip
ROLES = (
    "button", "icon button", "link", "tab", "field", "input", "input field", "text field", "text box", "textbox", "search box", "box", "dropdown",
    "drop-down", "select", "list", "combo box", "checkbox", "check box", "tick box", "radio button", "radio", "option", "switch", "toggle",
    "menu item", "menu", "item", "entry", "slider", "icon", "heading", "label", "text", "section",
)  # fmt: skip
SAYING = (
    "labelled|labeled|named|called|titled|marked|that says|saying|which reads|reading|with the (?:text|label|caption)"
)


def _any(words: Sequence[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


STRIPS = (
    re.compile(r".*?[\"“‘'](?P<rest>[^\"“”‘’]+)[\"”’'](?!\w).*"),
    re.compile(r"(?:please|now|then|first|just)[, ]+(?P<rest>.+)"),
    re.compile(r"(?P<rest>.+?)(?:[.!?]| please| now)+"),
    re.compile(rf"(?:{_any(VERBS)}) (?P<rest>.+)"),
    re.compile(r"(?:the|a|an) (?P<rest>.+)"),
    re.compile(rf"(?:{_any(ROLES)}) (?:{SAYING}) (?P<rest>.+)"),
    re.compile(rf"(?P<rest>.+) (?:{_any(ROLES)})"),
)
"""What is taken off an instruction, in turns: quotes around words, courtesies, verbs, articles, roles."""


class Line(NamedTuple):
    """A line of text on the page."""

    text: str
    box: Box
    """CSS pixels."""


class Match(NamedTuple):
    """Words on the page and how much they are spelled like those looked for, 0-100."""

    likeness: float
    length: int
    """Letters looked for: of equal matches, the one with more of the instruction in it is better."""
    whole: bool
    """A line of its own: a label more often than the same words inside a sentence."""
    box: Box


def wordings(instruction: str) -> list[str]:
    """The folded instruction, then with more and more taken off that is not likely to stand on the page.

    All of them are tried: "Select all" may be a label as it is.
    """
    found = [" ".join(fold(instruction).split())]
    while True:
        rests = (strip.fullmatch(found[-1]) for strip in STRIPS)
        rest = next((match["rest"].strip() for match in rests if match and match["rest"].strip()), None)
        if rest is None:
            return found
        found.append(rest)


def windows(line: Line, words: int) -> Iterator[Line]:
    """The line, and its runs of about as many words; their boxes by the share of the line's letters."""
    yield line
    spans = [match.span() for match in re.finditer(r"\S+", line.text)]
    unit = (line.box.x1 - line.box.x0) / max(len(line.text), 1)
    for count in range(max(1, words - 1), min(words + 2, len(spans))):
        for first in range(len(spans) - count + 1):
            start, end = spans[first][0], spans[first + count - 1][1]
            x0 = line.box.x0 + start * unit
            box = Box(x0=x0, y0=line.box.y0, x1=x0 + (end - start) * unit, y1=line.box.y1)
            yield Line(line.text[start:end], box)


def best(lines: Sequence[Line], instruction: str, like: Callable[[str, str], float]) -> list[Match]:
    """The places spelled most like the instruction, best first, each with its middle outside the better ones."""
    found = [
        Match(like(fold(part.text), wording), len(wording), part is line, part.box)
        for wording in wordings(instruction)
        for line in lines
        for part in windows(line, len(wording.split()))
    ]
    found.sort(key=lambda match: (-match.likeness, -match.length, not match.whole))
    chosen: list[Match] = []
    for match in found:
        if not any(other.box.contains(match.box.centre) or match.box.contains(other.box.centre) for other in chosen):
            chosen.append(match)
        if len(chosen) == CANDIDATES:
            break
    return chosen


class OcrPointer:
    """Reads the page once, then matches spellings; the last page is kept, as the embedded model keeps it."""

    name = "ocr"
    weights_sha256 = ""

    def __init__(self, threads: int | None = None) -> None:
        try:
            from rapidocr import RapidOCR
        except ImportError as error:
            raise SetupError(f"the ocr baseline lacks {error.name!r}: pip install 'deixis[bench]'") from error
        params: dict[str, Any] = {"Global.log_level": "critical"}
        if threads:
            params["EngineConfig.onnxruntime.intra_op_num_threads"] = threads
        self._ocr: Any = RapidOCR(params=params)
        self._like = fuzz.ratio
        self._kept: tuple[Screenshot, list[Line]] | None = None

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        start = perf_counter()
        lines = self.lines(screenshot)
        shared = (perf_counter() - start) / max(len(targets), 1)
        return [self._answer(lines, target, shared) for target in targets]

    def lines(self, screenshot: Screenshot) -> list[Line]:
        """All lines of text, in CSS pixels."""
        if self._kept is None or self._kept[0] != screenshot:
            self._kept = screenshot, self._read(screenshot)
        return self._kept[1]

    def _read(self, screenshot: Screenshot) -> list[Line]:
        pixels = np.asarray(Image.open(io.BytesIO(screenshot.png)).convert("RGB"))
        seen = self._ocr(np.ascontiguousarray(pixels[:, :, ::-1]), use_cls=False)  # it wants BGR; screens are upright
        if seen.boxes is None or seen.txts is None:
            return []
        corners = np.asarray(seen.boxes, dtype=np.float64) / screenshot.scale  # (N, 4, 2)
        return [
            Line(text, Box(x0=float(c[:, 0].min()), y0=float(c[:, 1].min()), x1=float(c[:, 0].max()), y1=float(c[:, 1].max())))
            for text, c in zip(seen.txts, corners, strict=True)
        ]  # fmt: skip

    def _answer(self, lines: list[Line], target: str, shared: float) -> Pointing:
        start = perf_counter()
        matches = best(lines, target, self._like)
        seconds = shared + perf_counter() - start
        if not matches:
            return Pointing(target=target, point=None, seconds=seconds, model=self.name)
        others = tuple(Candidate(point=m.box.centre, confidence=m.likeness / 100) for m in matches[1:])
        return Pointing(
            target=target, point=matches[0].box.centre, box=matches[0].box, confidence=matches[0].likeness / 100,
            found=matches[0].likeness >= FOUND, alternatives=others, seconds=seconds, model=self.name,
        )  # fmt: skip


class CentrePointer:
    """Always the middle of the page."""

    name = "centre"
    weights_sha256 = ""

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        middle = Point(x=screenshot.width / 2, y=screenshot.height / 2)
        return [Pointing(target=t, point=middle, confidence=0.5, found=True, model=self.name) for t in targets]


class RandomPointer:
    """Anywhere, by chance; the same picture file and words give the same place again."""

    name = "random"
    weights_sha256 = ""

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        return [self._answer(screenshot, target) for target in targets]

    def _answer(self, screenshot: Screenshot, target: str) -> Pointing:
        rng = Random(f"{screenshot.width}x{screenshot.height} {target}".encode() + screenshot.png)
        point = Point(x=rng.uniform(0, screenshot.width), y=rng.uniform(0, screenshot.height))
        return Pointing(target=target, point=point, confidence=rng.random(), found=True, model=self.name)


def load(model: str | None, threads: int | None = None, dtype: str | None = None) -> Pointer:
    """A baseline by its name, else the embedded model or a weights file; threads bounds what one process takes.

    dtype: the embedded model's number format; models that have no choice are not asked.
    """
    if model == "ocr":
        return OcrPointer(threads)
    if model in ("centre", "random"):
        return CentrePointer() if model == "centre" else RandomPointer()
    if model not in (None, "nano", "deixis-nano") and Path(model).suffix != ".safetensors" and "@http" not in model:
        raise UsageError(f"--model {model!r} is none of nano, ocr, centre, random, a .safetensors file, MODEL@URL")
    from deixis.agent.api import load_pointer
    from deixis.vlm.pointer import NanoPointer

    named = model in (None, "nano", "deixis-nano")
    if dtype and (named or Path(str(model)).suffix == ".safetensors"):
        return NanoPointer(None if named else Path(str(model)), threads, dtype)
    pointer = load_pointer(model)
    if threads:
        import torch

        torch.set_num_threads(threads)
    return pointer
