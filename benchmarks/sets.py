"""Grounding sets: JSON lines, each a picture, an instruction and the box that answers it.

`image` is relative to the set; width, height and box are CSS pixels, and the picture may be larger (its size / width is
the scale). A box of null means that the target is not there; an item with a text is read, not pointed at. Keys that
are not known are ignored. Lines that are no items, pictures that are missing, boxes outside of them and ids that come
twice are named and counted apart (`Broken`), and what is whole is still a set. Published sets are turned into the same
items (`deixis.benchmarks.published`). Knows no model.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from deixis.browser.errors import UsageError
from deixis.browser.types import Box, Frozen, Point, Screenshot

SIDES = (8, 20_000)
"""Fewest and most pixels on a side of a picture."""


class Item(BaseModel):
    """One line of a set."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    id: str
    image: str
    width: int = Field(gt=0)
    """CSS pixels."""
    height: int = Field(gt=0)
    instruction: str
    box: Box | None
    kind: str
    family: str
    page: str = ""
    """Items of one page share it; without it, items of one picture are one page."""
    text: str | None = None
    """What the place says: such an item asks a reader."""
    answers: Literal["exact", "rouge", "squad"] = "exact"
    """How a reader's words are scored: alike but for white space, by ROUGE-L, or by SQuAD's exact match and F1."""
    boxes: tuple[Box, ...] = ()
    """More places that are as right as the box."""
    polygon: tuple[float, ...] = ()
    """The target's outline, x and y in turns, where the box is only what lies around it."""
    tags: tuple[str, ...] = ()
    """What else the set says of the item: figures are given by tag, and an item may have several."""

    @field_validator("box", mode="before")
    @classmethod
    def _corners(cls, value: Any) -> Any:
        """[x0, y0, x1, y1] -> Box."""
        if isinstance(value, list):
            if len(value) != 4:
                raise ValueError("a box has four numbers: x0, y0, x1, y1")
            return dict(zip(("x0", "y0", "x1", "y1"), value, strict=True))
        return value

    @model_validator(mode="after")
    def _right_way_round(self) -> Self:
        if self.box and not (self.box.x0 <= self.box.x1 and self.box.y0 <= self.box.y1):
            raise ValueError("the box's corners are left, top, right, bottom")
        return self

    @property
    def group(self) -> str:
        """What standard errors draw from: items of one page are not independent."""
        return self.page or self.image

    def holds(self, point: Point) -> bool:
        """Whether a point is on the target."""
        if self.polygon:
            return inside(point, self.polygon)
        return any(box.contains(point) for box in (self.box, *self.boxes) if box)


def inside(point: Point, polygon: Sequence[float]) -> bool:
    """Whether a point lies in a polygon of x and y in turns: the edges that a ray to the right crosses are odd."""
    corners = list(zip(polygon[::2], polygon[1::2], strict=True))
    odd = False
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (y0 > point.y) != (y1 > point.y) and point.x < (x1 - x0) * (point.y - y0) / (y1 - y0) + x0:
            odd = not odd
    return odd


class Broken(Frozen):
    """What a set holds that is no item."""

    where: str
    """Line or entry, and the file where it is not the set itself."""
    reason: str


class GroundingSet(NamedTuple):
    """A set as it was read."""

    path: Path
    sha256: str
    items: list[Item]
    broken: tuple[Broken, ...] = ()
    format: str = "deixis"
    root: Path | None = None
    """What pictures are relative to, where that is not the set's own folder."""
    steps: dict[str, int] = {}
    """Steps of each task, where a published rate counts those that were never asked."""

    def image(self, item: Item) -> Path:
        return (self.root or self.path.parent) / item.image


class Job(NamedTuple):
    """The items of one picture: they are asked together, on one image encode. Survives pickling."""

    image: Path
    items: list[Item]


def read_set(path: Path) -> GroundingSet:
    """The items in their order, and apart what is none; UsageError for a set without any."""
    try:
        data = path.read_bytes()
        lines = data.decode("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the set {str(path)!r} cannot be read ({error})") from error
    builder = Builder(path.parent)
    for number, line in enumerate(lines, 1):
        if line.strip():
            builder.add(f"line {number}", partial(Item.model_validate_json, line))
    builder.must_hold_items(path)
    return GroundingSet(path, hashlib.sha256(data).hexdigest(), builder.items, tuple(builder.broken))


class Builder:
    """Collects items that can be used, and what cannot, by where it stands."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._ids: dict[str, str] = {}
        self.items: list[Item] = []
        self.broken: list[Broken] = []

    def add(self, where: str, make: Callable[[], Item]) -> None:
        """Keeps what `make` gives; what it says when it cannot is a reason."""
        try:
            item = make()
            if item.id in self._ids:
                raise UsageError(f"two items have the id {item.id!r}, the first is {self._ids[item.id]}")
            _is_image(self._root / item.image)
            _on_picture(item)
        except (ValidationError, UsageError, KeyError, TypeError, ValueError, IndexError) as error:
            self.broken.append(Broken(where=where, reason=why(error)))
            return
        self._ids[item.id] = where
        self.items.append(item)

    def must_hold_items(self, path: Path) -> None:
        """UsageError, with the first reason, when nothing is left."""
        if not self.items:
            first = f": {self.broken[0].where} is none ({self.broken[0].reason})" if self.broken else ""
            raise UsageError(f"the set {str(path)!r} holds no items{first}")


def why(error: Exception) -> str:
    """What is wrong with an item, in one sentence."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{where}: {first['msg']}" if where else first["msg"]
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _on_picture(item: Item) -> None:
    """ValueError when a box lies wholly outside the picture: such a target can never be hit."""
    for box in (item.box, *item.boxes):
        if box and (box.x1 < 0 or box.y1 < 0 or box.x0 >= item.width or box.y0 >= item.height):
            corners = f"{box.x0:g}, {box.y0:g}, {box.x1:g}, {box.y1:g}"
            raise ValueError(f"the box ({corners}) lies outside the picture of {item.width}x{item.height}")


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels from the header of a picture; UsageError when there is none to read."""
    try:
        with Image.open(path) as image:
            return image.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise UsageError(f"the picture {str(path)!r} cannot be read ({error})") from error


def _is_image(path: Path) -> None:
    """Looks at the header only: whoever waits hours for a result wants to hear of a missing picture now."""
    size = image_size(path)
    if min(size) < SIDES[0] or max(size) > SIDES[1]:
        raise UsageError(
            f"the picture {str(path)!r} is {size[0]}x{size[1]} pixels: {SIDES[0]} to {SIDES[1]} can be taken"
        )


def jobs(found: GroundingSet, items: Iterable[Item]) -> list[Job]:
    """Items by picture, in the order of the set."""
    groups: dict[tuple[str, int, int], list[Item]] = {}
    for item in items:
        groups.setdefault((item.image, item.width, item.height), []).append(item)
    return [Job(found.image(group[0]).resolve(), group) for group in groups.values()]  # a worker may stand elsewhere


def picture(path: Path) -> Image.Image:
    """The picture in RGB, in its own pixels; UsageError when it is broken."""
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError(f"the picture {str(path)!r} cannot be read ({error})") from error


def screenshot(job: Job) -> Screenshot:
    """What a pointer is shown: a PNG as it lies on disk, other formats as PNG."""
    image, data = picture(job.image), job.image.read_bytes()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        buffer = io.BytesIO()
        image.save(buffer, "PNG", compress_level=1)
        data = buffer.getvalue()
    return Screenshot(png=data, width=job.items[0].width, height=job.items[0].height)
