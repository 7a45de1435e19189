"""From a picture to what a Molmo sees: overlapping crops, the whole picture small, and the image tokens of the prompt.

Every crop drops the margin it shares with its neighbour, so that pooled tokens tile the canvas once, row by row. One
table (`Patches.pooling`) says for each image token which four patches it is made of; the rest follows from it. Pixels
are those of the given image. Knows no model. Facts: reference pre-processors of Molmo (Deitke et al., 2024) and Molmo2
(2025); sizes and values of v1 agree with the reference's own (tests/data/molmo).
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from deixis.browser.errors import UsageError
from deixis.vlm.molmo_config import CropConfig, ImageTokens

SIDES = (8, 8192)
"""Fewest and most pixels on a side of an image."""
POOL = 2
"""Patches along a side of one token."""


class Patches(NamedTuple):
    """One image, ready for the encoder."""

    pixels: Tensor
    """(crops, patches, patch * patch * 3) normalised, in (row, column, channel) order; the small whole image first."""
    real: Tensor | None
    """(crops, patches) share of each patch that is picture and not padding; None where nothing is padded."""
    pooling: Tensor
    """(image tokens, 4) places in the flattened patches, -1 for none; in the order of the prompt."""
    grids: tuple[tuple[int, int], tuple[int, int]]
    """(rows, columns) of tokens: of the small whole image, of the crops."""
    tokens: list[int]
    """Ids of the image's part of the prompt."""


def tiling(height: float, width: float, window: int, most: int) -> tuple[int, int]:
    """(rows, columns) of crops, at most so many, whose canvas holds the image with the least scaling up, else down."""
    pairs = sorted(
        ((i, j) for i in range(1, most + 1) for j in range(1, most + 1) if i * j <= most),
        key=lambda p: (p[0] * p[1], p[0]),
    )
    sizes = np.array(pairs, np.float32) * window
    with np.errstate(divide="ignore"):
        scales = (sizes / np.array([height, width], np.float32)).min(1)
    best = scales.argmax() if (scales < 1).all() else np.where(scales < 1, np.inf, scales).argmin()
    return pairs[int(best)]


def cut(image: Image.Image, config: CropConfig, tokens: ImageTokens) -> Patches:
    """Everything the model needs of an image; UsageError for a size it cannot take."""
    width, height = image.size
    if min(width, height) < SIDES[0] or max(width, height) > SIDES[1]:
        raise UsageError(f"an image of {width}x{height} pixels cannot be taken: {SIDES[0]} to {SIDES[1]} on a side")
    picture = torch.from_numpy(np.asarray(image.convert("RGB")).copy()).permute(2, 0, 1)  # (3, H, W) bytes
    grid, shared = config.grid, sum(config.margins)
    window, margin = (grid - shared) * config.patch, shared * config.patch
    rows, columns = tiling(height - margin, width - margin, window, config.most)
    small, _ = _fitted(picture, (config.size, config.size), config)
    canvas, canvas_real = _fitted(picture, (rows * window + margin, columns * window + margin), config)
    pixels = torch.cat([_windows(small, config.size, window), _windows(canvas, config.size, window)])
    whole, parts = _pooled(torch.arange(grid * grid).view(grid, grid)), _pooled(_once(rows, columns, config))
    pooling = torch.cat([whole.flatten(0, 1), torch.where(parts >= 0, parts + grid * grid, -1).flatten(0, 1)])
    grids = (_shape(whole), _shape(parts))
    real = None
    if config.fit == "pad":
        shares = _patches(_windows(canvas_real, config.size, window), config.patch).mean(-1)
        # The reference puts the small image's row last though its crop comes first; published weights learned it so.
        real = torch.cat([shares, -torch.ones(1, grid * grid)])
    return Patches(_patches(pixels, config.patch), real, pooling, grids, prompt_of(grids, config, tokens))


