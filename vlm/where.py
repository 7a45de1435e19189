"""Where on the screen something is said to be: "the Star button at the top right", "Cards in the sidebar".

A request is taken apart into what is wanted and the part of the screen it is looked for in; what lies elsewhere counts
less, by how far away it lies. Parts are measured on what is on the screen rather than on the window, so that empty
margins do not move the middle. Of a part whose place nobody can know ("in the dialog") only the words are taken away.
English only. Knows nothing of tensors and models.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deixis.browser.types import Box
from deixis.vlm.simpler import Written, is_name

Found = re.Match[str] | Mapping[str, str | None]

LEAST = 0.02
"""What counts of a thing that lies at the other end of the screen."""
SOFT, UNKNOWN = 0.25, 0.6
"""How far from a part things still count somewhat, in widths or heights of the screen; and what counts at least of anything where the top "of the form" is meant."""
Span = tuple[float, float]
"""Where a part begins and ends across or down, 0 to 1."""
ALL: Span = (0.0, 1.0)
TOP, BOTTOM, MIDDLE = (0.0, 0.25), (0.75, 1.0), (0.3, 0.7)
LEFT, RIGHT, EDGES = (0.0, 0.4), (0.6, 1.0), ((0.0, 0.28), (0.72, 1.0))


class Part(NamedTuple):
    """A part of the screen."""

    across: tuple[Span, ...] = (ALL,)
    """It may be in any of these."""
    down: Span = ALL
    least: float = LEAST
    """What counts of things that lie elsewhere."""


class Where(NamedTuple):
    """A request taken apart."""

    rest: str
    """Without the words that say where."""
    parts: tuple[Part, ...]
    """It is in all of these."""


_VERTICAL = {"top": TOP, "upper": TOP, "bottom": BOTTOM, "lower": BOTTOM}
_ACROSS = {"left": LEFT, "right": RIGHT, "center": MIDDLE, "centre": MIDDLE, "middle": MIDDLE}
_NAMED = (
    (r"(?:page |site |top |main )?header|top ?bar|nav ?bar|(?:top |main )?nav(?:igation)?(?: ?bar| menu)?|banner|app ?bar|title bar", Part(down=TOP)),
    (r"(?:page |site )?footer|bottom (?:bar|nav(?:igation)?)|tab bar|status bar", Part(down=BOTTOM)),
    (r"side ?bar|side (?:menu|panel|nav(?:igation)?)|navigation (?:panel|pane|drawer)", Part(EDGES)),
    (r"main (?:area|content|section|part|column)|content (?:area|section|column)", Part(((0.2, 1.0),))),
    (r"cent(?:er|re)|middle", Part((MIDDLE,), (0.25, 0.75))),
    (r"(?:dialog(?:ue)?|modal|pop-?up|alert)(?: box| window)?|form|page|screen|window|website|site|app|menu|list|tool ?bar|drop-?down", Part()),
)  # fmt: skip
_SIDE = r"(?: (?:side|edge|part|area|section|half|column|panel|pane|margin|corner|side ?bar|bar|menu|nav(?:igation)?|toolbar|header|row))?"
_HAND = r"(?:[ -]hand)?"
_CORNER = rf"(?P<v>top|upper|bottom|lower)[ -](?P<h>left|right|center|centre|middle){_HAND}"
_PLACE = "|".join(
    (
        *(form for form, _ in _NAMED),
        _CORNER + _SIDE,
        rf"(?P<v1>top|upper|bottom|lower){_SIDE}",
        rf"(?P<h1>left|right){_HAND}{_SIDE}",
    )
)
_PAGE = r"page|screen|window|site|website|web ?page|view|app|application"
_OTHER = r"form|dialog|modal|pop-?up|list|table|header|toolbar|side ?bar|menu|card|panel|section"
_IN = r"(?:at|in|on|from|near|within|inside|along|(?:over|off) to) (?:the |this |its )?(?:very |far )?"
_SAID = rf"{_IN}(?P<place>{_PLACE})(?: of (?:the |this )?(?:(?:{_PAGE})|(?P<other>{_OTHER})))?"
_FORMS = tuple(
    re.compile(form, re.I)
    for form in (
        rf"^(?P<lead>)(?P<rest>.+?),? (?:(?:that is|that's|which is|located|placed|found|shown|displayed) )?{_SAID}[.!?]*$",
        rf"^(?P<lead>)(?P<rest>.+?), (?P<place>{_PLACE})(?P<other>)[.!?]*$",
        rf"^(?P<lead>.+? ){_SAID} (?P<rest>(?:(?:that is |that's |which is )?(?:labell?ed|named|called|titled|captioned|marked|saying)|(?:that|which) says) .+)$",
        rf"^(?P<lead>){_SAID}(?:, ?|: ?| (?=(?:click|press|tap|open|select|choose|find)\b))(?P<rest>.+)$",
        rf"^(?P<lead>(?:the )?)(?P<place>{_CORNER}(?: corner)?)(?P<v1>)(?P<h1>)(?P<other>)(?:'s)? (?P<rest>.+)$",
    )
)
_MOVES = re.compile(
    r"(?:(?:go|scroll|move|jump|swipe|navigate|get|take me|back)(?: back| up| down| over| all the way)*|what(?:'s| is)|(?:click|press|tap|select|the) ?(?:the)?)",
    re.I,
)
"""Requests of which nothing is left that could be a name: "scroll to the top of the page"."""


def is_part(words: str) -> bool:
    """Whether words name a part of the screen whose place is known: "the sidebar", "the top right corner"."""
    found = re.fullmatch(rf"(?:the |my |this |its )?(?P<place>{_PLACE})", words.strip(), re.I)
    return found is not None and _part({**found.groupdict(), "other": None}) != Part()


def where(request: str, written: Written = lambda words: False) -> Where | None:
    """What is wanted and where it is; None when the request does not say where, or these are words of a name ("Back to top")."""
    rest, parts = request.strip(), list[Part]()
    while found := next((match for form in _FORMS if (match := form.match(rest))), None):
        if _MOVES.fullmatch(found["rest"]) or is_name(rest, written):
            break
        parts.append(_part(found))
        rest = f"{found['lead']}{found['rest']}"
    return Where(rest, tuple(parts)) if parts else None


def _part(found: Found) -> Part:
    vertical, side = found["v"] or found["v1"], found["h"] or found["h1"]
    if not (vertical or side):
        return next((part for form, part in _NAMED if re.fullmatch(form, found["place"] or "", re.I)), Part())
    return Part(
        (_ACROSS.get(side.lower(), ALL),) if side else (ALL,),
        _VERTICAL.get(vertical.lower(), ALL) if vertical else ALL,
        UNKNOWN if found["other"] else LEAST,
    )


def weights(said: Where, points: ArrayLike, extent: Box) -> NDArray[np.float64]:
    """(N,) how much points (N, 2) count, LEAST to 1; extent: of all that is on the screen. CSS pixels."""
    at = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    u = (at[:, 0] - extent.x0) / max(extent.x1 - extent.x0, 1.0)
    v = (at[:, 1] - extent.y0) / max(extent.y1 - extent.y0, 1.0)
    counts = np.ones(len(at))
    for part in said.parts:
        across = np.max([_near(u, span) for span in part.across], axis=0)
        counts *= np.maximum(across * _near(v, part.down), part.least)
    return np.maximum(counts, LEAST)


def _near(position: NDArray[np.float64], span: Span) -> NDArray[np.float64]:
    """1 within a span, less beside it, 0 beyond SOFT."""
    off = np.maximum(np.maximum(span[0] - position, position - span[1]), 0.0)
    return np.maximum(1.0 - off / SOFT, 0.0)
