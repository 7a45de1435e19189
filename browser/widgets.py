"""Values of fields that are not typed key by key: dates and times, colours, sliders.

What such a field shows and which keys it takes depends on the locale and the browser, so their values are given to the
element under the pixel in the one form that HTML has for each. Knows no page: words in, the field's value out.
"""

import re
from datetime import datetime

from PIL import ImageColor

from deixis.browser.errors import ActionError

_DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%B %d %Y")
_TIMES = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I %p", "%I:%M%p")
_MOMENTS = tuple(f"{day}{between}{time}" for day in _DAYS for between in ("T", " ", ", ", " at ") for time in _TIMES)
_FORMS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "date": (_DAYS, "%Y-%m-%d", "2026-03-09"),
    "time": (_TIMES, "%H:%M", "14:35"),
    "month": (("%Y-%m", "%B %Y", "%b %Y", "%m.%Y"), "%Y-%m", "2026-03"),
    "datetime-local": (_MOMENTS, "%Y-%m-%dT%H:%M", "2026-03-09T14:35"),
}
"""By type of the field: forms that people write, the field's own, an example."""
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
ROUTED = frozenset({*_FORMS, "week", "color", "range"})
"""Types of <input> whose value is set in one piece."""


def value_for(kind: str, text: str) -> str:
    """The value that a field of a routed type takes for what a person would write; ActionError names the right form."""
    text = text.strip()
    if not text and kind not in {"color", "range"}:
        return ""  # emptied
    if kind in _FORMS:
        return _moment(kind, text)
    return {"week": _week, "color": _colour, "range": _number}[kind](text)


def _moment(kind: str, text: str) -> str:
    forms, own, example = _FORMS[kind]
    ordered = _SLASHES.sub(_in_order, text)
    for form in forms:
        try:
            return datetime.strptime(ordered, form).strftime(own)
        except ValueError:
            continue
    raise ActionError(f"{text!r} is no value for a field of type {kind}: write it as in {example!r}")


def _in_order(found: "re.Match[str]") -> str:
    """Year first where day and month can be told apart: 4/15/2018 is one date, 3/9/2026 is two and stays as it is."""
    first, second = int(found[1]), int(found[2])
    if first <= 12 and second <= 12 and first != second:
        return found[0]
    month, day = (first, second) if first <= 12 else (second, first)
    return f"{found[3]}-{month:02d}-{day:02d}"


def _week(text: str) -> str:
    found = re.fullmatch(r"(\d{4})-?W(\d{1,2})|week (\d{1,2}),? (?:of )?(\d{4})", text, re.IGNORECASE)
    if found is None:
        raise ActionError(f"{text!r} is no week: write it as in '2026-W11'")
    year, week = (found[1], found[2]) if found[1] else (found[4], found[3])
    return f"{year}-W{int(week):02d}"


def _colour(text: str) -> str:
    try:
        return "#{:02x}{:02x}{:02x}".format(*ImageColor.getrgb(text)[:3])
    except ValueError as error:
        raise ActionError(f"{text!r} is no colour: write it as in '#1e90ff' or 'dodgerblue'") from error


def _number(text: str) -> str:
    try:
        return f"{float(text.removesuffix('%')):g}"
    except ValueError as error:
        raise ActionError(f"{text!r} is no number, which a slider takes") from error
