"""Tiles cover the page once, on the cell grid, and the map stitched from them is the page."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deixis.browser.errors import UsageError
from deixis.vlm.config import ImageConfig
from deixis.vlm.image import css_image, cut, open_image, overview_of, prepare, tile_plan
from deixis.vlm.model import _stitch
from deixis.vlm.vit import STRIDE

CONFIG = ImageConfig()


@given(st.integers(40, 3000), st.integers(40, 3000))
@settings(max_examples=200, deadline=None)
def test_tiles_own_every_cell_once_and_only_what_they_see(width: int, height: int) -> None:
    owners = np.zeros((-(-height // 8), -(-width // 8)), int)
    for tile in tile_plan(width, height, CONFIG):
        x0, y0, x1, y1 = tile.own
        assert tile.x <= x0 and tile.y <= y0 and x1 <= tile.x + tile.width and y1 <= tile.y + tile.height
        assert not any(edge % STRIDE for edge in (*tile.own, tile.x, tile.y))
        assert tile.width % 32 == 0 and tile.height % 16 == 0
        owners[y0 // 8 : y1 // 8, x0 // 8 : x1 // 8] += 1
    assert (owners == 1).all()


def test_neighbours_share_the_configured_overlap() -> None:
    tiles = tile_plan(1920, 1080, CONFIG)
    xs = sorted({tile.x for tile in tiles})
    assert all(a + CONFIG.tile_width - b >= CONFIG.overlap for a, b in zip(xs, xs[1:], strict=False))


def test_stitching_undoes_tiling() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    page = prepare(Image.fromarray(pixels), CONFIG)
    cells = page.tiles[:, :, ::STRIDE, ::STRIDE].permute(0, 2, 3, 1)  # the first pixel of every cell
    whole = torch.from_numpy(pixels[::STRIDE, ::STRIDE].copy()).float() / 127.5 - 1
    assert torch.allclose(_stitch(cells, page), whole)


def test_a_tile_beyond_the_page_repeats_its_edge() -> None:
    pixels = np.full((50, 60, 3), 7, np.uint8)
    tile = tile_plan(60, 50, CONFIG)[0]
    assert cut(pixels, tile).shape == (tile.height, tile.width, 3)
    assert (cut(pixels, tile) == 7).all()


def test_overview_keeps_proportions() -> None:
    small, scale = overview_of(Image.new("RGB", (1280, 720), "white"), CONFIG)
    assert scale == CONFIG.overview / 1280
    assert small.shape[1] == 320 and small.shape[0] == 192  # 180 rows, padded to whole patches


def test_an_image_at_scale_two_becomes_css_pixels() -> None:
    assert css_image(Image.new("RGB", (780, 1688)), 390, 844).size == (390, 844)


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"0" * 40])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError, match="not an image"):
        open_image(data)


def test_an_image_of_no_size_or_too_large_is_refused() -> None:
    import io

    for size in ((1, 1), (20_001, 10)):
        buffer = io.BytesIO()
        Image.new("RGB", size).save(buffer, "PNG")
        with pytest.raises(UsageError, match="pixels"):
            open_image(buffer.getvalue())
