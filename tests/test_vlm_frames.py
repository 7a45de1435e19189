"""A pixel goes to a model's text and comes back within one step of what the model can write, in every family's frame."""

import io
import math
import struct
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import TypeAdapter

from deixis.browser.errors import OutputError, UsageError
from deixis.browser.types import Box, Point, Screenshot
from deixis.vlm.families import FAMILIES, Family, family_of, read
from deixis.vlm.frames import (
    AsIs,
    Bins,
    Crop,
    Fit,
    Frame,
    Mark,
    ModelBox,
    ModelPoint,
    PaddedCanvas,
    Pixels,
    Relative,
    Resize,
    Size,
    SmartResize,
    Within,
    from_css,
    planned,
    prepare,
    record,
    smart_size,
    step,
    to_css,
)
from deixis.vlm.points import write, written_kinds

SCALES = (1, 1.25, 1.5, 2, 3)
QWEN = SmartResize(factor=28, min_pixels=4 * 28 * 28, max_pixels=16384 * 28 * 28)
TEXTUAL = [family for family in FAMILIES if family.frame and family.form and written_kinds(family.form)]
"""Families whose text holds numbers in a frame that is known."""


def png_header(size: Size) -> bytes:
    """As much of a PNG as tells its size: decoding thousands of pictures would teach nothing."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", *size)


def known(fit: Fit) -> Fit:
    return QWEN if isinstance(fit, SmartResize) and fit.min_pixels is None else fit


def sent(css: Size, scale: float, fit: Fit, crop: Crop | None = None, raw: bool = False) -> Resize:
    """The record of a viewport (or a crop, in image pixels) at a device scale, sent as the fit says, or raw."""
    image = Size(round(css.width * scale), round(css.height * scale))
    crop = crop or Crop(0, 0, *image)
    content, canvas = planned(crop.size, AsIs() if raw else fit)
    screenshot = Screenshot(png=png_header(image), width=css.width, height=css.height)
    return record(screenshot, png_header(canvas), fit, crop, content)


def painted(width: int, height: int, scale: float, spot: tuple[float, float]) -> Screenshot:
    """A blue page with a red square around a place (CSS pixels)."""
    image = Image.new("RGB", (round(width * scale), round(height * scale)), "blue")
    x, y, half = spot[0] * scale, spot[1] * scale, 8 * scale
    image.paste("red", (round(x - half), round(y - half), round(x + half), round(y + half)))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return Screenshot(png=buffer.getvalue(), width=width, height=height)


def red_centre(png: bytes) -> tuple[float, float]:
    """The middle of what is red, in pixels of the picture."""
    with Image.open(io.BytesIO(png)) as image:
        mask = image.convert("RGB").getchannel("R").point(lambda v: 255 if v > 127 else 0)
        blue = image.convert("RGB").getchannel("B").point(lambda v: 255 if v < 128 else 0)
    box = Image.composite(mask, Image.new("L", mask.size), blue).getbbox()
    assert box
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


@st.composite
def views(draw: st.DrawFn) -> tuple[Size, float, Crop]:
    """A viewport from 40x30 to 3840x2160, a scale, and the whole of it or a part of at least 40x30 image pixels."""
    css = Size(draw(st.integers(40, 3840)), draw(st.integers(30, 2160)))
    scale = draw(st.sampled_from(SCALES))
    width, height = round(css.width * scale), round(css.height * scale)
    if draw(st.booleans()):
        return css, scale, Crop(0, 0, width, height)
    x0, y0 = draw(st.integers(0, width - 40)), draw(st.integers(0, height - 30))
    return css, scale, Crop(x0, y0, draw(st.integers(x0 + 40, width)), draw(st.integers(y0 + 30, height)))


def pixel(data: st.DataObject, resize: Resize) -> Point:
    """The middle of a pixel of the part that is sent, its corners more often than chance would have it, in CSS pixels."""
    crop, css, image = resize.crop, resize.css, resize.image
    ends = ((crop.x0, crop.x1 - 1), (crop.y0, crop.y1 - 1))
    x, y = (data.draw(st.one_of(st.sampled_from(end), st.integers(*end))) for end in ends)
    return Point(x=(x + 0.5) * css.width / image.width, y=(y + 0.5) * css.height / image.height)


@pytest.mark.parametrize("family", TEXTUAL, ids=lambda family: family.name)
@given(view=views(), data=st.data())
@settings(max_examples=40, deadline=None)
def test_pixel_to_text_to_pixel(family: Family, view: tuple[Size, float, Crop], data: st.DataObject) -> None:
    assert family.frame and family.form
    css, scale, crop = view
    assume(max(crop.size) <= 200 * min(crop.size))
    raw = isinstance(family.fit, SmartResize) and data.draw(st.booleans())
    resize = sent(css, scale, known(family.fit), crop, raw)
    here = pixel(data, resize)
    place = here if "point" in written_kinds(family.form) else Box(x0=here.x, y0=here.y, x1=here.x, y1=here.y)
    text = write([from_css(place, family.frame, resize)], family.form, family.frame.order)
    (there,) = read(text, family, resize).points
    dx, dy = step(family.frame, resize)
    assert abs(there.x - here.x) <= dx + 1e-6 and abs(there.y - here.y) <= dy + 1e-6
    assert 0 <= there.x < css.width and 0 <= there.y < css.height


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("family", TEXTUAL, ids=lambda family: family.name)
def test_corners_and_middle_at_every_scale(family: Family, scale: float) -> None:
    assert family.frame and family.form
    for css in (Size(40, 30), Size(333, 777), Size(1280, 720), Size(3840, 2160)):
        resize = sent(css, scale, known(family.fit))
        half = (css.width / resize.image.width / 2, css.height / resize.image.height / 2)
        dx, dy = step(family.frame, resize)
        for x in (half[0], css.width / 2, css.width - half[0]):
            for y in (half[1], css.height / 2, css.height - half[1]):
                box = "point" not in written_kinds(family.form)
                place = Box(x0=x, y0=y, x1=x, y1=y) if box else Point(x=x, y=y)
                text = write([from_css(place, family.frame, resize)], family.form, family.frame.order)
                (there,) = read(text, family, resize).points
                assert abs(there.x - x) <= dx + 1e-6 and abs(there.y - y) <= dy + 1e-6


@given(view=views(), data=st.data())
def test_a_head_that_gives_numbers_without_text(view: tuple[Size, float, Crop], data: st.DataObject) -> None:
    frame = family_of("GUI-Actor").frame
    assert frame
    resize = sent(view[0], view[1], AsIs(), view[2])
    here = pixel(data, resize)
    there = to_css(from_css(here, frame, resize), frame, resize)
    assert isinstance(there, Point)
    assert abs(there.x - here.x) <= step(frame, resize)[0] and abs(there.y - here.y) <= step(frame, resize)[1]


@pytest.mark.parametrize(
    ("frame", "resize", "expected"),
    [
        (Relative(whole=100, decimals=1), sent(Size(1280, 720), 1, AsIs()), (1.28, 0.72)),
        (Relative(whole=1000, decimals=0), sent(Size(1280, 720), 3, AsIs()), (1.28, 0.72)),
        (Pixels(of="sent"), sent(Size(1280, 720), 2, AsIs()), (0.5, 0.5)),
        (Pixels(of="resized"), sent(Size(1280, 720), 1, QWEN), (1280 / 1288, 720 / 728)),
        (Pixels(of="resized"), sent(Size(1280, 720), 1, QWEN, raw=True), (1280 / 1288, 720 / 728)),
        (Bins(count=1024), sent(Size(1280, 720), 1, AsIs()), (1.25, 720 / 1024)),
        (Relative(whole=100, decimals=1), sent(Size(1280, 720), 1, AsIs(), Crop(100, 100, 200, 150)), (0.1, 0.05)),
    ],
)
def test_one_step_in_css_pixels(frame: Frame, resize: Resize, expected: tuple[float, float]) -> None:
    assert step(frame, resize) == pytest.approx(expected)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    "fit",
    [AsIs(), QWEN, PaddedCanvas(width=1008, height=672), Within(side=200, pixels=30_000)],
    ids=lambda fit: fit.kind,
)
@pytest.mark.parametrize("size", [(320, 240), (331, 97), (97, 331)])
def test_what_is_seen_in_the_picture_sent_is_where_it_is_on_the_screen(
    size: tuple[int, int], fit: Fit, scale: float
) -> None:
    """Measured in the pixels that a model gets, not computed from the record."""
    spot = (61.0, 45.0)
    screenshot = painted(*size, scale, spot)
    png, resize = prepare(screenshot, fit)
    found = to_css(ModelPoint(x=(c := red_centre(png))[0], y=c[1]), Pixels(of="sent"), resize)
    assert isinstance(found, Point)
    shrunk = max(1.0, size[0] * scale / resize.content.width)
    assert abs(found.x - spot[0]) <= shrunk and abs(found.y - spot[1]) <= shrunk


def test_a_crop_is_found_on_the_whole_screen() -> None:
    screenshot = painted(320, 240, 2, (200.0, 100.0))
    for fit in (AsIs(), QWEN, PaddedCanvas(width=1008, height=672)):
        png, resize = prepare(screenshot, fit, Crop(300, 120, 500, 280))
        centre = red_centre(png)
        found = to_css(ModelPoint(x=centre[0], y=centre[1]), Pixels(of="sent"), resize)
        assert isinstance(found, Point)
        assert abs(found.x - 200) <= 0.5 and abs(found.y - 100) <= 0.5


def test_a_picture_that_needs_nothing_is_sent_as_it_is() -> None:
    screenshot = painted(280, 56, 1, (40.0, 30.0))
    for fit in (AsIs(), QWEN):
        assert prepare(screenshot, fit).png is screenshot.png
    assert prepare(screenshot, AsIs(), Crop(0, 0, 279, 56)).png is not screenshot.png


def test_a_server_that_resizes_what_was_sent_as_it_is() -> None:
    resize = sent(Size(1280, 720), 1, QWEN, raw=True)
    assert (resize.sent, resize.resized) == (Size(1280, 720), Size(1288, 728))
    assert to_css(ModelPoint(x=644, y=182), Pixels(of="resized"), resize) == Point(x=640, y=180)
    assert to_css(ModelPoint(x=644, y=182), Pixels(of="sent"), resize) == Point(x=644, y=182)


def test_a_record_is_measured_from_the_bytes() -> None:
    page, half = painted(320, 240, 2, (40.0, 30.0)), png_header(Size(320, 240))
    resize = record(page, half, AsIs(), Crop(0, 0, 640, 480))
    assert (resize.content, resize.sent) == (Size(320, 240), Size(320, 240))
    assert to_css(ModelPoint(x=160, y=60), Pixels(of="sent"), resize) == Point(x=160, y=60)
    with pytest.raises(UsageError, match="cannot hold"):
        record(page, half, AsIs(), Crop(0, 0, 640, 480), Size(321, 240))
    with pytest.raises(ValueError, match="not a PNG"):
        record(page, b"GIF89a", AsIs(), Crop(0, 0, 640, 480))


def test_padding_is_white_and_on_the_right_and_bottom() -> None:
    png, resize = prepare(painted(320, 240, 1, (40.0, 30.0)), PaddedCanvas(width=1008, height=672))
    assert (resize.content, resize.sent) == (Size(896, 672), Size(1008, 672))
    with Image.open(io.BytesIO(png)) as image:
        assert image.getpixel((895, 671)) == (0, 0, 255)
        assert image.getpixel((896, 0)) == image.getpixel((1007, 671)) == (255, 255, 255)


def test_the_record_says_what_was_done_and_survives_json() -> None:
    resize = prepare(painted(1280, 720, 1.25, (40.0, 30.0)), QWEN, Crop(100, 0, 1600, 900)).resize
    assert resize.image == Size(1600, 900) and resize.crop.size == Size(1500, 900)
    assert resize.sent == resize.content == resize.resized == Size(1512, 896)
    assert Resize.model_validate_json(resize.model_dump_json()) == resize
    marks: TypeAdapter[Mark] = TypeAdapter(Mark)
    for mark in (ModelPoint(x=1, y=2, id=3, image=2), ModelBox(x0=1, y0=2, x1=3, y1=4, label="a")):
        assert marks.validate_json(marks.dump_json(mark)) == mark


@pytest.mark.parametrize(
    ("size", "limits", "expected"),
    [
        ((1280, 720), (4 * 784, 16384 * 784), (1288, 728)),
        ((3840, 2160), (100 * 784, 16384 * 784), (3836, 2156)),
        ((3840, 2160), (3136, 1003520), (1316, 728)),
        ((40, 30), (100 * 784, 16384 * 784), (336, 252)),
        ((40, 30), (784, 16384 * 784), (28, 28)),
        ((70, 98), (784, 16384 * 784), (56, 112)),  # halves go to the even multiple
    ],
)
def test_smart_sizes(size: tuple[int, int], limits: tuple[int, int], expected: tuple[int, int]) -> None:
    fit = SmartResize(factor=28, min_pixels=limits[0], max_pixels=limits[1])
    assert smart_size(Size(*size), fit) == expected


@given(st.integers(40, 11520), st.integers(30, 6480))
@settings(max_examples=300, deadline=None)
def test_smart_sizes_are_multiples_within_limits_and_stay(width: int, height: int) -> None:
    assume(max(width, height) <= 20 * min(width, height))
    fit = SmartResize(factor=28, min_pixels=100 * 784, max_pixels=1280 * 784)
    size = smart_size(Size(width, height), fit)
    assert not size.width % 28 and not size.height % 28
    assert 100 * 784 <= size.width * size.height <= 1280 * 784
    assert smart_size(size, fit) == size
    assert abs(math.log(size.width / size.height * height / width)) < 28 / min(size) * 2


def test_what_is_not_known_is_not_guessed() -> None:
    page = painted(320, 240, 1, (40.0, 30.0))
    with pytest.raises(UsageError, match="preprocessor_config"):
        prepare(page, family_of("Holo1").fit)
    with pytest.raises(UsageError, match="too long and thin"):
        smart_size(Size(6000, 20), QWEN)


@pytest.mark.parametrize("crop", [(0, 0, 321, 10), (-1, 0, 10, 10), (10, 10, 10, 20), (0, 20, 10, 10), (0, 0, 10, 241)])
def test_a_crop_lies_in_the_picture(crop: tuple[int, int, int, int]) -> None:
    with pytest.raises(UsageError, match="not a part"):
        prepare(painted(320, 240, 1, (40.0, 30.0)), AsIs(), Crop(*crop))


@pytest.mark.parametrize(
    ("frame", "x", "y"),
    [
        (Relative(whole=1, decimals=2), 1.01, 0.5),
        (Relative(whole=1, decimals=2), 0.5, -0.01),
        (Relative(whole=100, decimals=1), 50, 100.1),
        (Relative(whole=1000, decimals=0), 1001, 0),
        (Relative(whole=999, decimals=0), 1000, 0),
        (Pixels(of="sent"), 1281, 0),
        (Pixels(of="resized"), 0, 729),
        (Bins(count=1000), 1000, 0),
        (Bins(count=1000), -1, 0),
    ],
)
def test_outside_of_the_picture_is_an_error(frame: Frame, x: float, y: float) -> None:
    resize = sent(Size(1280, 720), 1, QWEN if frame == Pixels(of="resized") else AsIs())
    with pytest.raises(OutputError, match="outside of the picture"):
        to_css(ModelPoint(x=x, y=y), frame, resize)
    with pytest.raises(OutputError, match="outside of the picture"):
        to_css(ModelBox(x0=0, y0=min(y, 0), x1=x, y1=max(y, 0)), frame, resize)


def test_a_box_has_its_corners_the_right_way_round() -> None:
    with pytest.raises(OutputError, match="corners"):
        to_css(ModelBox(x0=3, y0=2, x1=1, y1=4), Pixels(of="sent"), sent(Size(1280, 720), 1, AsIs()))


@pytest.mark.parametrize("place", [Point(x=10, y=100), Point(x=150, y=10), Box(x0=60, y0=60, x1=101, y1=70)])
def test_a_place_that_was_not_sent_cannot_be_written(place: Any) -> None:
    resize = sent(Size(320, 240), 2, AsIs(), Crop(100, 100, 200, 150))
    with pytest.raises(UsageError, match="not on the part"):
        from_css(place, Pixels(of="sent"), resize)