def prompt_of(grids: tuple[tuple[int, int], tuple[int, int]], config: CropConfig, tokens: ImageTokens) -> list[int]:
    """Ids: the small whole image, then the crops, each row by row between a start and an end."""
    out: list[int] = []
    starts = (tokens.small_start, tokens.start)
    for (rows, columns), start, ended in zip(grids, starts, config.columns, strict=True):
        row = [tokens.patch] * columns + [tokens.column] * ended
        out += [start, *(row * rows), tokens.end]
    return out


def _fitted(picture: Tensor, size: tuple[int, int], config: CropConfig) -> tuple[Tensor, Tensor]:
    """(3, H, W) bytes -> normalised (3, *size) and (1, *size) 1 where there is picture."""
    height, width = picture.shape[1:]
    if config.fit == "stretch":
        # Rounded to bytes in between, as the published processor does.
        resized = _resized(picture.float(), size, config.antialias).round().clamp(0, 255) / 255
        return _normalised(resized, config), torch.ones(1, *size)
    scale = min(np.float32(size[0]) / np.float32(height), np.float32(size[1]) / np.float32(width))
    fitted = int(np.float32(height) * scale), int(np.float32(width) * scale)
    resized = _resized(picture.float() / 255, fitted, config.antialias).clamp(0, 1)
    top, left = (size[0] - fitted[0]) // 2, (size[1] - fitted[1]) // 2
    padding = (left, size[1] - fitted[1] - left, top, size[0] - fitted[0] - top)
    return _normalised(F.pad(resized, padding), config), F.pad(torch.ones(1, *fitted), padding)


def _resized(picture: Tensor, size: tuple[int, int], antialias: bool) -> Tensor:
    return F.interpolate(picture[None], size, mode="bilinear", align_corners=False, antialias=antialias)[0]


def _normalised(picture: Tensor, config: CropConfig) -> Tensor:
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (config.mean, config.std))
    return (picture - mean) / std


def _windows(canvas: Tensor, size: int, step: int) -> Tensor:
    """(C, H, W) -> (crops, size, size, C), row by row."""
    cropped = canvas.unfold(1, size, step).unfold(2, size, step)  # (C, rows, columns, size, size)
    return cropped.permute(1, 2, 3, 4, 0).flatten(0, 1)


def _patches(crops: Tensor, patch: int) -> Tensor:
    """(N, S, S, C) -> (N, patches, patch * patch * C)."""
    n, side, _, channels = crops.shape
    grid = side // patch
    return crops.view(n, grid, patch, grid, patch, channels).transpose(2, 3).reshape(n, grid * grid, -1)


def _once(rows: int, columns: int, config: CropConfig) -> Tensor:
    """(H, W) of the canvas: the number of each patch, from the crop that keeps it, in crop-major numbers."""
    grid, (before, after) = config.grid, config.margins
    numbers = torch.arange(rows * columns * grid * grid).view(rows, columns, grid, grid)
    keep = torch.ones_like(numbers, dtype=torch.bool)
    keep[1:, :, :before], keep[:, 1:, :, :before] = False, False
    keep[:-1, :, grid - after :], keep[:, :-1, :, grid - after :] = False, False
    step = grid - before - after
    order = numbers.permute(0, 2, 1, 3).flatten()[keep.permute(0, 2, 1, 3).flatten()]
    return order.view(rows * step + before + after, columns * step + before + after)


def _pooled(numbers: Tensor) -> Tensor:
    """(H, W) patches -> (rows, columns, 4), padded with -1 to even sides, half of it before."""
    down, across = -numbers.shape[0] % POOL, -numbers.shape[1] % POOL
    padding = (across // 2, across - across // 2, down // 2, down - down // 2)
    padded = F.pad(numbers, padding, value=-1)
    rows, columns = padded.shape[0] // POOL, padded.shape[1] // POOL
    return padded.view(rows, POOL, columns, POOL).transpose(1, 2).reshape(rows, columns, POOL * POOL)


def _shape(pooled: Tensor) -> tuple[int, int]:
    return pooled.shape[0], pooled.shape[1]
