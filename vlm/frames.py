"""The one owner of coordinates between a model and the browser: a model's numbers <-> CSS pixels.

A model names places in a frame of its own: parts of the picture (unit, percent, per mille), pixels of the picture as it
was sent or as the model's own pre-processor resized it, parts of a padded canvas, location tokens. The same digits mean
another place in another frame, so a frame is bound to the model id (`families`) and never guessed from the range of a
number. What was cropped, resized and padded on the way is measured from the bytes that were sent and travels with the
request as a `Resize`. Knows no model by name and no text: `points` reads and writes that.
"""

import io
import math
from typing import Annotated, Literal, NamedTuple

from PIL import Image
from pydantic import Field

from deixis.browser.errors import OutputError, UsageError
from deixis.browser.types import Box, Frozen, Point, Screenshot, png_size

MAX_ASPECT = 200
"""Smart resizing refuses pictures that are longer than this times their width. Source: qwen_vl_utils."""


class Size(NamedTuple):
    """Width and height, in pixels of the picture that the name says."""

    width: int
    height: int


class Crop(NamedTuple):
    """The part of a screenshot that is sent: left, top, right, bottom in the screenshot's own (image) pixels."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def size(self) -> Size:
        return Size(self.x1 - self.x0, self.y1 - self.y0)


class ModelPoint(Frozen):
    """A point in a model's own frame, x to the right, y down, whatever the order in its text. Not a pixel."""

    kind: Literal["point"] = "point"
    x: float
    y: float
    label: str = ""
    id: int | None = None
    """The number a model gives a point when it counts."""
    image: int = 1
    """Which of the request's pictures, counted from 1."""


class ModelBox(Frozen):
    """A rectangle in a model's own frame: left, top, right, bottom. Not pixels."""

    kind: Literal["box"] = "box"
    x0: float
    y0: float
    x1: float
    y1: float
    label: str = ""


Mark = Annotated[ModelPoint | ModelBox, Field(discriminator="kind")]
Order = Literal["xy", "yx"]


class Relative(Frozen):
    """Numbers from 0 at the left or top edge to `whole` at the right or bottom edge: 1, 100, 1000 or 999."""

    kind: Literal["relative"] = "relative"
    whole: float
    decimals: int
    """Digits after the point that the model writes: they set the quantisation step."""
    of: Literal["picture", "canvas"] = "picture"
    """canvas: the padding counts as part of the whole."""
    order: Order = "xy"


class Pixels(Frozen):
    """Whole pixels of the picture as it was sent, or as the model's own pre-processor resized it."""

    kind: Literal["pixels"] = "pixels"
    of: Literal["sent", "resized"]
    order: Order = "xy"


class Bins(Frozen):
    """Location tokens: each axis is cut into `count` equal bins, numbered from 0; a number means its bin's middle."""

    kind: Literal["bins"] = "bins"
    count: int
    order: Order = "xy"


Frame = Annotated[Relative | Pixels | Bins, Field(discriminator="kind")]


class AsIs(Frozen):
    """The picture is sent in its own pixels, and the frame does not depend on what the model makes of it."""

    kind: Literal["as_is"] = "as_is"


class Within(Frozen):
    """The server makes larger pictures smaller without a word: they are made so before they are sent, aspect kept."""

    kind: Literal["within"] = "within"
    side: int
    """Pixels of the longer side, at most."""
    pixels: int
    """Of the whole picture, at most."""


class SmartResize(Frozen):
    """The model's pre-processor makes both sides multiples of `factor` and keeps the area within limits.

    Limits of None are not known: whoever sends must read them from the checkpoint's pre-processor config, or set them
    in the request, and put them here, because they change what the model's numbers mean.
    """

    kind: Literal["smart"] = "smart"
    factor: int
    min_pixels: int | None = None
    max_pixels: int | None = None


class PaddedCanvas(Frozen):
    """The picture is fitted into a canvas of a fixed size, keeping its aspect, at the top left; white fills the rest."""

    kind: Literal["canvas"] = "canvas"
    width: int
    height: int


Fit = Annotated[AsIs | Within | SmartResize | PaddedCanvas, Field(discriminator="kind")]


class Resize(Frozen):
    """What happened to a screenshot on its way to a model; travels with the request and back with the answer."""

    css: Size
    """The viewport, in CSS pixels."""
    image: Size
    """The screenshot, in its own pixels; device scale = image / css."""
    crop: Crop
    """The part of the screenshot that was sent."""
    content: Size
    """Pixels that this part covers on the picture sent, from its top left corner; the rest is padding."""
    sent: Size
    """The picture sent, padding included, measured from its bytes."""
    resized: Size
    """The picture as the model's own pre-processor has it; the same as sent where that does not matter."""


class Sent(NamedTuple):
    """A picture ready for a request, and its record."""

    png: bytes
    resize: Resize


