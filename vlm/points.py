"""Surface forms: the text in which models write points, boxes and refusals, and how each is read and written.

One reader and one writer for a form; which form a model uses is a fact about the model id (`families`), and what the
numbers mean is the frame's business (`frames`). What cannot be read is an `OutputError`, never an absence and never a
guessed point: a text that breaks off, a tag that is malformed, an action without a place. Every reader takes time
linear in the length of the text, however hostile it is, and nothing a model writes is ever evaluated.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, get_args

from deixis.browser.errors import OutputError
from deixis.browser.types import Frozen
from deixis.vlm.frames import Mark, ModelBox, ModelPoint, Order

Form = Literal[
    "molmo_xml",  # <point x="61.5" y="40.6" alt="a">a</point>, <points x1= y1= x2= y2=>; "There are none."
    "molmo2_coords",  # <points coords="1 1 523 410 2 600 100">a</points>: picture, then id x y
    "molmoweb_json",  # {"thought": "...", "action": {"name": "click", "x": 61.5, "y": 40.6}}
    "computer_use",  # {"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [x, y]}}
    "coordinate_json",  # {"coordinate": [x, y]}
    "xy_json",  # {"x": 512, "y": 300}
    "click_absolute",  # {"action": "click_absolute", "x": 512, "y": 300}
    "point_2d",  # [{"point_2d": [x, y], "label": "a"}]
    "box_2d",  # [{"box_2d": [y0, x0, y1, x1], "label": "a"}]
    "paren_point",  # (x, y)
    "bracket_point",  # [x, y]; [-1, -1] refuses
    "bracket_box",  # [x0, y0, x1, y1]
    "double_bracket_box",  # [[x0, y0, x1, y1]]
    "box_tag",  # <box>[[x0, y0, x1, y1]]</box>
    "point_tag",  # <point>x y</point>
    "start_box",  # click(start_box='(x,y)') or <point>x y</point>
    "pyautogui",  # pyautogui.click(x=512, y=300)
    "call",  # click(x=0.5, y=0.3)
    "colon_point",  # point:x,y
    "loc_point",  # <loc_512><loc_300>
    "loc_box",  # <loc_512><loc_300><loc_600><loc_350>
    "padded_loc_box",  # <loc0300><loc0512><loc0350><loc0600>
    "patch_index",  # <patch_index_0044><patch_index_0863>: the patches at two corners, counted row by row
    "pointer_head",  # the text holds placeholders only
]
FORMS: tuple[Form, ...] = get_args(Form)

THOUGHTS = ("think", "thinking", "grounding_think")
"""Tags around what a model says to itself; the places in there are not its answer."""
MAX_NESTING = 32
"""JSON of models is a few levels deep; more is garbage and would overflow the stack of a recursive reader."""
MAX_NUMBER = 1e7
"""No coordinate is as large; it also keeps out what Python reads from JSON as infinite or not a number."""
PATCHES = 32
"""Patches on a side of the grid that patch_index counts. Source: transformers, processing_kosmos2."""

# Bounded repetitions everywhere: no text can make these patterns try the same characters again and again.
_N = r"(-?(?:[0-9]{1,7}(?:\.[0-9]{0,20})?|\.[0-9]{1,20}))"
_S = r"[ \t\r\n]{0,8}"
_COMMA = rf"{_S},{_S}"
_GAP = rf"(?:{_COMMA}|[ \t\r\n]{{1,8}})"
_PAIR, _FOUR = rf"{_N}{_COMMA}{_N}", rf"{_N}{_COMMA}{_N}{_COMMA}{_N}{_COMMA}{_N}"
_TWO_OR_FOUR = rf"{_N}{_GAP}{_N}(?:{_GAP}{_N}{_GAP}{_N})?"
_BARE_BOX = _FOUR.replace("(-?", "(?:-?")

_PAREN = re.compile(rf"\({_S}{_PAIR}{_S}\)")
_BRACKET = re.compile(rf"\[{_S}{_PAIR}{_S}\]")
_BOX = re.compile(rf"\[{_S}{_FOUR}{_S}\]")
_BOXES = re.compile(rf"\[{_S}\[{_S}{_BARE_BOX}{_S}\](?:{_COMMA}\[{_S}{_BARE_BOX}{_S}\]){{0,99}}{_S}\]")
_POINT_TAG = re.compile(rf"<point>{_S}{_TWO_OR_FOUR}{_S}</point>")
_START_BOX = re.compile(
    rf"\b(?:start|end)_box{_S}={_S}['\"]{_S}(?:<\|box_start\|>)?\({_S}{_TWO_OR_FOUR}{_S}\)(?:<\|box_end\|>)?{_S}['\"]"
)
_PYAUTOGUI = re.compile(
    rf"\bpyautogui\.(?:(?:double|triple|left|middle|right)?[cC]lick|moveTo|dragTo|mouse(?:Down|Up))"
    rf"\({_S}(?:x{_S}={_S})?{_N}{_COMMA}(?:y{_S}={_S})?{_N}{_S}[,)]"
)
_CALL = re.compile(rf"(?<![.\w])[a-z_]{{1,20}}\({_S}x{_S}={_S}{_N}{_COMMA}y{_S}={_S}{_N}{_S}[,)]")
_COLON = re.compile(rf"\bpoint:{_S}{_PAIR}(?![0-9.])")
_XML_PAIR = re.compile(rf"\s{_S}x([0-9]{{0,4}})=\"{_S}{_N}{_S}\"\s{_S}y([0-9]{{0,4}})=\"{_S}{_N}{_S}\"")
_LOC, _PADDED_LOC = re.compile(r"<loc_([0-9]{1,4})>"), re.compile(r"<loc([0-9]{4})>")
_PATCH = re.compile(r"<patch_index_([0-9]{4})>")
_JSON_MARKS = re.compile(r"\\.|[\"{}\[\]]", re.DOTALL)
_CUT = frozenset("0123456789.,- \t\r\n[(")


class Answer(Frozen):
    """What a model's text says: marks in the model's own frame, in the order of the text, or that there is nothing."""

    marks: tuple[Mark, ...] = ()
    refused: bool = False
    """The model says, in the words its form has for it, that what was asked for is not there."""


class _Syntax(NamedTuple):
    """How a form is read and written, and what it can write."""

    read: Callable[[str, Order], Answer]
    write: Callable[[Sequence[Mark], Order], str] | None
    writes: frozenset[str]
    """Kinds of marks: "point", "box"."""


def parse(text: str, form: Form, order: Order = "xy") -> Answer:
    """A model's text -> its marks in the model's own frame; OutputError when it cannot be read.

    `order` is the order of bare pairs of numbers; marks have x and y whatever it is. Every place in the answer is a
    mark, in the order of the text: whoever asked for one and gets several has to say which counts.
    """
    return _SYNTAXES[form].read(_spoken(text), order)


def write(marks: Sequence[Mark], form: Form, order: Order = "xy") -> str:
    """Marks in a model's own frame -> the text the model would write; ValueError for what the form has no words for."""
    syntax = _SYNTAXES[form]
    if syntax.write is None or not marks or any(mark.kind not in syntax.writes for mark in marks):
        raise ValueError(f"the form {form!r} writes {sorted(syntax.writes)}, not {[mark.kind for mark in marks]}")
    return syntax.write(marks, order)


