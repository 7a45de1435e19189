"""report.html of a grounding run: the figures, and the misses with what was right and what was chosen drawn on them.

One file with everything in it. Made from the results alone, so it works again later; knows no model.
"""

import base64
import io
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from deixis.benchmarks.published_scores import shown as lines_of
from deixis.benchmarks.sets import GroundingSet, Item, picture
from deixis.benchmarks.summary import Result
from deixis.browser.errors import UsageError
from deixis.browser.types import Box, Point

HERE = Path(__file__).parent
SHOWN = 200
MARGIN, LEAST = 40, (360, 200)
"""CSS pixels around box and point; the least width and height of a view."""
WIDEST = 720
"""Most pixels across a picture in the report."""


class Miss(NamedTuple):
    """A result that is wrong, and the part of the page that shows why."""

    item: Item
    result: Result
    view: Box
    """CSS pixels."""
    image: str
    """The view as a data URL."""


def write_report(folder: Path, found: GroundingSet, results: Sequence[Result], summary: dict[str, Any]) -> Path:
    """Writes report.html into the folder of a run."""
    items = {item.id: item for item in found.items}
    missed = [result for result in results if not result.hit]
    shown = [_miss(found, items[result.id], result) for result in selected(missed)]
    kinds = {kind: [miss for miss in shown if miss.item.kind == kind] for kind in sorted({r.kind for r in missed})}
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("grounding_report.html.j2").render(
        summary=summary, kinds=kinds, shown=len(shown), missed=len(missed),
        published=lines_of(summary.get("published") or {}),
        css=(files("deixis.agent") / "report.css").read_text() + (HERE / "grounding_report.css").read_text(),
    )  # fmt: skip
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def selected(missed: Sequence[Result], limit: int = SHOWN) -> list[Result]:
    """At most so many misses, as many of one kind as of another where there are enough; the surest of each first."""
    kinds: dict[str, list[Result]] = {}
    for result in sorted(missed, key=lambda result: -result.confidence):
        kinds.setdefault(result.kind, []).append(result)
    turns = [(turn, result) for own in kinds.values() for turn, result in enumerate(own)]
    return [result for _, result in sorted(turns, key=lambda pair: pair[0])[:limit]]


def _miss(found: GroundingSet, item: Item, result: Result) -> Miss:
    view = view_of(item, result)
    try:
        image = data_url(picture(found.image(item)), item, view)
    except UsageError:  # the picture is what is wrong with it
        image = ""
    return Miss(item, result, view, image)


def view_of(item: Item, result: Result) -> Box:
    """The part of the page around box and point, on whole CSS pixels; the whole page when there is neither."""
    named = result.x is not None and result.y is not None
    return view_around(item, [Point(x=result.x or 0, y=result.y or 0)] if named else [])


def view_around(item: Item, points: Sequence[Point]) -> Box:
    """The same for any number of points."""
    places = [item.box] if item.box else []
    places += [Box(x0=point.x, y0=point.y, x1=point.x, y1=point.y) for point in points]
    if not places:
        return Box(x0=0, y0=0, x1=item.width, y1=item.height)
    x0, x1 = _span(min(p.x0 for p in places), max(p.x1 for p in places), LEAST[0], item.width)
    y0, y1 = _span(min(p.y0 for p in places), max(p.y1 for p in places), LEAST[1], item.height)
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)


def _span(low: float, high: float, least: int, size: int) -> tuple[int, int]:
    """From low to high with a margin, at least so long where the page (0 to size) has the room."""
    grow = max(MARGIN, (least - (high - low)) / 2)
    length = min(size, round(high - low + 2 * grow))
    start = min(max(0, round(low - grow)), size - length)
    return start, start + length


def data_url(image: Image.Image, item: Item, view: Box) -> str:
    """The part of a picture that a view shows, small enough for a page."""
    across, down = image.width / item.width, image.height / item.height
    crop = image.crop((round(view.x0 * across), round(view.y0 * down), round(view.x1 * across), round(view.y1 * down)))
    crop.thumbnail((WIDEST, WIDEST))
    buffer = io.BytesIO()
    crop.save(buffer, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
