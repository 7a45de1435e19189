"""Pre-processing: a screenshot becomes tiles at one pixel per CSS pixel and one small overview.

All coordinates are CSS pixels of the viewport (x right, y down). Tiles overlap and own disjoint rectangles whose edges
lie on the cell grid, so that what the encoder says of each tile can be stitched into one map of the page.
Knows nothing of tensors' meaning: it only makes them.
"""

import io
import math
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from deixis.browser.errors import UsageError
from deixis.vlm.config import ImageConfig

MAX_SIDE = 20_000


class Tile(NamedTuple):
    """A window on the page and the part of it whose cells it provides."""

    x: int
    y: int
    width: int
    height: int
    own: tuple[int, int, int, int]
    """x0, y0, x1, y1 on the page."""


class Prepared(NamedTuple):
    """What the encoder takes: pixels in [-1, 1]."""

    tiles: Tensor
    """(N, 3, H, W) float32."""
    plan: list[Tile]
    overview: Tensor
    """(1, 3, h, w) float32."""
    overview_scale: float
    """Overview pixels per CSS pixel."""
    size: tuple[int, int]
    """CSS width and height of the page."""


def open_image(data: bytes, what: str = "the image") -> Image.Image:
    """Decodes a picture to RGB; UsageError when the bytes are no image or it has no size we can take."""
    try:
        image = Image.open(io.BytesIO(data)).convert("RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise UsageError(f"{what} is not an image that can be read ({error})") from error
    if max(image.size) > MAX_SIDE or min(image.size) < 8:
        raise UsageError(
            f"{what} is {image.width}x{image.height} pixels: between 8 and {MAX_SIDE} on a side can be taken"
        )
    return image


def css_image(image: Image.Image, width: int, height: int) -> Image.Image:
    """The picture at one pixel per CSS pixel."""
    if image.size == (width, height):
        return image
    down = image.width > width
    return image.resize((width, height), Image.Resampling.BOX if down else Image.Resampling.BICUBIC)


def _starts(length: int, tile: int, overlap: int, cell: int) -> list[int]:
    """Left edges of the fewest tiles that cover a length, evenly spread, on the cell grid."""
    if length <= tile:
        return [0]
    n = math.ceil((length - overlap) / (tile - overlap))
    last = math.ceil((length - tile) / cell) * cell
    return [round(i * last / (n - 1) / cell) * cell for i in range(n)]


def _cuts(starts: list[int], tile: int, end: int, cell: int) -> list[tuple[int, int]]:
    """What each tile owns along one axis: from the middle of one overlap to the middle of the next."""
    inner = [(a + tile + b) // 2 // cell * cell for a, b in zip(starts, starts[1:], strict=False)]
    edges = [0, *inner, end]
    return list(zip(edges, edges[1:], strict=False))


def tile_plan(width: int, height: int, config: ImageConfig) -> list[Tile]:
    """Tiles, row by row, that cover a page of the given CSS size; the last ones may reach beyond it."""
    cell = config.cell
    tile_width = min(config.tile_width, math.ceil(width / 32) * 32)
    tile_height = min(config.tile_height, math.ceil(height / 16) * 16)
    xs, ys = _starts(width, tile_width, config.overlap, cell), _starts(height, tile_height, config.overlap, cell)
    right, bottom = math.ceil(width / cell) * cell, math.ceil(height / cell) * cell
    columns = list(zip(xs, _cuts(xs, tile_width, right, cell), strict=True))
    rows = list(zip(ys, _cuts(ys, tile_height, bottom, cell), strict=True))
    return [Tile(x, y, tile_width, tile_height, (x0, y0, x1, y1)) for y, (y0, y1) in rows for x, (x0, x1) in columns]


def to_tensor(pixels: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1).float().div_(127.5).sub_(1)


def cut(pixels: np.ndarray, tile: Tile) -> np.ndarray:
    """The tile's pixels (height, width, 3); what lies beyond the page repeats its last row and column."""
    part = pixels[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
    pad = (tile.height - part.shape[0], tile.width - part.shape[1])
    return np.pad(part, ((0, pad[0]), (0, pad[1]), (0, 0)), mode="edge") if any(pad) else part


def overview_of(image: Image.Image, config: ImageConfig) -> tuple[np.ndarray, float]:
    """The whole page small, padded to whole patches (16 x 32), and overview pixels per CSS pixel."""
    scale = min(1.0, config.overview / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = np.asarray(image.resize(size, Image.Resampling.BOX))
    tile = Tile(0, 0, math.ceil(size[0] / 32) * 32, math.ceil(size[1] / 16) * 16, (0, 0, 0, 0))
    return cut(small, tile), scale


def prepare(image: Image.Image, config: ImageConfig) -> Prepared:
    """A picture at one pixel per CSS pixel -> what the encoder takes."""
    pixels = np.asarray(image)
    plan = tile_plan(image.width, image.height, config)
    small, scale = overview_of(image, config)
    tiles = torch.stack([to_tensor(cut(pixels, tile)) for tile in plan])
    return Prepared(tiles, plan, to_tensor(small)[None], scale, image.size)