def prepare(screenshot: Screenshot, fit: Fit, crop: Crop | None = None) -> Sent:
    """Crops, resizes and pads a screenshot (whole, or the crop in image pixels) as a model's pre-processor wants it.

    Smart resizing is done here, so that a server that does it again finds nothing left to do. UsageError for a crop
    that is not in the picture, an aspect that a model refuses, and limits that nobody has given.
    """
    image = Size(*screenshot.image_size)
    crop = crop or Crop(0, 0, *image)
    if not (0 <= crop.x0 < crop.x1 <= image.width and 0 <= crop.y0 < crop.y1 <= image.height):
        raise UsageError(f"the crop {tuple(crop)!r} is not a part of a picture of {image.width}x{image.height} pixels")
    content, canvas = planned(crop.size, fit)
    untouched = crop.size == content == canvas == image
    png = screenshot.png if untouched else _redrawn(screenshot.png, crop, content, canvas)
    return Sent(png, record(screenshot, png, fit, crop, content))


def record(screenshot: Screenshot, png: bytes, fit: Fit, crop: Crop, content: Size | None = None) -> Resize:
    """The record of a PNG that was made from a crop of a screenshot, measured from the bytes that are sent.

    `content` is the part of it, from the top left corner, that is not padding; None when there is no padding.
    UsageError when that is more than there is, ValueError when the bytes are not a PNG.
    """
    sent = Size(*png_size(png))
    content = content or sent
    if content.width > sent.width or content.height > sent.height:
        raise UsageError(f"the picture sent is {tuple(sent)} pixels and cannot hold a content of {tuple(content)}")
    return Resize(
        css=Size(screenshot.width, screenshot.height),
        image=Size(*screenshot.image_size),
        crop=crop,
        content=content,
        sent=sent,
        resized=smart_size(sent, fit) if isinstance(fit, SmartResize) else sent,
    )


def planned(size: Size, fit: Fit) -> tuple[Size, Size]:
    """Pixels of (the content, the whole picture) to send, for a crop of the given size."""
    if isinstance(fit, AsIs):
        return size, size
    if isinstance(fit, Within):
        ratio = min(1.0, fit.side / max(size), math.sqrt(fit.pixels / (size.width * size.height)))
        smaller = Size(*(max(1, math.floor(side * ratio + 1e-9)) for side in size))
        return smaller, smaller
    if isinstance(fit, SmartResize):
        resized = smart_size(size, fit)
        return resized, resized
    ratio = min(fit.width / size.width, fit.height / size.height)
    # Cut off, not rounded, as the model's own preparation does it; see `families` for whose that is.
    content = (max(1, math.floor(side * ratio + 1e-9)) for side in size)
    return Size(*content), Size(fit.width, fit.height)


def limited(fit: SmartResize, low: int, high: int) -> SmartResize:
    """The same with limits that are known; UsageError for those that no picture can keep."""
    if not fit.factor**2 <= low <= high:
        raise UsageError(f"{low} to {high} pixels are no limits of a picture whose sides are multiples of {fit.factor}")
    return fit.model_copy(update={"min_pixels": low, "max_pixels": high})


def smart_size(size: Size, fit: SmartResize) -> Size:
    """The size that smart resizing gives a picture. Source of the rule: qwen_vl_utils, vision_process.

    UsageError when the limits are not known or one side is more than 200 times the other.
    """
    if fit.min_pixels is None or fit.max_pixels is None:
        raise UsageError(
            "the pixel limits of this model are not known: read min_pixels and max_pixels from its "
            "preprocessor_config.json and give them after its address, MODEL@URL?min_pixels=N&max_pixels=N"
        )
    if max(size) > MAX_ASPECT * min(size):
        raise UsageError(f"a picture of {size.width}x{size.height} is too long and thin for this model: crop it")
    rounded = [max(fit.factor, round(side / fit.factor) * fit.factor) for side in size]
    area = rounded[0] * rounded[1]
    if fit.min_pixels <= area <= fit.max_pixels:
        return Size(*rounded)
    whole, limit = (math.floor, fit.max_pixels) if area > fit.max_pixels else (math.ceil, fit.min_pixels)
    ratio = math.sqrt(limit / (size.width * size.height))
    return Size(*(max(fit.factor, whole(side * ratio / fit.factor) * fit.factor) for side in size))


