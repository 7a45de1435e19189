"""Compares two pictures of one viewport: did anything change near a point, or anywhere. Knows no browser."""

import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from deixis.browser.types import Point, Screenshot

NOTICEABLE = 16  # levels of 255 in one channel
NEAR = (120, 80)  # CSS pixels
FEW_NEAR, FEW = 3, 6  # image pixels below which a difference is noise


def changed(
    before: Screenshot, after: Screenshot, points: Sequence[Point] = (), near: tuple[float, float] = NEAR
) -> tuple[bool, bool]:
    """(in a box of such a width and height around one of the points, anywhere): whether the pictures differ there."""
    if before.png == after.png:
        return False, False
    if before.image_size != after.image_size:
        return bool(points), True
    different = _different(before.png, after.png)
    most = max((int(_around(different, point, near, after.scale).sum()) for point in points), default=0)
    return most >= FEW_NEAR, int(different.sum()) >= FEW


@lru_cache(maxsize=2)
def opened(png: bytes) -> Image.Image:
    """The picture in RGB; the last two are kept, since what is after one action is before the next."""
    with Image.open(io.BytesIO(png)) as image:
        return image.convert("RGB")


def _different(before: bytes, after: bytes) -> NDArray[np.bool_]:
    """(height, width) where a channel differs noticeably; only the part that differs at all is looked at."""
    difference = ImageChops.difference(opened(before), opened(after))
    mask = np.zeros((difference.height, difference.width), dtype=np.bool_)
    box = difference.getbbox()
    if box:
        left, top, right, bottom = box
        red, green, blue = difference.crop(box).split()
        most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
        mask[top:bottom, left:right] = np.asarray(most) > NOTICEABLE
    return mask


def _around(mask: NDArray[np.bool_], point: Point, size: tuple[float, float], scale: float) -> NDArray[np.bool_]:
    """The part of the mask in a box around a point, both in CSS pixels."""
    x, y = point.x * scale, point.y * scale
    half_w, half_h = size[0] * scale / 2, size[1] * scale / 2
    rows = slice(max(0, int(y - half_h)), int(y + half_h) + 1)
    columns = slice(max(0, int(x - half_w)), int(x + half_w) + 1)
    return mask[rows, columns]


def blank(width: int, height: int) -> bytes:
    """A white PNG: the picture of a page that could not be pictured yet."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(buffer, "PNG")
    return buffer.getvalue()
