"""Screens that are nothing but text, drawn with Pillow: the quickest way to teach letters.

A web page is mostly empty; here every line is written, in random fonts, sizes and colours, and every letter's place is
known. Same form as rendered screens (collect.js). Knows nothing of tensors.
"""

import re
import subprocess
from functools import cache, lru_cache
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from deixis.vlm.words import Words

FAMILIES = [
    "DejaVu Sans",
    "DejaVu Serif",
    "Liberation",
    "Roboto",
    "Open Sans",
    "Lato",
    "Inter",
    "Nimbus",
    "URW",
    "P052",
    "C059",
    "Noto Sans",
    "Noto Serif",
    "Noto Mono",
]
SIZES = (9, 10, 11, 11, 12, 12, 12, 13, 13, 13, 14, 14, 14, 15, 15, 16, 16, 17, 18, 20, 24)


@cache
def font_files(packages: Path | None = None) -> list[str]:
    """Latin font files: of the families we use, as fontconfig knows them, and of the font packages below a folder."""
    more = sorted(str(p) for p in packages.glob("*/files/*-latin-[4567]00-*.woff2")) if packages else []
    listed = subprocess.run(
        ["fc-list", ":lang=en", "file", "family"], capture_output=True, text=True, check=True
    ).stdout
    found = [line.split(":", 1) for line in listed.splitlines() if line.count(":") >= 1]
    wanted = [path for path, family in found if any(family.strip().startswith(name) for name in FAMILIES)]
    return more + sorted(
        path for path in wanted if path.endswith((".ttf", ".otf")) and "Symbols" not in path and "Emoji" not in path
    )


@lru_cache(maxsize=400)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _colour(rng: Random, light: bool) -> tuple[int, int, int]:
    low, high = (185, 255) if light else (0, 95)
    if rng.random() < 0.5:
        grey = 255 if light and rng.random() < 0.5 else rng.randint(low, high)
        return grey, grey, grey
    return rng.randint(low, high), rng.randint(low, high), rng.randint(low, high)


def _identifier(words: Words, rng: Random) -> str:
    """A name as programs, paths and addresses have them."""
    parts = re.findall(r"[A-Za-z]+", words.sentence(2, 4))[: rng.randint(1, 3)] or ["x"]
    if rng.random() < 0.3:
        return "".join(part.title() for part in parts) + rng.choice(["", "()", "Error", ".get()"])
    name = rng.choice("_.-/").join(part.lower() for part in parts)
    return name + rng.choice(["", "", "()", ".py", ".html", "=", ":", "[1]"])


def _text(words: Words, rng: Random) -> str:
    if rng.random() < 0.12:
        return _identifier(words, rng)
    if rng.random() < 0.12:
        return " ".join(str(rng.randrange(10 ** rng.randint(1, 4))) for _ in range(rng.randint(1, 5)))
    k = rng.random()
    text = (
        words.sentence(3, 12)
        if k < 0.45
        else words.label()
        if k < 0.65
        else words.field()
        if k < 0.75
        else words.value()
    )
    return text.upper() if rng.random() < 0.08 else text


def _block(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], words: Words, rng: Random, fonts: list[str]
) -> list[Any]:
    """Fills a rectangle with lines of text of one look; returns the words as collect.js gives them."""
    x0, y0, x1, y1 = box
    light = rng.random() < 0.72
    draw.rectangle(box, fill=_colour(rng, light))
    ink = _colour(rng, not light)
    font = _font(rng.choice(fonts), rng.choice(SIZES))
    ascent, descent = font.getmetrics()
    height, gap = ascent + descent, rng.choice([0, 0, 1, 2, 4, 8])
    space = max(font.getlength(" "), 2) * rng.choice([1, 1, 1, 1, 1.6])
    out: list[Any] = []
    y = y0 + rng.randint(0, 8)
    while y + height <= y1:
        x = float(x0 + rng.randint(2, 12))
        for word in " ".join(_text(words, rng) for _ in range(3)).split():
            edges = [x + font.getlength(word[:i]) for i in range(len(word) + 1)]
            if edges[-1] > x1 - 2:
                break
            draw.text((x, y), word, font=font, fill=ink)
            out.append([word, round(edges[0]), y, round(edges[-1]), y + height, [round(e) for e in edges]])
            x = edges[-1] + (space if rng.random() < 0.93 else space * rng.randint(3, 8))
        y += height + gap
    return out


def dense_screen(
    rng: Random, width: int, height: int, packages: Path | None = None
) -> tuple[Image.Image, dict[str, Any]]:
    """A picture full of text and its description; `packages`: a folder of unpacked font packages."""
    fonts = font_files(packages)
    image = Image.new("RGB", (width, height), "white")
    draw, words, described = ImageDraw.Draw(image), Words(rng), []
    x = 0
    while x < width:
        wide = min(rng.randint(150, 420), width - x)
        y = 0
        while y < height:
            high = min(rng.randint(40, 200), height - y)
            described += _block(draw, (x, y, x + wide - 1, y + high - 1), words, rng, fonts)
            y += high
        x += wide
    return image, {"width": width, "height": height, "els": [], "words": described, "skip": [], "family": "dense"}
