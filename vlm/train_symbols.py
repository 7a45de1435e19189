"""What the symbol network learns: drawings of open icon sets, by their names and tags. See `train`.

Chromium draws every icon once, larger than screens show them; examples are made of these by shrinking, shifting,
thickening and fading, as they would be cut from a page. Signs that fonts draw ("x", arrows, three dots) are among them.
Knows nothing of pages.
"""

import asyncio
import io
import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageFilter
from playwright.async_api import async_playwright
from torch import Tensor
from torch.utils.data import IterableDataset

from deixis.browser.launch import launch
from deixis.vlm import meaning
from deixis.vlm.icons import Icons
from deixis.vlm.model import DRAWING, Nano
from deixis.vlm.symbols import drawing_of

LARGE = 64
"""Pixels of a side at which drawings are kept."""
COLUMNS, ROWS = 20, 12
STRANGERS = 2000
"""Names of other drawings that each batch is told apart from."""
GLYPHS = {
    "×": "close|x|dismiss|remove", "✕": "close|x|cross|dismiss", "✖": "close|x|cross", "☰": "menu|hamburger|navigation", "≡": "menu|hamburger|list", "⋮": "more|more options|menu|kebab",
    "…": "more|ellipsis|more options", "⋯": "more|ellipsis|three dots", "←": "back|left|arrow left|previous", "→": "forward|right|arrow right|next", "↑": "up|arrow up|top", "↓": "down|arrow down|bottom",
    "‹": "previous|back|left|chevron left", "›": "next|forward|right|chevron right", "«": "first|previous|back", "»": "last|next|forward", "▲": "up|sort|collapse", "▼": "down|expand|dropdown", "▾": "down|expand|dropdown|open",
    "▸": "expand|right|open", "◀": "previous|left", "▶": "play|start|next", "✓": "check|done|tick|ok", "✔": "check|done|tick", "★": "star|favorite|rate", "☆": "star|favorite|bookmark", "♥": "heart|like|love", "♡": "heart|like|love",
    "⚙": "settings|gear|cog|options", "⚑": "flag|report", "✎": "edit|pencil|write", "✉": "mail|email|envelope|message", "☎": "phone|call|telephone", "⌂": "home|house", "↻": "refresh|reload|redo", "↺": "undo|reset|restore", "⟳": "refresh|reload|sync",
    "🔍": "search|find|magnifier", "🗑": "delete|trash|remove|bin", "🔔": "notifications|bell|alerts", "🔒": "lock|secure|private", "🏠": "home|house", "👤": "user|profile|account", "⏸": "pause", "■": "stop", "⏻": "power|log out|shut down", "ⓘ": "info|information|about", "?": "help|question", "!": "warning|alert|important", "+": "add|plus|new|create", "−": "minus|remove|subtract|less",
}  # fmt: skip
FONTS = ("DejaVu Sans", "Noto Sans Symbols2", "Liberation Sans", "Noto Color Emoji", "Roboto")


class Drawings(NamedTuple):
    """All drawings, and what they are called."""

    pixels: np.ndarray
    """(N, LARGE, LARGE) uint8 ink"""
    names: list[list[int]]
    """Numbers of each drawing's names, its own first."""
    bank: list[str]
    """All names."""
    meanings: Tensor
    """(len(bank), 384)"""


class Batch(NamedTuple):
    drawings: Tensor
    """(B, 1, 40, 40)"""
    candidates: Tensor
    """(K,) numbers of names"""
    right: Tensor
    """(B, K) how much each name is right: 1 for the drawing's own, less for tags"""


async def render(pictures: Sequence[str]) -> np.ndarray:
    """(N, LARGE, LARGE) uint8 ink of HTML drawings."""
    out = []
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        page = await browser.new_page(viewport={"width": COLUMNS * LARGE, "height": ROWS * LARGE})
        for start in range(0, len(pictures), COLUMNS * ROWS):
            some = pictures[start : start + COLUMNS * ROWS]
            cells = "".join(f"<div>{picture}</div>" for picture in some)
            await page.set_content(
                f"<style>body{{margin:0;display:grid;grid-template-columns:repeat({COLUMNS},{LARGE}px);color:#000}}"
                f"div{{width:{LARGE}px;height:{LARGE}px;display:flex;align-items:center;justify-content:center;overflow:hidden}}</style>{cells}"
            )
            sheet = 255 - np.asarray(Image.open(io.BytesIO(await page.screenshot())).convert("L"))
            for i in range(len(some)):
                top, left = i // COLUMNS * LARGE, i % COLUMNS * LARGE
                out.append(sheet[top : top + LARGE, left : left + LARGE])
        await browser.close()
    return np.stack(out)


def load(packages: Path, folder: Path) -> Drawings:
    """Drawings of all sets; rendered once, then kept in the folder."""
    file = folder / "drawings.npz"
    if not file.exists():
        icons, pictures, names = Icons(packages), [], []
        for called, path in icons.files:
            pictures.append(icons.svg(path, 52))
            names.append(list(called))
        for glyph, words in GLYPHS.items():
            for font in FONTS:
                pictures.append(f"<span style=\"font:52px/1 '{font}'\">{escape(glyph)}</span>")
                names.append(words.split("|"))
        bank = sorted({name for row in names for name in row}, key=len)  # of one length: less padding
        vectors = torch.cat([meaning.shared().encode(bank[i : i + 256]).whole for i in range(0, len(bank), 256)])
        pixels = asyncio.run(render(pictures))
        np.savez_compressed(
            file, pixels=pixels, names=json.dumps(names), bank=json.dumps(bank), meanings=vectors.half().numpy()
        )
    stored = np.load(file)
    called, bank = json.loads(str(stored["names"])), json.loads(str(stored["bank"]))
    index = {name: i for i, name in enumerate(bank)}
    numbers = [[index[name] for name in row] for row in called]
    return Drawings(stored["pixels"], numbers, bank, torch.from_numpy(stored["meanings"]).float())


