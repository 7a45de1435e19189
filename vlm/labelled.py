"""Controls by the label that stands beside them: where a request that names a label means the field, box or switch it belongs to.

A label belongs to the control on its row, however far to the right when nothing else stands between, or to the one right
below it. Boxes and points are CSS pixels. Knows nothing of the decoder.
"""

import re

import numpy as np

from deixis.browser.types import Box
from deixis.vlm import edges
from deixis.vlm.config import ROLES
from deixis.vlm.places import Place, place_at
from deixis.vlm.things import Things

_CONTROLS = [ROLES.index(role) for role in ("field", "select", "checkbox", "radio", "switch", "slider", "file")]
_FIELD_ROLE = ROLES.index("field")
_TICKED = [ROLES.index(role) for role in ("checkbox", "radio", "switch")]
_PRESSED = [ROLES.index(role) for role in ("link", "button", "tab", "menuitem")]
SURE, PLAIN = 0.3, 0.5
"""How surely something must have been found to be believed to be a control: where one is asked for, and for a bare name."""
LINK, FAINT = 0.33, 0.1
"""And to be believed to be a link, or a control that text stands in."""
KEPT, LIKELY = 0.1, 0.05
"""What an empty field without edges keeps of its probability, and the share of it from which an edged one is likely."""
NAMED = 0.5
"""How surely a bare name must be written out for its label to stand for its control."""
BELOW, ACROSS, LEVEL = 30.0, 1100.0, 0.25
"""Pixels from a label down to its control and across to it, and heights of the control by which their middles may differ."""
REACH = 260.0
"""Pixels from a label across to its field, where the field is not asked for."""
AFTER = 160.0
"""Pixels after a control within which what is written is its own label."""
ASIDE = 60.0
"""Pixels from a label across to a box to tick, beyond which the box is the label's only if it ends the row."""
FITS = 5.0
"""Times a label's area up to which a link around it is made of it."""
_ASKS = re.compile(
    r"\b(field|box|input|textbox|switch|toggle|check ?box|tick|untick|check|uncheck|radio|dropdown|drop-down|select|slider|"
    r"turn (on|off)|enable|disable|type|enter|fill|write|put|set|change|choose)\b",
    re.I,
)
_FIELD = re.compile(r"\b(field|box|input|textbox|bar)\b", re.I)
_PRESS = re.compile(r"\b(link|button|press|open|go to|tab|icon|menu|text|read|where it says)\b", re.I)


def asks_for_field(question: str) -> bool:
    """Whether a field is asked for, in as many words."""
    return bool(_FIELD.search(question))


def control_of(things: Things, place: Place, question: str, written: float) -> Place | None:
    """The control whose label is the line of text at a place, if that is what the question wants; None where it is not.

    written: how surely the question's name is written out alone, 0 to 1.
    """
    if place.thing >= things.lines:
        return None
    wanted = bool(_ASKS.search(question))
    if not wanted and (written < NAMED or _PRESS.search(question) or _pressed(things, place)):
        return None
    if _holds(things, place, _CONTROLS, FAINT):
        return None  # it stands in a control
    x0, y0, x1, y1 = things.boxes[place.thing].tolist()
    line = Box(x0=x0, y0=y0, x1=x1, y1=y1)
    roles = things.flags[:, -len(ROLES) :].argmax(1).numpy()
    likely = np.nonzero(np.isin(roles, _CONTROLS) & (things.flags[:, 2].numpy() > (SURE if wanted else PLAIN)))[0]
    found = [
        (far, i)
        for i in likely.tolist()
        if i >= things.lines and (far := _far(line, things, i, bool(roles[i] in _TICKED))) is not None
    ]
    if not found:
        return None
    far, best = min(found)
    if not wanted and far > ASIDE and roles[best] in _TICKED and _followed(things, best):
        return None  # the box to tick of another panel, or of a row of its own
    if not wanted and far > REACH and roles[best] == _FIELD_ROLE and things.texts[best]:
        return None  # the search field at the other end of a bar, with words of its own
    return place_at(things.boxes[best].tolist(), place.mass, best)


