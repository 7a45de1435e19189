"""`deixis doctor`: is everything here that acting needs, and do clicks land where they are aimed?

The calibration page records where it was really clicked; the largest distance from where we aimed is the error of
this very set-up, whatever its scale and zoom. A model that answers in words is shown discs whose places are known: what
it says tells a server that makes pictures smaller without a word from a frame that is another family's.
"""

import io
from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from deixis.browser.errors import DeixisError
from deixis.browser.types import Frozen, Point, Pointing, Screenshot

if TYPE_CHECKING:
    from deixis.vlm.prompted import PromptedPointer

TARGETS = 25
PAGE = """<!doctype html><title>deixis calibration</title><style>body{margin:0;background:#fff}#dot{position:fixed;width:8px;height:8px;
border-radius:4px;background:#c2185b;pointer-events:none}</style><div id=dot></div><script>
window.clicks=[];addEventListener('click',e=>{clicks.push([e.clientX,e.clientY]);dot.style.left=e.clientX+'px';dot.style.top=e.clientY+'px'})</script>"""


SIZE = (1280, 720)
"""CSS pixels of the picture with the discs: that of a run's viewport."""
DISCS = {"red": (150, 120), "green": (420, 300), "blue": (700, 90), "orange": (240, 560), "black": (820, 610)}
"""Colour and middle of each disc, in CSS pixels. None lies on a line with all others, or near an edge."""
RADIUS = 28


class Check(Frozen):
    """One line of the examination."""

    name: str
    ok: bool
    detail: str


def examine(model: str | None, scale: float) -> list[Check]:
    """All checks, each on its own feet: one that fails does not hide the next."""
    from deixis.agent.api import in_own_loop

    checks = [_tried("browser", _browser), _tried("fonts", _fonts), _tried("weights", lambda: _weights(model))]
    if checks[2].ok and (talks := _talking(model)):
        checks.append(_tried("pointing", lambda: pointing(talks, scale)))
    if checks[0].ok:
        spent: dict[str, list[float]] = {}
        checks.append(_tried("calibration", lambda: in_own_loop(_calibration(scale, spent))))
        if spent:
            checks.append(Check(name="latency", ok=True, detail=_in_words(spent)))
    return checks


def _tried(name: str, check: Callable[[], Check | str]) -> Check:
    try:
        found = check()
    except DeixisError as error:
        return Check(name=name, ok=False, detail=str(error))
    return found if isinstance(found, Check) else Check(name=name, ok=True, detail=found)


def _in_words(spent: dict[str, list[float]]) -> str:
    """Median milliseconds of each part of a step, the model's apart."""
    return ", ".join(f"{part} {1000 * median(seconds):.0f} ms" for part, seconds in spent.items()) + " (medians)"


def _browser() -> str:
    from deixis.browser.launch import find_browser, managed_path

    return str(find_browser(managed=managed_path()))


def _fonts() -> str:
    """A page in a font that the model has not seen is read worse, so what is missing is told, but nothing fails for it."""
    from deixis.browser.launch import has_fonts

    if has_fonts():
        return "Noto Sans is installed"
    return "Noto Sans is not installed, pages look unlike what people see: `deixis setup`, or apt-get install fonts-noto-core"


def _weights(model: str | None) -> str:
    from time import perf_counter

    from deixis.agent.api import load_pointer
    from deixis.agent.picture import blank

    pointer = load_pointer(model)
    start = perf_counter()
    pointer.point_many(blank(1280, 720), ["the Save button"])
    seconds = perf_counter() - start
    start = perf_counter()
    again = pointer.point_many(blank(1280, 720), ["the Save button", "the Name field"])
    more = f", {perf_counter() - start:.2f} s for two more on the same picture" if len(again) == 2 else ""
    return f"{pointer.name} ({pointer.weights_sha256[:12]}), {seconds:.2f} s for one target on a blank page of 1280x720{more}"


def _talking(model: str | None) -> "PromptedPointer | None":
    """The pointer, if it is one that answers in words, in a frame of its family."""
    from deixis.agent.api import load_pointer
    from deixis.vlm.prompted import PromptedPointer

    pointer = load_pointer(model)
    return pointer if isinstance(pointer, PromptedPointer) else None


def pointing(pointer: "PromptedPointer", scale: float) -> Check:
    """Asks for discs whose places are known: do the model's numbers mean what its family's do, on this server?"""
    found = pointer.point_many(discs(scale), [f"the {colour} disc" for colour in DISCS])
    ok, detail = judged(found, pointer)
    return Check(name="pointing", ok=ok, detail=detail)