def seen_as(ink: np.ndarray, rng: Random) -> Image.Image:
    """One drawing as a page may show it: small, in some colour on some ground, now and then framed."""
    image = Image.fromarray(ink)
    if rng.random() < 0.15:
        image = image.filter(ImageFilter.MaxFilter(3) if rng.random() < 0.6 else ImageFilter.MinFilter(3))
    if rng.random() < 0.2:
        image = image.rotate(rng.uniform(-6, 6), Image.Resampling.BICUBIC)
    size = rng.choice([12, 14, 16, 16, 18, 20, 20, 24, 24, 28, 32, 40, 48])
    size = round(size * LARGE / 52)
    shape = size, max(6, round(size * rng.uniform(0.92, 1.08)))
    shade = (
        np.asarray(
            image.resize(shape, Image.Resampling.BOX if rng.random() < 0.6 else Image.Resampling.BICUBIC), np.float32
        )
        / 255
    )
    edge = rng.randint(0, 8)
    shade = np.pad(shade, ((edge + rng.randint(0, 2), edge), (edge, edge + rng.randint(0, 2))))[..., None]
    dark = rng.random() < 0.3
    ground = np.array([rng.randint(0, 90) if dark else rng.randint(170, 255) for _ in range(3)], np.float32)
    if rng.random() < 0.4:
        ground[:] = 0 if dark else 255
    colour = np.array([rng.randint(150, 255) if dark else rng.randint(0, 130) for _ in range(3)], np.float32)
    pixels = ground * (1 - shade) + colour * shade
    if rng.random() < 0.3:
        line = ground * 0.75 + colour * 0.25
        pixels[[0, -1], :], pixels[:, [0, -1]] = line, line
    return Image.fromarray(np.uint8(pixels.clip(0, 255)))


class Batches(IterableDataset[Batch]):
    """Endless batches of drawings with the names they must be told from."""

    def __init__(self, drawings: Drawings, seed: int, size: int) -> None:
        self.drawings, self.seed, self.size = drawings, seed, size
        common = {name for name, count in _counts(drawings).items() if count > 2}
        self.frequent = [i for i, names in enumerate(drawings.names) if names[0] in common]

    def __iter__(self) -> Iterator[Batch]:
        rng = Random(self.seed)
        known = self.drawings
        while True:
            chosen: list[int] = []
            pictures: list[np.ndarray] = []
            while len(chosen) < self.size:
                number = rng.choice(self.frequent) if rng.random() < 0.35 else rng.randrange(len(known.names))
                drawing = drawing_of(seen_as(known.pixels[number], rng))
                if drawing is not None:
                    chosen.append(number)
                    pictures.append(drawing)
            own = {name for number in chosen for name in known.names[number]}
            candidates = sorted(own | set(rng.sample(range(len(known.bank)), min(STRANGERS, len(known.bank)))))
            place = {name: i for i, name in enumerate(candidates)}
            right = torch.zeros(len(chosen), len(candidates))
            for row, number in enumerate(chosen):
                for k, name in enumerate(known.names[number]):
                    right[row, place[name]] = 1.0 if k == 0 else 0.5
            yield Batch(torch.from_numpy(np.stack(pictures))[:, None], torch.tensor(candidates), right)


def _counts(drawings: Drawings) -> dict[int, int]:
    counts: dict[int, int] = {}
    for names in drawings.names:
        counts[names[0]] = counts.get(names[0], 0) + 1
    return counts


class Drawing:
    """Stage `draw`."""

    parts: Sequence[str] = DRAWING
    shapes = True

    def __init__(self, packages: Path, folder: Path, size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.drawings, self.size = load(packages, folder), size

    def examples(self, seed: int) -> IterableDataset[Any]:
        return Batches(self.drawings, seed, self.size)

    def loss(self, model: Nano, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        symbols = model.symbols
        names = symbols.named(self.drawings.meanings[batch.candidates])
        logits = symbols(batch.drawings) @ names.T * symbols.sharpness.exp()
        logp = logits.log_softmax(1)
        shares = batch.right / batch.right.sum(1, keepdim=True)
        any_of = (logp + batch.right.clamp(min=1e-9).log()).logsumexp(1).clamp(max=0)
        # The other way round: each name of the batch is told which drawings it fits.
        wanted = batch.right.sum(0) > 0
        back = (
            (logits[:, wanted].log_softmax(0) + batch.right[:, wanted].clamp(min=1e-9).log()).logsumexp(0).clamp(max=0)
        )
        loss = -(0.5 * any_of + 0.5 * (logp * shares).sum(1)).mean() - 0.3 * back.mean()
        best = logits.argmax(1, keepdim=True)
        return loss, {"named": (batch.right.gather(1, best) > 0).float().mean().item()}