def seen(things: Things, elements: np.ndarray) -> np.ndarray:
    """Probabilities of the elements (T,), those of empty fields without edges moved to likely ones whose edges are seen.

    A field that is nothing but ground is none; where a page draws its fields as mere lines, all stay what they are.
    """
    roles = things.flags[:, -len(ROLES) :].argmax(1).numpy()
    edged = things.flags[:, 2].numpy() >= edges.SEEN
    fields = np.isin(roles, list(edges.EDGED)) & (np.arange(len(roles)) >= things.lines)
    faint = fields & ~edged & np.array([not text for text in things.texts], bool)
    lost = float(elements[faint].sum()) * (1 - KEPT)
    clear = fields & edged & (elements > LIKELY * lost)
    if lost <= 0 or not clear.any():
        return elements
    new = elements.copy()
    new[faint] *= KEPT
    new[clear] += lost * new[clear] / new[clear].sum()
    return new


def _pressed(things: Things, place: Place) -> bool:
    """Whether what is written at a place fills a link or a button."""
    box = place.box
    return _holds(things, place, _PRESSED, LINK, FITS * max((box.x1 - box.x0) * (box.y1 - box.y0), 1.0))


def _holds(things: Things, place: Place, roles: list[int], sure: float, most: float = np.inf) -> bool:
    """Whether a point lies in something of one of these roles, of so many pixels at most."""
    kinds, x, y = things.flags[:, -len(ROLES) :].argmax(1).numpy(), place.point.x, place.point.y
    for i in np.nonzero(np.isin(kinds, roles) & (things.flags[:, 2].numpy() > sure))[0].tolist():
        x0, y0, x1, y1 = things.boxes[i].tolist()
        if i >= things.lines and x0 < x < x1 and y0 < y < y1 and (x1 - x0) * (y1 - y0) < most:
            return True
    return False


def _far(line: Box, things: Things, control: int, ticked: bool) -> float | None:
    """How far a control lies from a label, in pixels; None where the label is not its own."""
    x0, y0, x1, y1 = things.boxes[control].tolist()
    if line.x0 > x0 - 2 and line.x1 < x1 + 2 and line.y0 > y0 - 2 and line.y1 < y1 + 2:
        return None  # it stands in it
    middle = (line.y0 + line.y1) / 2
    if abs(middle - (y0 + y1) / 2) < max(LEVEL * (y1 - y0), 8.0):
        if ticked and 0 <= line.x0 - x1 < BELOW:
            return line.x0 - x1
        if -2 <= x0 - line.x1 < ACROSS and not _between(things, line, x0, control):
            return max(x0 - line.x1, 0.0)
    if not ticked and -2 <= y0 - line.y1 < BELOW and x0 - 12 <= line.x0 < x1 and not _own(things, control, line):
        return max(y0 - line.y1, 0.0) + 2.0
    return None


def _followed(things: Things, control: int) -> bool:
    """Whether something is written to the right of a control, which is rather its own label."""
    x0, y0, x1, y1 = things.boxes[control].tolist()
    boxes = things.boxes[: things.lines].numpy()
    level = np.abs((boxes[:, 1] + boxes[:, 3]) / 2 - (y0 + y1) / 2) < 0.5 * (y1 - y0)
    return bool((level & (boxes[:, 0] >= x1 - 2) & (boxes[:, 0] < x1 + AFTER)).any())


def _between(things: Things, line: Box, right: float, control: int) -> bool:
    """Whether something stands between a label and what lies to the right of it."""
    boxes = things.boxes.numpy()
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    there = (x > line.x1 + 2) & (x < right - 2) & (y > line.y0) & (y < line.y1)
    there[control] = False
    return bool(there.any())


def _own(things: Things, control: int, line: Box) -> bool:
    """Whether a control has a label on its row, so that what stands above it is none of its."""
    x0, y0, x1, y1 = things.boxes[control].tolist()
    boxes = things.boxes[: things.lines].numpy()
    level = np.abs((boxes[:, 1] + boxes[:, 3]) / 2 - (y0 + y1) / 2) < 0.3 * (y1 - y0)
    return bool((level & (boxes[:, 2] <= x0 + 2) & (x0 - boxes[:, 2] < 160)).any())