def written_kinds(form: Form) -> frozenset[str]:
    """What a form has words for: "point", "box", both, or nothing."""
    return _SYNTAXES[form].writes


def _spoken(text: str) -> str:
    """What follows the model's thoughts; OutputError when it never gets beyond them."""
    for left, right in (*((f"<{tag}>", f"</{tag}>") for tag in THOUGHTS), ("◁think▷", "◁/think▷")):
        text = text.rpartition(right)[2]
        if left in text:
            raise OutputError(f"the model's text breaks off inside its thoughts: {_short(text)}")
    return text


def _short(text: str) -> str:
    return repr(text if len(text) <= 120 else f"{text[:80]} ... {text[-30:]}")


def _unreadable(text: str, why: str) -> OutputError:
    return OutputError(f"the model's text {why}: {_short(text)}")


def _answer(marks: Iterable[Mark], text: str) -> Answer:
    found = tuple(marks)
    if not found:
        raise _unreadable(text, "names no place in the form expected of it")
    return Answer(marks=found)


def _refusal(text: str, alone: bool) -> Answer:
    if not alone:
        raise _unreadable(text, "both refuses and points")
    return Answer(refused=True)


def _mark(numbers: Sequence[float], order: Order, label: str = "") -> Mark:
    """Two numbers -> a point, four -> a box, in the order of the text."""
    if order == "yx":
        numbers = [numbers[i ^ 1] for i in range(len(numbers))]
    if len(numbers) == 2:
        return ModelPoint(x=numbers[0], y=numbers[1], label=label)
    return ModelBox(x0=numbers[0], y0=numbers[1], x1=numbers[2], y1=numbers[3], label=label)


