"""How the Molmo paper scores clocks, counting and pointing, from a model's own text.

Source: allenai/molmo, olmo/eval/evaluators.py (ClockEval with is_test, PointCountEval, PointingEval): small habits of
those functions are kept on purpose, so that figures can be compared. Knows no model and no picture.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deixis.browser.errors import SetupError
from deixis.browser.types import Frozen, Point

Mask = NDArray[np.bool_]
WORDS = {
    name: number
    for number, name in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
}
POINTS = re.compile(
    r"(\(\s*-?\d+(\.\d+)?\s*,\s*-?\d+(\.\d+)?\s*\)\n?)+"
    r"|<point\s+x=\"\s*\d+(\.\d+)?\"\s+y=\"\s*\d+(\.\d+)?\"\s+alt=\"[\s\S]*?\">[\s\S]*?</point>"
    r"|<points\s+(x\d+=\"\s*\d+(\.\d+)?\"\s+y\d+=\"\s*\d+(\.\d+)?\"\s+)+alt=\"[\s\S]*?\">[\s\S]*?</points>"
    r"|<point\s+p=\s*\d{3}\s*,\s*\d{3}\s+alt=\"[\s\S]*?\">[\s\S]*?</point>"
    r"|<points\s+(\d+=\s*\d{3}\s*,\s*\d{3}\s+)+alt=\"[\s\S]*?\">[\s\S]*?</points>"
)
"""What an answer that points must be, from its first to its last letter."""


class ClockScore(Frozen):
    """Of one clock; `close` is the figure that is quoted."""

    hour: bool
    minute: bool
    minute_close: bool
    exact: bool
    close: bool
    declined: bool | None = None
    """For a picture that shows no time: whether none was named."""


def clock(text: str, hour: int | None, minute: int | None) -> ClockScore:
    """hour 1 to 12; None when the picture shows no time. A time is close when the hour is right and the minute off by one at most."""
    if hour is None or minute is None:
        fine = ":" not in text
        return ClockScore(hour=fine, minute=fine, minute_close=fine, exact=fine, close=fine, declined=fine)
    wanted = 0 if hour == 12 else hour
    parts = text.split(":")
    said = _number(parts[0], last=True)
    said = said - 12 if said is not None and said >= 12 else said
    minutes = _number(parts[1], last=False) if len(parts) > 1 else None
    minutes = 0 if minutes == 60 else minutes
    right_hour, right_minute = said == wanted, minutes == minute
    near = minutes is not None and (abs(minutes - minute) <= 1 or abs(minutes - minute) == 59)
    around = said is not None and minutes is not None and abs(wanted * 60 + minute - (said * 60 + minutes)) == 719
    return ClockScore(
        hour=right_hour, minute=right_minute, minute_close=near, exact=right_hour and right_minute, close=(right_hour and near) or around
    )  # fmt: skip


def _number(text: str, last: bool) -> int | None:
    words = text.split()
    try:
        return int(words[-1 if last else 0])
    except (ValueError, IndexError):
        return None


def count(text: str) -> int | None:
    """The number an answer names: its last word, a total, or none at all; None when it names no number."""
    said = text.strip().lower().rstrip(".").strip()
    last = said.split()[-1] if said.split() else ""
    if re.fullmatch(r"[+-]?\d+", last):
        return int(last)
    if last in WORDS:
        return WORDS[last]
    total = re.match(r".*a total of ([0-9]+).*", said)
    if total:
        return int(total[1])
    return 0 if re.match(r".*\bnone\b.*", said) else None


def valid(text: str) -> bool:
    """Whether an answer is points and nothing else, as the published check has it."""
    return POINTS.fullmatch(text.strip()) is not None


class PointScore(Frozen):
    precision: float
    recall: float
    f1: float


def pointing(
    points: Sequence[Point], centres: Sequence[Point], masks: Sequence[Mask], readable: bool = True
) -> PointScore:
    """Points are given to objects so that distances are least in sum; a point counts when it lies in its object's mask.

    Without objects, everything is right when there are no points. An answer that cannot be read is worth nothing.
    """
    if not centres:
        right = float(not points)
        return PointScore(precision=right, recall=right, f1=right)
    if not readable or not points:
        return PointScore(precision=0, recall=0, f1=0)
    hits = sum(_inside(points[i], masks[j]) for i, j in _assigned(points, centres))
    precision, recall = hits / len(points), hits / len(masks)
    return PointScore(
        precision=precision, recall=recall, f1=2 * precision * recall / (precision + recall + 1e-10) if hits else 0.0
    )


def _assigned(points: Sequence[Point], centres: Sequence[Point]) -> list[tuple[int, int]]:
    """Pairs of a point and an object, each at most once, least far from each other in sum."""
    try:
        from scipy.optimize import linear_sum_assignment
        from scipy.spatial.distance import cdist
    except ImportError as error:
        raise SetupError(f"points are assigned by {error.name!r}: pip install 'deixis[bench]'") from error
    said, wanted = (np.array([(p.x, p.y) for p in some]) for some in (points, centres))
    rows, columns = linear_sum_assignment(cdist(said, wanted))
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def _inside(point: Point, mask: Mask) -> bool:
    x, y = round(point.x), round(point.y)
    return 0 <= x < mask.shape[1] and 0 <= y < mask.shape[0] and bool(mask[y, x])
