"""Grounding sets: JSON lines, each a picture, an instruction and the box that answers it.

`image` is relative to the set; width, height and box are CSS pixels, and the picture may be larger (its size / width is
the scale). A box of null means that the target is not there; an item with a text is read, not pointed at. Keys that
are not known are ignored. Knows no model.
"""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Self

from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from deixis.browser.errors import UsageError
from deixis.browser.types import Box, Screenshot

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


class GroundingSet(NamedTuple):
    """A set as it was read."""

    path: Path
    sha256: str
    items: list[Item]

    def image(self, item: Item) -> Path:
        return self.path.parent / item.image


class Job(NamedTuple):
    """The items of one picture: they are asked together, on one image encode. Survives pickling."""

    image: Path
    items: list[Item]


def read_set(path: Path) -> GroundingSet:
    """The items in their order; UsageError for a set or a picture that cannot be used."""
    try:
        data = path.read_bytes()
        lines = data.decode("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the set {str(path)!r} cannot be read ({error})") from error
    items = [_item(line, number, path) for number, line in enumerate(lines, 1) if line.strip()]
    if not items:
        raise UsageError(f"the set {str(path)!r} holds no items")
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise UsageError(f"the set {str(path)!r} has two items with the id {item.id!r}")
        seen.add(item.id)
    found = GroundingSet(path, hashlib.sha256(data).hexdigest(), items)
    for image in {found.image(item) for item in items}:
        _is_image(image)
    return found


def _item(line: str, number: int, path: Path) -> Item:
    try:
        return Item.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = f"{where}: {first['msg']}" if where else first["msg"]
        raise UsageError(f"line {number} of {str(path)!r} is no item of a grounding set ({reason})") from error


def _is_image(path: Path) -> None:
    """Looks at the header only: whoever waits hours for a result wants to hear of a missing picture now."""
    try:
        with Image.open(path) as image:
            size = image.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise UsageError(f"the picture {str(path)!r} cannot be read ({error})") from error
    if min(size) < SIDES[0] or max(size) > SIDES[1]:
        raise UsageError(
            f"the picture {str(path)!r} is {size[0]}x{size[1]} pixels: {SIDES[0]} to {SIDES[1]} can be taken"
        )


def jobs(found: GroundingSet, items: Iterable[Item]) -> list[Job]:
    """Items by picture, in the order of the set."""
    groups: dict[tuple[str, int, int], list[Item]] = {}
    for item in items:
        groups.setdefault((item.image, item.width, item.height), []).append(item)
    return [Job(found.image(group[0]), group) for group in groups.values()]


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