def to_css(mark: Mark, frame: Frame, resize: Resize) -> Point | Box:
    """A model's point or box -> CSS pixels of the viewport; OutputError when it lies outside of the picture sent.

    The right and bottom edges are part of a model's frame but not of the viewport: a point there becomes the middle
    of the last pixel, and so does the left top corner of a box, so that a click on either lands on the page.
    """
    last = [css - css / image / 2 for css, image in zip(resize.css, resize.image, strict=True)]
    if isinstance(mark, ModelPoint):
        x, y = _css(mark.x, 0, frame, resize), _css(mark.y, 1, frame, resize)
        return Point(x=min(x, last[0]), y=min(y, last[1]))
    (x0, x1), (y0, y1) = ([_css(n, a, frame, resize) for n in pair] for a, pair in enumerate(_sides(mark)))
    if mark.x0 > mark.x1 or mark.y0 > mark.y1:
        raise OutputError(
            f"the model's box ({mark.x0:g}, {mark.y0:g}, {mark.x1:g}, {mark.y1:g}) has its corners the wrong way round"
        )
    return Box(x0=min(x0, last[0]), y0=min(y0, last[1]), x1=x1, y1=y1)


def from_css(place: Point | Box, frame: Frame, resize: Resize) -> ModelPoint | ModelBox:
    """CSS pixels of the viewport -> a model's point or box, rounded to the numbers the model can write.

    UsageError when the place is not on the part of the screenshot that was sent.
    """
    if isinstance(place, Point):
        return ModelPoint(x=_number(place.x, 0, frame, resize), y=_number(place.y, 1, frame, resize))
    (x0, x1), (y0, y1) = ([_number(n, a, frame, resize) for n in pair] for a, pair in enumerate(_sides(place)))
    return ModelBox(x0=x0, y0=y0, x1=x1, y1=y1)


def step(frame: Frame, resize: Resize) -> tuple[float, float]:
    """(x, y) CSS pixels from one number that the model can write to the next: no answer can be more exact."""
    unit = 10.0**-frame.decimals if isinstance(frame, Relative) else 1.0
    return (
        unit / _edge(0, frame, resize) * _covered(0, resize),
        unit / _edge(1, frame, resize) * _covered(1, resize),
    )


def _redrawn(png: bytes, crop: Crop, content: Size, canvas: Size) -> bytes:
    """PNG of the crop, resized to the content's size, at the top left of a white canvas."""
    with Image.open(io.BytesIO(png)) as image:
        part = image.convert("RGB").crop(crop)
    if part.size != content:
        part = part.resize(content, Image.Resampling.LANCZOS)
    if content != canvas:
        page = Image.new("RGB", canvas, "white")
        page.paste(part, (0, 0))
        part = page
    buffer = io.BytesIO()
    part.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _edge(axis: int, frame: Frame, resize: Resize) -> float:
    """The number at the content's right (axis 0) or bottom (axis 1) edge."""
    filled = resize.content[axis] / resize.sent[axis]
    if isinstance(frame, Pixels):
        return (resize.sent if frame.of == "sent" else resize.resized)[axis] * filled
    if isinstance(frame, Bins):
        return frame.count * filled
    return frame.whole * (filled if frame.of == "canvas" else 1)


def _start(axis: int, resize: Resize) -> float:
    """CSS pixels of the crop's left or top edge."""
    return resize.crop[axis] / resize.image[axis] * resize.css[axis]


def _covered(axis: int, resize: Resize) -> float:
    """CSS pixels from one edge of the crop to the other."""
    return resize.crop.size[axis] / resize.image[axis] * resize.css[axis]


def _css(number: float, axis: int, frame: Frame, resize: Resize) -> float:
    """One number of a model -> one CSS coordinate."""
    edge = _edge(axis, frame, resize)
    unit = 10.0**-frame.decimals if isinstance(frame, Relative) else 1.0
    # An edge between two numbers is rounded up by a model that points right at it.
    last = math.ceil(edge / unit - 1e-9) * unit + 1e-9
    place = number + 0.5 if isinstance(frame, Bins) else number
    if not 0 <= place <= last:
        raise OutputError(
            f"the model's {'xy'[axis]} of {number:g} lies outside of the picture, which goes from 0 to {edge:g}"
        )
    return _start(axis, resize) + min(place / edge, 1.0) * _covered(axis, resize)


def _number(css: float, axis: int, frame: Frame, resize: Resize) -> float:
    """One CSS coordinate -> the nearest number that the model can write (for bins: the bin it falls in)."""
    part = (css - _start(axis, resize)) / _covered(axis, resize)
    if not -1e-9 <= part <= 1 + 1e-9:
        raise UsageError(f"{'xy'[axis]} = {css:g} CSS pixels is not on the part of the screenshot that is sent")
    number = min(max(part, 0.0), 1.0) * _edge(axis, frame, resize)
    if isinstance(frame, Bins):
        return min(math.floor(number), frame.count - 1)
    return round(number, frame.decimals if isinstance(frame, Relative) else 0)


def _sides(box: ModelBox | Box) -> tuple[tuple[float, float], tuple[float, float]]:
    """((left, right), (top, bottom))."""
    return (box.x0, box.x1), (box.y0, box.y1)