# ---- numbers in brackets, tags and calls


def _matched(text: str, pattern: re.Pattern[str], order: Order, opener: str, closer: str) -> Answer:
    """Marks of all matches; OutputError when there is none or one that was begun at the end breaks off."""
    marks, end = [], 0
    for match in pattern.finditer(text):
        marks.append(_mark([float(group) for group in match.groups() if group is not None], order))
        end = match.end()
    _finished(text, end, opener, closer)
    return _answer(marks, text)


def _finished(text: str, end: int, opener: str, closer: str) -> None:
    """OutputError when a place is begun after `end` and the text stops before it is closed."""
    start = text.rfind(opener, end)
    rest = text[start + len(opener) :] if start >= 0 else closer
    # A bare bracket may also open a remark; an opener of several characters opens nothing but a place.
    if closer not in rest and (len(opener) > 1 or set(rest) <= _CUT):
        raise _unreadable(text, "breaks off in the middle of a place")


def _in_brackets(pattern: re.Pattern[str], opener: str, closer: str) -> Callable[[str, Order], Answer]:
    return lambda text, order: _matched(text, pattern, order, opener, closer)


def _in_call(pattern: re.Pattern[str], opener: str) -> Callable[[str, Order], Answer]:
    """Arguments of a function come as it takes them, x before y, in every frame."""
    return lambda text, order: _matched(text, pattern, "xy", opener, ")")


def _bracket_point(text: str, order: Order) -> Answer:
    answer = _matched(text, _BRACKET, order, "[", "]")
    # No frame has numbers below 0, so this can be no place.
    if any(mark == ModelPoint(x=-1, y=-1) for mark in answer.marks):
        return _refusal(text, alone=len(answer.marks) == 1)
    return answer


def _double_bracket_box(text: str, order: Order) -> Answer:
    lists = list(_BOXES.finditer(text))
    _finished(text, lists[-1].end() if lists else 0, "[[", "]]")
    return _answer((mark for found in lists for mark in _matched(found[0], _BOX, order, "[", "]").marks), text)


def _box_tag(text: str, order: Order) -> Answer:
    marks: list[Mark] = []
    for part in _between(text, "<box>", "</box>"):
        marks += _double_bracket_box(part, order).marks
    return _answer(marks, text)


def _point_tag(text: str, order: Order) -> Answer:
    marks: list[Mark] = []
    for part in _between(text, "<point>", "</point>"):
        marks += _matched(f"<point>{part}</point>", _POINT_TAG, order, "<point>", "</point>").marks
    return _answer(marks, text)


