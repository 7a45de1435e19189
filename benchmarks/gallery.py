"""What several models made of the same items, side by side: where they differ first, then what all miss, then what all hit.

Made from results; the pictures are those of the set, if it still lies where it lay when the runs were made. Knows no model.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from deixis.benchmarks.report import data_url, view_around
from deixis.benchmarks.sets import GroundingSet, Item, picture
from deixis.browser.errors import DeixisError
from deixis.browser.types import Box, Point

DIFFERING, MISSED, HIT = 40, 20, 12
"""Most items of each sort."""
Told = tuple[str, dict[str, dict[str, Any]], dict[str, bool]]
"""A run: its name, its results by id, and whether each is good."""


class Cell(NamedTuple):
    """What one model said of an item."""

    name: str
    good: bool
    x: float | None
    y: float | None
    said: str


class Compared(NamedTuple):
    """An item and what each model said."""

    id: str
    sort: str
    words: str
    item: Item | None
    view: Box | None
    image: str
    cells: list[Cell]


def gallery(told: Sequence[Told], summary: dict[str, Any], sha256: str) -> tuple[list[Compared], str]:
    """The items worth a look, and a note when their pictures are not to be had."""
    common = [id_ for id_ in told[0][1] if all(id_ in rows for _, rows, _ in told)]
    chosen = [(id_, sort) for sort, ids in _sorts(common, told).items() for id_ in ids]
    found, note = _set(summary, sha256)
    items = {item.id: item for item in found.items} if found else {}
    return [_compared(id_, sort, told, items.get(id_), found) for id_, sort in chosen], note


def _sorts(ids: Sequence[str], told: Sequence[Told]) -> dict[str, list[str]]:
    good = {id_: [verdicts[id_] for _, _, verdicts in told] for id_ in ids}
    return {
        "hit by some": [i for i in ids if any(good[i]) and not all(good[i])][:DIFFERING],
        "missed by all": [i for i in ids if not any(good[i])][:MISSED],
        "hit by all": [i for i in ids if all(good[i])][:HIT],
    }


def _set(summary: dict[str, Any], sha256: str) -> tuple[GroundingSet | None, str]:
    """The set as the runs saw it; a note when it is gone or another."""
    from deixis.benchmarks.runner import open_set

    if "path" not in summary:
        return None, ""
    path, form = Path(summary["path"]), summary.get("format", "deixis")
    try:
        found = open_set(path, None if form == "deixis" else form, Path("runs") / "pictures")
    except DeixisError as error:
        return None, f"no pictures: {error}"
    if found.sha256 != sha256:
        return None, f"no pictures: {str(path)!r} is not the set any more that these runs saw"
    return found, ""


def _compared(id_: str, sort: str, told: Sequence[Told], item: Item | None, found: GroundingSet | None) -> Compared:
    rows = [rows[id_] for _, rows, _ in told]
    cells = [
        Cell(name, verdicts[id_], row.get("x"), row.get("y"), str(row.get("text") or row.get("answer") or row.get("error") or ""))
        for (name, _, verdicts), row in zip(told, rows, strict=True)
    ]  # fmt: skip
    words = str(rows[0].get("instruction") or rows[0].get("goal") or rows[0].get("question") or id_)
    if item is None or found is None:
        return Compared(id_, sort, words, None, None, "", cells)
    points = [Point(x=cell.x, y=cell.y) for cell in cells if cell.x is not None and cell.y is not None]
    view = view_around(item, points)
    return Compared(id_, sort, words, item, view, data_url(picture(found.image(item)), item, view), cells)