def discs(scale: float) -> Screenshot:
    """A white page with the discs, at so many pixels per CSS pixel."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (round(SIZE[0] * scale), round(SIZE[1] * scale)), "white")
    draw = ImageDraw.Draw(image)
    for colour, (x, y) in DISCS.items():
        draw.ellipse(
            [(x - RADIUS) * scale, (y - RADIUS) * scale, (x + RADIUS) * scale, (y + RADIUS) * scale], fill=colour
        )
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return Screenshot(png=buffer.getvalue(), width=SIZE[0], height=SIZE[1])


class _Stretch(NamedTuple):
    """Where a model points, over where the thing is, on each axis."""

    x: float
    y: float
    off: float
    """CSS pixels: the largest distance from there that no stretch explains."""


def judged(found: Sequence[Pointing], pointer: "PromptedPointer") -> tuple[bool, str]:
    """Whether the discs were pointed at, and one sentence: what is wrong with them, if it is something known."""
    pairs = [(at, one.point) for at, one in zip(DISCS.values(), found, strict=True) if one.point]
    if len(pairs) < 3:
        why = next((one.unreadable for one in found if one.unreadable), "it says that they are not there")
        return False, f"{pointer.name} points at {len(pairs)} of {len(DISCS)} discs on a white page: {why}"
    largest = max(max(abs(p.x - x), abs(p.y - y)) for (x, y), p in pairs)
    if largest <= RADIUS and len(pairs) == len(DISCS):
        return (
            True,
            f"{pointer.name} points at {len(pairs)} of {len(DISCS)} discs, largest error {largest:.1f} CSS pixels",
        )
    stretch = _stretch(pairs)
    if stretch.off > RADIUS or largest <= RADIUS:
        return (
            False,
            f"{pointer.name} points at {len(pairs)} of {len(DISCS)} discs, largest error {largest:.0f} CSS pixels: it points badly",
        )
    return False, _meaning(stretch, pointer)


def _stretch(pairs: Sequence[tuple[tuple[int, int], Point]]) -> _Stretch:
    """The stretch from the top left corner that explains most, by least squares on each axis."""

    def axis(there: list[float], said: list[float]) -> tuple[float, float]:
        by = sum(t * s for t, s in zip(there, said, strict=True)) / sum(t * t for t in there)
        return by, max(abs(s - by * t) for t, s in zip(there, said, strict=True))

    x, off_x = axis([at[0] for at, _ in pairs], [p.x for _, p in pairs])
    y, off_y = axis([at[1] for at, _ in pairs], [p.y for _, p in pairs])
    return _Stretch(x, y, max(off_x, off_y))


def _meaning(stretch: _Stretch, pointer: "PromptedPointer") -> str:
    """What a stretch of all places tells."""
    family = pointer.family
    told = f"{pointer.name} points at {stretch.x:.2f} of the way across and {stretch.y:.2f} of the way down to where things are: "
    if getattr(family.frame, "kind", "") == "pixels" and abs(stretch.x - stretch.y) <= 0.05 * stretch.x:
        width, height = (10 * round(side * by / 10) for side, by in zip(SIZE, stretch, strict=False))
        return told + (
            f"the server resizes pictures without saying so, to about {width}x{height} from {SIZE[0]}x{SIZE[1]} CSS pixels. "
            f"Raise its limit of pixels, or run with --viewport {width}x{height} and a --scale that it leaves alone"
        )
    return told + f"its numbers are not those of {family.name}. Give the family whose frame it shares: MODEL=FAMILY@URL"


async def _calibration(scale: float, spent: dict[str, list[float]]) -> Check:
    """Clicks a grid of points and asks the page where they landed; `spent` takes the seconds of each part of a step."""
    from time import perf_counter

    from deixis.browser.actions import Click
    from deixis.browser.session import Session, SessionConfig

    async with Session(SessionConfig(scale=scale)) as session:
        await session.start("data:text/html," + PAGE.replace("#", "%23").replace("\n", " "))
        shot = await session.look()
        side = round(TARGETS**0.5)
        aimed = [
            Point(x=round(shot.width * (i + 0.5) / side), y=round(shot.height * (j + 0.5) / side))
            for j in range(side)
            for i in range(side)
        ]
        for point in aimed:
            start = perf_counter()
            await session.look()
            looked = perf_counter()
            await session.hit(point)
            told = perf_counter()
            await session.act(Click(target=point))
            parts = vars(session.spent)
            for part, seconds in {"looking": looked - start, "hit-test": told - looked, **parts}.items():
                spent.setdefault(part, []).append(seconds)
        landed = await session.page.evaluate("window.clicks")
    errors = [max(abs(p.x - x), abs(p.y - y)) for p, (x, y) in zip(aimed, landed, strict=False)]
    ok = len(landed) == len(aimed) and max(errors) <= 0.5
    detail = f"{len(landed)} of {len(aimed)} clicks arrived, largest error {max(errors, default=0):.2f} CSS pixels, picture scale {shot.scale:g}"
    return Check(name="calibration", ok=ok, detail=detail)