def _between(text: str, left: str, right: str) -> list[str]:
    """What stands between each pair of tags; OutputError when one is not closed."""
    head, *parts = text.split(left)
    if any(right not in part for part in parts):
        raise _unreadable(text, f"has a {left} that is not closed")
    return [part.partition(right)[0] for part in parts]


def _start_box(text: str, order: Order) -> Answer:
    said = text.rpartition("Action:")[2]
    return _point_tag(said, order) if "<point>" in said else _matched(said, _START_BOX, order, "_box=", ")")


# ---- location tokens


def _tokens(token: re.Pattern[str], count: int) -> Callable[[str, Order], Answer]:
    """Runs of location tokens, so many of them to a mark: a box that breaks off must not pass for a point."""

    def read(text: str, order: Order) -> Answer:
        marks: list[Mark] = []
        for run in _runs(text, token, "<loc"):
            if len(run) % count:
                raise _unreadable(text, f"has {len(run)} location tokens in a row where each mark takes {count}")
            marks += [_mark(run[i : i + count], order) for i in range(0, len(run), count)]
        return _answer(marks, text)

    return read


def _runs(text: str, token: re.Pattern[str], opener: str) -> list[list[int]]:
    """Numbers of tokens that follow each other without a gap."""
    runs: list[list[int]] = []
    end = -1
    for match in token.finditer(text):
        if match.start() != end:
            runs.append([])
        runs[-1].append(int(match[1]))
        end = match.end()
    _finished(text, max(end, 0), opener, ">")
    return runs


