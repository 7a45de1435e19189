"""What is seen: points, boxes, screenshots, what a model points at and what the browser says is there.

One frame for every pixel in the project: CSS pixels from the viewport's top left corner, x to the right, y down, which
is also the frame of Playwright's `page.mouse`. Knows no browser, no model and no task; every type survives JSON.
"""

import struct
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """An immutable value that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Point(Frozen):
    """A place on the screen, in CSS pixels from the viewport's top left corner."""

    x: float
    y: float


class Box(Frozen):
    """A rectangle in CSS pixels: left, top, right, bottom."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def centre(self) -> Point:
        return Point(x=(self.x0 + self.x1) / 2, y=(self.y0 + self.y1) / 2)

    def contains(self, point: Point) -> bool:
        return self.x0 <= point.x <= self.x1 and self.y0 <= point.y <= self.y1


class Dialog(Frozen):
    """A JavaScript dialog that is open: while it is, the page can neither be pictured nor clicked."""

    type: Literal["alert", "confirm", "prompt", "beforeunload"]
    message: str
    default: str = ""


class Screenshot(Frozen):
    """A picture of the viewport and what goes with it. `png` stays out of dumps: journals hold file names."""

    png: bytes = Field(exclude=True, repr=False)
    width: int
    """CSS pixels: the page's innerWidth, scrollbar included."""
    height: int
    """CSS pixels: the page's innerHeight."""
    url: str = ""
    title: str = ""
    scroll_x: float = 0
    scroll_y: float = 0
    dialog: Dialog | None = None

    @cached_property
    def image_size(self) -> tuple[int, int]:
        """(width, height) of the picture in its own pixels, read from the PNG header."""
        return png_size(self.png)

    @property
    def scale(self) -> float:
        """Image pixels per CSS pixel, measured, never taken from a setting."""
        return self.image_size[0] / self.width


def png_size(png: bytes) -> tuple[int, int]:
    """(width, height) in pixels from the header of PNG bytes; ValueError when they are not a PNG."""
    if len(png) < 24 or png[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("these bytes are not a PNG image")
    width, height = struct.unpack(">II", png[16:24])
    return int(width), int(height)


class Candidate(Frozen):
    """A point a model holds possible, with the estimated probability that a click there lands in the target."""

    point: Point
    confidence: float


class Pointing(Frozen):
    """The answer to "where is ...?" on one screenshot."""

    target: str
    point: Point | None
    """The best point; None only when the model names no place at all."""
    box: Box | None = None
    confidence: float = 0.0
    """Estimated probability that a click at the point lands in the target; low when it is absent."""
    found: bool = False
    """Whether the confidence reaches the threshold stored with the weights."""
    alternatives: tuple[Candidate, ...] = ()
    """The next-best points, best first."""
    seconds: float = 0.0
    model: str = ""
    unreadable: str = ""
    """Why the model's answer could not be read as a place: neither found nor absent."""


class Reading(Frozen):
    """Text read at a place; `source` says whether it came from pixels or, routed, from the DOM."""

    text: str
    confidence: float = 0.0
    box: Box | None = None
    source: Literal["pixels", "dom"] = "pixels"


class Hit(Frozen):
    """What the browser says lies at a point (hit-test): used to check and route, never to find the point."""

    tag: str
    role: str
    """button, link, textbox, checkbox, radio, combobox, file, ... or "" where the page gives none."""
    name: str
    """Visible text or accessible name, at most 200 characters."""
    box: Box
    input_type: str = ""
    """The type of an <input>, else ""."""
    enabled: bool = True
    editable: bool = False
    """Typing here changes a value: text-like input, textarea or contenteditable."""
    interactive: bool = False
    """Something is listening: a control, a link, a label of one, or a pointer cursor."""
    checked: bool | None = None
    options: tuple[str, ...] = ()
    """Labels of a native select's options."""
    says: str = ""
    """Every name that it goes by, of a control: what it may do is judged by all of them."""
    submits: str = ""
    """Words on the button that Enter presses here, in a form."""
    frame_url: str = ""
    """Address of the frame, as the browser has it."""


class Expected(Frozen):
    """What the gate has seen where an action is aimed: nothing else is to be pressed."""

    hit: Hit
    exact: bool = False
    """Whether numbers matter, which on many controls count up by themselves."""


class Change(Frozen):
    """What differed after an action. `any` is the verdict, the rest says why."""

    pixels_near: bool = False
    pixels: bool = False
    focus: bool = False
    value: bool = False
    url: bool = False
    loaded: bool = False
    """A new document stands in the tab, at whatever URL."""
    scrolled: bool = False
    mutations: int = 0
    dialog: bool = False
    tab: bool = False
    download: bool = False
    stopped: bool = False
    """A document was on its way for too long and has been stopped: the one before it is still in view."""

    @property
    def any(self) -> bool:
        return bool(
            self.pixels_near or self.pixels or self.focus or self.value or self.url or self.loaded
            or self.scrolled or self.mutations or self.dialog or self.tab or self.download or self.stopped
        )  # fmt: skip