def _patch_index(text: str, order: Order) -> Answer:
    marks: list[Mark] = []
    for run in _runs(text, _PATCH, "<patch_index"):
        if len(run) % 2:
            raise _unreadable(text, "has a patch without the one at the opposite corner")
        corners = [(index % PATCHES, index // PATCHES) for index in run]
        marks += [_mark([*a, *b], "xy") for a, b in zip(corners[::2], corners[1::2], strict=True)]
    return _answer(marks, text)


def _pointer_head(text: str, order: Order) -> Answer:
    raise _unreadable(text, "holds placeholders: this model's points come from its pointer head, not from its text")


# ---- XML


def _molmo_xml(text: str, order: Order) -> Answer:
    """Source: allenai/molmo, olmo/data/data_formatter.py."""
    if text.strip().lower().rstrip(".") == "there are none":
        return Answer(refused=True)
    marks: list[Mark] = []
    start = text.find("<point")
    while start >= 0:
        at = start + len("<points" if text.startswith("<points", start) else "<point")
        found, at = _molmo_pairs(text, at)
        close = text.find("</point", at)
        if not found or close < 0:
            raise _unreadable(text[start : start + 200], "has a point tag that is broken")
        label = _molmo_label(text[at:close])
        marks += [point.model_copy(update={"label": label}) for point in found]
        start = text.find("<point", close + 1)
    return _answer(marks, text)


def _molmo_pairs(text: str, at: int) -> tuple[list[ModelPoint], int]:
    """The coordinates of one tag from its attributes, and where they end."""
    found: list[ModelPoint] = []
    while match := _XML_PAIR.match(text, at):
        if match[1] != match[3]:
            break
        found.append(ModelPoint(x=float(match[2]), y=float(match[4]), id=int(match[1]) if match[1] else None))
        at = match.end()
    return found, at


def _molmo_label(rest: str) -> str:
    """What follows the coordinates up to the closing tag -> the label between the tags."""
    attributes, closed, label = rest.partition('">' if 'alt="' in rest else ">")
    if not closed or (attributes.strip() and not attributes.lstrip().startswith('alt="')):
        raise _unreadable(rest, "has a point tag that is broken")
    return label.strip()


def _molmo2_coords(text: str, order: Order) -> Answer:
    """Pictures are told apart by a tab or a semicolon. Source: allenai/molmo2, olmo/preprocessing/point_formatter.py."""
    marks: list[Mark] = []
    for part in _between(text.replace("/>", "></points>"), "<points", "</points>"):
        head, closed, label = part.partition('">')
        _, named, coordinates = head.rpartition(' coords="')
        if not closed or not named:
            raise _unreadable(part, "has a points tag without coordinates")
        for group in re.split(r"[\t;]", coordinates.partition('"')[0]):
            marks += _molmo2_picture(group.split(), label.strip())
    return _answer(marks, text)


def _molmo2_picture(words: list[str], label: str) -> list[ModelPoint]:
    """The index of a picture, then id, x and y of each point in it."""
    numbers, triples = [re.fullmatch(r"[0-9]{1,4}", word) for word in words], words[1:]
    if len(words) < 4 or len(triples) % 3 or not all(numbers):
        raise _unreadable(" ".join(words), "is not a picture's index and points of three numbers each")
    if any(len(word) < 3 for i, word in enumerate(triples) if i % 3):
        raise _unreadable(" ".join(words), "has a coordinate of fewer than three digits")
    return [
        ModelPoint(x=int(x), y=int(y), id=int(i), image=int(words[0]), label=label)
        for i, x, y in zip(triples[::3], triples[1::3], triples[2::3], strict=True)
    ]


# ---- JSON


def objects(text: str) -> list[dict[str, object]]:
    """The outermost JSON objects of a text, whatever stands around them (prose, lists, code fences, tags).

    One pass finds where they begin and end, so that nested garbage cannot make the reader start over.
    """
    found: list[dict[str, object]] = []
    start = nesting = 0
    quoted = False
    for match in _JSON_MARKS.finditer(text):
        sign = match[0]
        if not nesting:
            start, nesting = match.start(), int(sign == "{")
        elif sign == '"':
            quoted = not quoted
        elif not quoted and sign in "{}[]":
            nesting += 1 if sign in "{[" else -1
            if not nesting:
                found.append(_object(text[start : match.end()]))
        if nesting > MAX_NESTING:
            raise _unreadable(text, "nests JSON too deeply")
    if nesting:
        raise _unreadable(text, "breaks off in the middle of JSON")
    return found


def _object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text, strict=False)
    except ValueError as error:
        raise _unreadable(text, f"is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise _unreadable(text, "is not a JSON object")
    return value


def _from_objects(marks_of: Callable[[dict[str, object], Order], list[Mark]]) -> Callable[[str, Order], Answer]:
    return lambda text, order: _answer((mark for found in objects(text) for mark in marks_of(found, order)), text)


def _numbers(value: object, counts: tuple[int, ...]) -> list[float]:
    """A JSON list of so many numbers; OutputError for anything else."""
    if not isinstance(value, list) or len(value) not in counts:
        raise OutputError(f"the model's place {_short(str(value))} is not a list of {counts} numbers")
    return [_number(item) for item in value]


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -MAX_NUMBER < value < MAX_NUMBER:
        raise OutputError(f"the model's coordinate {_short(str(value))} is not a number")
    return value


def _keyed(found: dict[str, object], x: str, y: str) -> list[Mark]:
    """The point under two keys; nothing when both are missing."""
    if x not in found and y not in found:
        return []
    return [ModelPoint(x=_number(found.get(x)), y=_number(found.get(y)))]


def _molmoweb_json(text: str, order: Order) -> Answer:
    """Source: allenai/molmoweb, agent/actions.py."""
    marks: list[Mark] = []
    actions = [found.get("action") for found in objects(text)]
    for action in actions:
        if not isinstance(action, dict):
            raise _unreadable(text, "has no action object")
        if action.get("name") == "report_infeasible":
            return _refusal(text, alone=len(actions) == 1)
        points = [p for x, y in (("x", "y"), ("from_x", "from_y"), ("to_x", "to_y")) for p in _keyed(action, x, y)]
        # This one old action counts in per mille where the others count in percent.
        unit = 10 if action.get("name") == "gemini_type_text_at" else 1
        marks += [ModelPoint(x=p.x / unit, y=p.y / unit) for p in points if isinstance(p, ModelPoint)]
    return _answer(marks, text)


def _coordinates(found: dict[str, object], order: Order) -> list[Mark]:
    keys = [key for key in ("start_coordinate", "coordinate") if key in found]
    return [_mark(_numbers(found[key], (2, 4)), order) for key in keys]


def _computer_use(found: dict[str, object], order: Order) -> list[Mark]:
    arguments = found.get("arguments")
    if isinstance(arguments, str):  # as OpenAI-compatible servers hand over the arguments of a tool call
        inner = objects(arguments)
        arguments = inner[0] if len(inner) == 1 else None
    return _coordinates(arguments, order) if isinstance(arguments, dict) else []


def _click_absolute(found: dict[str, object], order: Order) -> list[Mark]:
    return _keyed(found, "x", "y") if found.get("action") == "click_absolute" else []


def _labelled(found: dict[str, object], order: Order, keys: dict[str, int]) -> list[Mark]:
    label = found.get("label")
    name = label if isinstance(label, str) else ""
    return [_mark(_numbers(found[key], (count,)), order, name) for key, count in keys.items() if key in found]


# ---- writing


def _text(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def _listed(mark: Mark, order: Order) -> list[float]:
    """The numbers of a mark in the order of the text."""
    numbers = [mark.x, mark.y] if mark.kind == "point" else [mark.x0, mark.y0, mark.x1, mark.y1]
    return [numbers[i ^ 1] for i in range(len(numbers))] if order == "yx" else numbers


def _each(template: str, comma: str = ", ", join: str = ", ") -> Callable[[Sequence[Mark], Order], str]:
    """Writes each mark into the template's one hole, its numbers joined by `comma`, the marks by `join`."""
    return lambda marks, order: join.join(
        template.replace("@", comma.join(map(_text, _listed(mark, order)))) for mark in marks
    )


def _named(template: str, join: str = "\n") -> Callable[[Sequence[Mark], Order], str]:
    """Writes each point into a template with holes X and Y."""
    return lambda marks, order: join.join(
        template.replace("X", _text(mark.x)).replace("Y", _text(mark.y)) for mark in marks if mark.kind == "point"
    )


def _write_molmo(marks: Sequence[Mark], order: Order) -> str:
    points = [mark for mark in marks if mark.kind == "point"]
    label, several = points[0].label, len(points) > 1
    pairs = " ".join(
        f'x{i if several else ""}="{_text(p.x)}" y{i if several else ""}="{_text(p.y)}"'
        for i, p in enumerate(points, 1)
    )
    tag = "points" if several else "point"
    return f'<{tag} {pairs} alt="{label}">{label}</{tag}>'


def _write_molmo2(marks: Sequence[Mark], order: Order) -> str:
    points = [mark for mark in marks if mark.kind == "point"]
    groups: dict[int, list[ModelPoint]] = {}
    for point in points:
        groups.setdefault(point.image, []).append(point)
    ids = {id(point): point.id or i for i, point in enumerate(points, 1)}
    coordinates = ";".join(
        f"{image} " + " ".join(f"{ids[id(p)]} {int(p.x):03d} {int(p.y):03d}" for p in group)
        for image, group in groups.items()
    )
    return f'<points coords="{coordinates}">{points[0].label}</points>'


def _write_objects(key: str) -> Callable[[Sequence[Mark], Order], str]:
    return lambda marks, order: json.dumps([{key: _listed(mark, order), "label": mark.label} for mark in marks])


def _write_tokens(template: str) -> Callable[[Sequence[Mark], Order], str]:
    return lambda marks, order: " ".join(
        "".join(template.format(int(number)) for number in _listed(mark, order)) for mark in marks
    )


def _write_patches(marks: Sequence[Mark], order: Order) -> str:
    boxes = [mark for mark in marks if mark.kind == "box"]
    corners = [((b.x0, b.y0), (b.x1, b.y1)) for b in boxes]
    return " ".join("".join(f"<patch_index_{int(y * PATCHES + x):04d}>" for x, y in pair) for pair in corners)


_POINT, _BOX_ONLY, _BOTH = frozenset({"point"}), frozenset({"box"}), frozenset({"point", "box"})
_CLICK = '{"thought": "It is there.", "action": {"name": "click", "x": X, "y": Y}}'
_TOOL_CALL = (
    '<tool_call>\n{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [@]}}\n</tool_call>'
)
_SYNTAXES: dict[Form, _Syntax] = {
    "molmo_xml": _Syntax(_molmo_xml, _write_molmo, _POINT),
    "molmo2_coords": _Syntax(_molmo2_coords, _write_molmo2, _POINT),
    "molmoweb_json": _Syntax(_molmoweb_json, _named(_CLICK), _POINT),
    "computer_use": _Syntax(_from_objects(_computer_use), _each(_TOOL_CALL, join="\n"), _BOTH),
    "coordinate_json": _Syntax(_from_objects(_coordinates), _each('{"coordinate": [@]}', join="\n"), _BOTH),
    "xy_json": _Syntax(_from_objects(lambda found, _: _keyed(found, "x", "y")), _named('{"x": X, "y": Y}'), _POINT),
    "click_absolute": _Syntax(
        _from_objects(_click_absolute), _named('{"action": "click_absolute", "x": X, "y": Y}'), _POINT
    ),
    "point_2d": _Syntax(
        _from_objects(lambda found, order: _labelled(found, order, {"point_2d": 2, "bbox_2d": 4})),
        _write_objects("point_2d"),
        _POINT,
    ),
    "box_2d": _Syntax(
        _from_objects(lambda found, order: _labelled(found, order, {"box_2d": 4})), _write_objects("box_2d"), _BOX_ONLY
    ),
    "paren_point": _Syntax(_in_brackets(_PAREN, "(", ")"), _each("(@)"), _POINT),
    "bracket_point": _Syntax(_bracket_point, _each("[@]"), _POINT),
    "bracket_box": _Syntax(_in_brackets(_BOX, "[", "]"), _each("[@]"), _BOX_ONLY),
    "double_bracket_box": _Syntax(_double_bracket_box, _each("[[@]]", ","), _BOX_ONLY),
    "box_tag": _Syntax(_box_tag, _each("<box>[[@]]</box>"), _BOX_ONLY),
    "point_tag": _Syntax(_point_tag, _each("<point>@</point>", " ", ""), _BOTH),
    "start_box": _Syntax(_start_box, _each("click(start_box='(@)')", ",", "\n\n"), _BOTH),
    "pyautogui": _Syntax(_in_call(_PYAUTOGUI, "pyautogui."), _named("pyautogui.click(x=X, y=Y)"), _POINT),
    "call": _Syntax(_in_call(_CALL, "(x"), _named("click(x=X, y=Y)"), _POINT),
    "colon_point": _Syntax(_in_brackets(_COLON, "point:", ","), _each("action:CLICK\tpoint:@", ",", "\n"), _POINT),
    "loc_point": _Syntax(_tokens(_LOC, 2), _write_tokens("<loc_{}>"), _POINT),
    "loc_box": _Syntax(_tokens(_LOC, 4), _write_tokens("<loc_{}>"), _BOX_ONLY),
    "padded_loc_box": _Syntax(_tokens(_PADDED_LOC, 4), _write_tokens("<loc{:04d}>"), _BOX_ONLY),
    "patch_index": _Syntax(_patch_index, _write_patches, _BOX_ONLY),
    "pointer_head": _Syntax(_pointer_head, None, frozenset()),
}
