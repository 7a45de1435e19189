"""Questions about a screen: in how many ways people may name what they want to click, or to read.

An element with its names, role and surroundings (collect.js) and the lines of text of the screen become sentences; what
would fit more than one thing is asked only with what tells it apart: a place, a neighbour, a number. Knows nothing of
tensors.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, NamedTuple

from deixis.vlm.spelling import fold, words_of
from deixis.vlm.words import ACTIONS, FIELDS

BoxTuple = tuple[float, float, float, float]
LABELLED = {"field", "select", "checkbox", "radio", "switch", "slider", "file"}
"""Roles of controls: their names stand beside them."""
NAMING = ("text", "label", "placeholder", "aria", "title", "alt", "icon")
"""Kinds of names a person could use for an element, as collect.js calls them."""


class Ask(NamedTuple):
    """One question and where a click answers it; no boxes: it is not on the screen."""

    text: str
    boxes: tuple[BoxTuple, ...]
    kind: str
    absent: bool = False
    anchor: tuple[BoxTuple, ...] = ()
    """Where the words stand that tell the target apart."""
    ordinal: int = 0
    """The target is the first, second, ... of the boxes in reading order; 6: the last; 0: the question gives none."""


class Run(NamedTuple):
    """Words on one line that belong together."""

    text: str
    box: BoxTuple


class Scene(NamedTuple):
    """A screen, or the part of it that is asked about."""

    elements: list[dict[str, Any]]
    groups: dict[str, list[dict[str, Any]]]
    """Elements by folded name."""
    runs: list[Run]
    written: set[str]
    """Folded words that stand anywhere."""


ROLE_WORDS = {
    "button": ("button", "button", "button", "btn", "option", "control"), "link": ("link", "link", "link", "menu item", "item", "entry", "option", "hyperlink"),
    "tab": ("tab", "tab", "section"), "field": ("field", "input", "box", "text box", "input field", "text field", "entry field", "textbox", "input box", "form field"),
    "select": ("dropdown", "select", "list", "field", "combo box", "drop-down", "drop-down menu", "select box", "menu"),
    "checkbox": ("checkbox", "check box", "tick box", "box", "option", "checkmark"), "radio": ("radio button", "radio", "option", "choice", "radio option"),
    "switch": ("switch", "toggle", "slider switch", "option"), "menuitem": ("menu item", "entry", "option", "item", "menu entry"),
    "slider": ("slider", "range"), "file": ("file field", "file upload", "file input"),
}  # fmt: skip
ICON_WORDS = ("icon", "icon", "icon button", "symbol", "button", "sign", "image")
VERBS = (
    "click", "click", "click on", "press", "tap", "hit", "select", "open", "choose", "push", "go to", "find", "point to", "point at", "tap on", "press on",
    "navigate to", "use", "activate", "locate", "pick", "show me", "take me to", "look for", "move to", "hover over", "switch to", "follow",
)  # fmt: skip
FIELD_VERBS = (
    "type into", "fill in", "fill", "click", "click on", "focus", "enter text in", "write in", "select", "set", "go to", "type in", "click into",
    "enter something in", "put text into", "edit", "input into", "find", "tap", "fill out", "click inside", "place the cursor in",
)  # fmt: skip
CHECK_VERBS = (
    "check",
    "tick",
    "select",
    "uncheck",
    "toggle",
    "click",
    "enable",
    "choose",
    "turn on",
    "turn off",
    "mark",
    "untick",
    "activate",
    "switch on",
    "disable",
    "set",
    "click on",
    "pick",
)
LEADS = (
    "",
    "",
    "",
    "",
    "",
    "",
    "please ",
    "now ",
    "then ",
    "next, ",
    "can you ",
    "could you ",
    "I want to ",
    "I'd like to ",
    "let's ",
    "you should ",
    "try to ",
    "first ",
    "finally ",
    "just ",
)
TAILS = ("", "", "", "", "", "", "", "", " please", ".", " now", "!", " on this page", " to continue", " here")
SAYING = (
    "labelled",
    "labeled",
    "named",
    "called",
    "that says",
    "with the text",
    "for",
    "with the label",
    "saying",
    "which reads",
    "titled",
    "marked",
    "with the caption",
    "showing",
    "reading",
)
ORDINALS = ("first", "second", "third", "fourth", "fifth")
ORDINAL_FORMS = (("first", "1st", "topmost"), ("second", "2nd"), ("third", "3rd"), ("fourth", "4th"), ("fifth", "5th"))
LAST = 6
_COUNTED = re.compile(
    r"\b(?:(?P<word>first|1st|topmost|second|2nd|third|3rd|fourth|4th|fifth|5th|last|bottommost)|number (?P<digit>[1-5]))\b",
    re.I,
)


class Counted(NamedTuple):
    """A question that says which of several it means, and the rest of it."""

    number: int
    """1, 2, ...; LAST: the last."""
    rest: str
    label: str
    """The number's word and the next, folded, in one: where a label reads so ("First name"), it is no number. May be empty."""


def counted(question: str) -> Counted | None:
    """ "the second Edit" as (2, "the Edit"); None when no number is said. Words in quotes are names."""
    bare = re.sub(r"['\"“‘«`][^'\"”’»`]*['\"”’»`]", lambda quote: "~" * len(quote[0]), question)
    found = _COUNTED.search(bare)
    if not found:
        return None
    rest = " ".join((question[: found.start()] + question[found.end() :]).split())
    if found["digit"]:
        number = int(found["digit"])
    else:
        word = found["word"].lower()
        places = [i for i, forms in enumerate(ORDINAL_FORMS, 1) if word in forms]
        number = places[0] if places else LAST
    after = words_of(question[found.end() :])
    label = fold(found[0] + after[0]) if after and found["word"] else ""
    return Counted(number, rest, label) if rest.removeprefix("the ").strip() else None


def uncounted(question: Ask) -> str:
    """What the model is asked: numbers of namesakes are counted out by the pointer."""
    said = counted(question.text) if question.ordinal else None
    return said.rest if said else question.text


KINDS = (
    ("price", re.compile(r"^(from )?[$€£¥]\s?\d[\d.,]*$|^\d[\d.,]*\s?([€$£]|USD|EUR)$")), ("date", re.compile(r"^\d{4}-\d\d-\d\d$|^\d{1,2}/\d{1,2}/\d{2,4}$|^\d{1,2} \w{3} \d{4}$|^\w+ \d{1,2}, \d{4}$")),
    ("email", re.compile(r"^\S+@\S+\.\w+$")), ("percentage", re.compile(r"^\d+(\.\d+)?\s?%$")), ("time", re.compile(r"^\d{1,2}:\d{2}$")), ("number", re.compile(r"^#?\d[\d.,]*$")),
)  # fmt: skip
KIND_WORDS = {
    "price": ("price", "amount", "cost", "price"), "date": ("date", "day"), "email": ("email", "email address", "address"), "percentage": ("percentage", "percent", "value"),
    "time": ("time", "hour"), "number": ("number", "value", "figure", "count"), "text": ("value", "text", "entry", "content", "information"),
}  # fmt: skip


def names_of(element: dict[str, Any], kinds: Iterable[str] = NAMING) -> list[str]:
    """The names of an element a person could use, cleaned of marks; those of 1 to 48 characters.

    What nobody sees is left out: a placeholder behind a value, and what only the accessibility tree says of a control.
    """
    known = {how for how, _ in element["names"]}
    unseen = {"placeholder"} if "value" in known else set()
    unseen |= {"aria", "title", "alt"} if element["role"] in LABELLED else set()
    cleaned = [name.strip(" *:\n") for how, name in element["names"] if how in kinds and how not in unseen]
    return [name for name in dict.fromkeys(cleaned) if 0 < len(name) <= 48]


def is_icon(element: dict[str, Any]) -> bool:
    """Nothing is written on it: only a drawing says what it does."""
    kinds = {how for how, _ in element["names"]}
    return "icon" in kinds or (element["role"] in {"button", "link"} and bool(kinds) and not kinds & {"text", "label"})


def by_name(elements: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Elements by each of their names, folded; a name's list holds an element once."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for element in elements:
        for name in dict.fromkeys(fold(name) for name in names_of(element)):
            groups[name].append(element)
    return groups


def runs_of(words: list[Any]) -> list[Run]:
    """Words of a screen (collect.js), in document order, joined while they follow each other on one line."""
    runs: list[Run] = []
    text: list[str] = []
    box: list[float] = []
    for word in words:
        follows = bool(text) and abs(word[2] - box[1]) <= 3 and 0 <= word[1] - box[2] < (box[3] - box[1]) * 0.7
        if text and not follows:
            runs.append(Run(" ".join(text), (box[0], box[1], box[2], box[3])))
            text, box = [], []
        box = (
            [min(box[0], word[1]), min(box[1], word[2]), max(box[2], word[3]), max(box[3], word[4])]
            if text
            else list(word[1:5])
        )
        text.append(word[0])
    if text:
        runs.append(Run(" ".join(text), (box[0], box[1], box[2], box[3])))
    return runs


def scene(elements: list[dict[str, Any]], words: list[Any]) -> Scene:
    """What is asked about: elements and words in one frame of coordinates."""
    written = {fold(bare) for word in words for bare in words_of(word[0])}
    runs = runs_of(words)
    elements = [_labelled(element, elements, runs) for element in elements]
    return Scene(elements, by_name(elements), runs, written)


def _labelled(element: dict[str, Any], elements: list[dict[str, Any]], runs: list[Run]) -> dict[str, Any]:
    """A control without a name of its own is called what the text nearest to it says, when that text is nobody else's."""
    if element["role"] not in LABELLED or names_of(element):
        return element
    ticked = element["role"] in {"checkbox", "radio", "switch"}
    reach = {"left": 60.0, "right": 500.0} if ticked else {"right": 220.0, "below": 28.0}
    taken = {fold(name) for other in elements for name in names_of(other)}
    near = []
    for run in runs:
        if 1 < len(run.text) <= 40 and fold(run.text.strip(" *:")) not in taken:
            gaps = [
                gap
                for way, most in reach.items()
                if (gap := _gap(_box(element), run.box, way)) is not None and gap <= most
            ]
            near += [(min(gaps), run)] if gaps else []
    if not near:
        return element
    gap, run = min(near, key=lambda entry: entry[0])
    rivals = [_box(other) for other in elements if other is not element and other["role"] in LABELLED]
    if any((g := _gap(rival, run.box, way)) is not None and g <= gap for rival in rivals for way in reach):
        return element
    return element | {"names": [*element["names"], ["label", run.text]]}


def quoted(name: str, rng: Random) -> str:
    mark = rng.choice(["''", '""', "“”", '""', "«»", "``"])
    return mark[0] + name + mark[1]


def noisy(name: str, rng: Random) -> str:
    """Other case, now and then a slip of the finger."""
    k = rng.random()
    name = name.lower() if k < 0.38 else name.upper() if k < 0.41 else name.title() if k < 0.45 else name
    return slip(name, rng) if rng.random() < 0.05 and len(name) > 4 else name


def slip(name: str, rng: Random) -> str:
    """With a letter left out, or two turned round."""
    if len(name) < 3:
        return name
    i = rng.randrange(1, len(name) - 1)
    return name[:i] + name[i + 1 :] if rng.random() < 0.5 else name[:i] + name[i + 1] + name[i] + name[i + 2 :]


def balanced(scene: "Scene", count: int, rng: Random) -> list[dict[str, Any]]:
    """Elements to ask about; rare roles and icons are preferred to the many links and buttons."""
    weights = {"link": 1.0, "button": 1.2, "menuitem": 1.0}
    keyed = [
        (rng.random() ** (1 / (3.0 if is_icon(e) else weights.get(e["role"], 3.0))), i)
        for i, e in enumerate(scene.elements)
    ]
    return [scene.elements[i] for _, i in sorted(keyed, reverse=True)[:count]]


def _verbs(role: str) -> tuple[str, ...]:
    if role in {"field", "select", "file"}:
        return FIELD_VERBS
    return CHECK_VERBS if role in {"checkbox", "radio", "switch"} else VERBS


def phrase(name: str, role: str, icon: bool, rng: Random) -> str:
    """One of many ways to ask for an element by its name."""
    name = noisy(name, rng)
    if rng.random() < 0.22:
        return name
    called = quoted(name, rng) if rng.random() < 0.22 else name
    kind = rng.choice(ICON_WORDS) if icon and rng.random() < 0.6 else rng.choice(ROLE_WORDS.get(role, ("button",)))
    verb, says = rng.choice(_verbs(role)), rng.choice(SAYING)
    lead, tail = rng.choice(LEADS), rng.choice(TAILS)
    forms = [
        f"{called} {kind}", f"the {called} {kind}", f"{lead}{verb} {called}{tail}", f"{lead}{verb} {called}{tail}", f"{lead}{verb} the {called} {kind}{tail}",
        f"{lead}{verb} the {called} {kind}{tail}", f"{verb} {called} {kind}", f"the {kind} {says} {called}", f"{lead}{verb} the {kind} {says} {called}{tail}", f"{kind} {called}", f"the {called}",
        f"{called}: {kind}", f"{kind} {says} {called}", f"a {kind} {says} {called}", f"the one {says} {called}", f"{called} ({kind})", f"{lead}{verb} the {called}{tail}", f"where it says {called}",
        f"{lead}{verb} on {called}{tail}", f"this: {called}", f"{name} please", f"the {kind} with {called} on it", f"I need the {called} {kind}", f"where is the {called} {kind}?", f"where is {called}?",
    ]  # fmt: skip
    if role in {"field", "select"}:
        forms += [
            f"where I {rng.choice(['enter', 'type', 'put', 'write', 'fill in', 'can enter', 'choose', 'set'])} {rng.choice(['the', 'my', 'a', 'your', ''])} {name}",
            f"the {rng.choice(['place', 'spot', 'box', 'area'])} for {rng.choice(['the', 'my', 'a', ''])} {name}", f"the {kind} for {name}", f"{name} {kind}", f"the {kind} where {rng.choice(['you', 'I', 'one'])} {rng.choice(['type', 'enter', 'write'])} the {name}",
            f"the {kind} {rng.choice(['under', 'next to', 'after', 'beside', 'below', 'right of', 'to the right of'])} {called}", f"{lead}{rng.choice(['enter', 'type', 'write', 'put', 'set', 'provide', 'fill in'])} {rng.choice(['the', 'my', 'your', 'a'])} {name}{tail}",
            f"empty {kind} for {name}", f"{rng.choice(['my', 'your', 'the'])} {name}",
        ]  # fmt: skip
    if role in {"checkbox", "radio", "switch"}:
        forms += [
            f"the {kind} {rng.choice(['next to', 'before', 'beside', 'in front of', 'left of', 'at', 'for'])} {called}", f"{verb} the {kind} {called}", f"{lead}{verb} the {kind} {rng.choice(['next to', 'before', 'beside', 'for', 'of'])} {called}{tail}",
            f"{rng.choice(['the', 'a'])} {kind} to {name}", f"{lead}{verb} {called}{tail}",
        ]  # fmt: skip
    if role == "tab":
        forms += [
            f"{rng.choice(['switch to', 'go to', 'change to', 'show'])} the {called} tab",
            f"{rng.choice(['switch to', 'go to', 'show'])} {called}",
        ]
    if icon:
        forms += [
            f"the {name} icon",
            f"{name} icon",
            f"the icon for {name}",
            f"the {rng.choice(['icon', 'symbol', 'picture', 'drawing'])} of a {name}",
            f"the {name} symbol",
            f"{verb} the {name} icon",
        ]
    return re.sub(r"\s+", " ", rng.choice(forms)).strip()


def _box(element: dict[str, Any]) -> BoxTuple:
    x0, y0, x1, y1 = element["box"]
    return x0, y0, x1, y1


def _gap(target: BoxTuple, anchor: BoxTuple, way: str) -> float | None:
    """How far the target lies from the anchor in a direction, in pixels; None when it does not lie there."""
    height = min(target[3] - target[1], anchor[3] - anchor[1])
    overlap = min(target[3], anchor[3]) - max(target[1], anchor[1])
    middle = (target[1] + target[3]) / 2
    level = overlap > 0.5 * height and abs(middle - (anchor[1] + anchor[3]) / 2) < max(
        18.0, (target[3] - target[1]) / 2
    )
    beside = min(target[2], anchor[2]) - max(target[0], anchor[0]) > -4
    if way == "right" and level and target[0] >= anchor[2] - 2:
        return target[0] - anchor[2]
    if way == "left" and level and target[2] <= anchor[0] + 2:
        return anchor[0] - target[2]
    if way == "below" and beside and target[1] >= anchor[3] - 3:
        return target[1] - anchor[3]
    if way == "above" and beside and target[3] <= anchor[1] + 3:
        return anchor[1] - target[3]
    return None


WAYS = {
    "right": ("to the right of", "right of", "next to", "beside", "in the row of", "for", "after", "on the same line as", "in the line of", "in the row with", "on the right of", "of", "behind"),
    "left": ("to the left of", "left of", "next to", "beside", "before", "in front of", "in the row of", "for", "on the left of"),
    "below": ("under", "below", "beneath", "underneath", "just below", "right under", "in the column of"),
    "above": ("above", "over", "on top of", "just above"),
}  # fmt: skip
REACH = {"right": 900.0, "left": 300.0, "below": 140.0, "above": 90.0}


def neighbour(
    target: BoxTuple, rivals: list[BoxTuple], scene: Scene, rng: Random, own: str = ""
) -> tuple[Run, str] | None:
    """A line of text that stands alone on the screen, and the direction in which the target is the nearest of its kind."""
    counts: dict[str, int] = defaultdict(int)
    for run in scene.runs:
        counts[fold(run.text)] += 1
    order = rng.sample(scene.runs, min(len(scene.runs), 40))
    near = []
    for run in order:
        if (
            counts[fold(run.text)] > 1
            or not 2 < len(run.text) <= 32
            or fold(run.text) == own
            or _inside(run.box, target)
        ):
            continue
        for way in WAYS:
            gap = _gap(target, run.box, way)
            if gap is None or gap > REACH[way]:
                continue
            others = [g for rival in rivals if rival != target and (g := _gap(rival, run.box, way)) is not None]
            if all(other > gap * 1.5 + 6 for other in others):
                near.append((gap, run, way))
    near.sort(key=lambda entry: entry[0] * (1 if entry[2] in {"right", "below"} else 2))
    if not near:
        return None
    _, run, way = near[min(int(rng.random() ** 2 * len(near)), len(near) - 1)]
    return run, way


def _inside(inner: BoxTuple, outer: BoxTuple) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def _told_apart(
    element: dict[str, Any], name: str, same: list[dict[str, Any]], scene: Scene, rng: Random
) -> Ask | None:
    """The element by what stands near it; by its number among its namesakes when nothing does."""
    found = neighbour(_box(element), [_box(other) for other in same], scene, rng, fold(name))
    role = rng.choice(ROLE_WORDS.get(element["role"], ("button",)))
    called, verb, lead = noisy(name, rng), rng.choice(_verbs(element["role"])), rng.choice(LEADS)
    if found and rng.random() < 0.75:
        run, way = found
        what = rng.choice(
            [
                f"the {called}",
                called,
                f"the {called} {role}",
                f"{lead}{verb} {called}",
                f"{lead}{verb} the {called} {role}",
                f"{called} {role}",
            ]
        )
        beside = noisy(run.text, rng) if rng.random() < 0.85 else quoted(run.text, rng)
        if way in {"right", "left"} and rng.random() < 0.35:
            text = in_row(called, role, verb, beside, rng)
        else:
            text = f"{what} {rng.choice(WAYS[way])} {beside}"
        return Ask(text, (_box(element),), "relation", anchor=(run.box,))
    title = element.get("section")
    titled = [run for run in scene.runs if title and fold(run.text) == fold(title)]
    if title and len(titled) == 1 and sum(other.get("section") == title for other in same) == 1:
        where = rng.choice(["under", "in", "in the section", "below", "of", "in the card", "for", "in the box"])
        return Ask(
            f"the {called} {rng.choice(['', role])} {where} {noisy(title, rng)}".replace("  ", " "),
            (_box(element),),
            "relation",
            anchor=(titled[0].box,),
        )
    if 1 < len(same) <= 8:
        ordered = sorted(same, key=lambda other: (round(other["box"][1] / 12), other["box"][0]))
        place = ordered.index(element)
        last = place == len(ordered) - 1
        if place < len(ORDINALS) or last:
            word = (
                "last" if last and (place >= len(ORDINALS) or rng.random() < 0.3) else rng.choice(ORDINAL_FORMS[place])
            )
            number = LAST if word == "last" else place + 1
            form = rng.choice(
                [
                    f"the {word} {called}",
                    f"{word} {called}",
                    f"{lead}{verb} the {word} {called} {role}",
                    f"the {word} {called} {role}",
                    f"{called} number {place + 1}" if number != LAST else f"the last {called}",
                ]
            )
            return Ask(form, tuple(_box(other) for other in ordered), "ordinal", ordinal=number)
    return None


def in_row(called: str, role: str, verb: str, row: str, rng: Random) -> str:
    """Something in the line of a table or list, as people speak of it."""
    forms = (
        f"{called} {row}", f"{called} for {row}", f"{row}'s {called}", f"{row}'s {called} {role}", f"for {row}, {verb} {called}", f"{called} the {row} row",
        f"in {row}'s row, {verb} {called}", f"in the row of {row}, the {called} {role}", f"{called} {row}'s entry", f"the {called} {role} belonging to {row}",
        f"{row}: {called}", f"{row} - {called}", f"where {row} is, {verb} {called}", f"the {called} {role} that goes with {row}", f"{called} (the {row} one)",
        f"on the {row} line, {called}", f"{verb} {called} for the row {row}", f"the {row} {called}",
    )  # fmt: skip
    return rng.choice(forms)


def _by_place(element: dict[str, Any], scene: Scene, rng: Random) -> Ask | None:
    """A control by nothing but its kind and its neighbour: "the checkbox left of Alice"."""
    rivals = [_box(other) for other in scene.elements if other["role"] == element["role"]]
    found = neighbour(_box(element), rivals, scene, rng)
    if not found:
        return None
    run, way = found
    role = (
        rng.choice(ICON_WORDS[:3])
        if is_icon(element) and rng.random() < 0.4
        else rng.choice(ROLE_WORDS.get(element["role"], ("button",)))
    )
    verb = rng.choice(_verbs(element["role"]))
    what = rng.choice([f"the {role}", role, f"{verb} the {role}", f"{rng.choice(LEADS)}{verb} the {role}"])
    return Ask(
        f"{what} {rng.choice(WAYS[way])} {noisy(run.text, rng)}", (_box(element),), "relation", anchor=(run.box,)
    )


def _partial(name: str, scene: Scene, rng: Random) -> str:
    """Some of a long name's words, when they are nobody else's."""
    words = name.split()
    if len(words) < 3:
        return name
    count = rng.randint(1, len(words) - 1)
    start = rng.randrange(len(words) - count + 1)
    part = " ".join(words[start : start + count])
    if len(part) < 4 or sum(fold(part) in other for other in scene.groups) > 1:
        return name
    return part


def about(
    element: dict[str, Any], scene: Scene, rng: Random, synonyms: Mapping[str, list[str]] | None = None
) -> Ask | None:
    """A question about one element, or None when no words tell it apart."""
    names = names_of(element)
    if not names:
        return _by_place(element, scene, rng)
    name = names[0] if rng.random() < 0.5 else rng.choice(names)
    same = scene.groups[fold(name)]
    if len(same) > 1:
        return _told_apart(element, name, same, scene, rng)
    k = rng.random()
    if k < 0.08 and (asked := _by_place(element, scene, rng)):
        return asked
    if k < 0.14 and (asked := _told_apart(element, name, same, scene, rng)):
        return asked
    icon = is_icon(element)
    kind = "icon" if icon else element["role"]
    others = [
        other
        for other in (synonyms or {}).get(fold(name), [])
        if not set(fold(other).split()) & scene.written and fold(other) not in scene.groups
    ]
    if others and k < 0.5:
        return Ask(phrase(rng.choice(others), element["role"], icon, rng), (_box(element),), "synonym")
    if not icon and rng.random() < 0.1:
        name = _partial(name, scene, rng)
    anchor = label_of(element, name, scene)
    return Ask(phrase(name, element["role"], icon, rng), (_box(element),), kind, anchor=anchor)


def label_of(element: dict[str, Any], name: str, scene: Scene) -> tuple[BoxTuple, ...]:
    """Where the name of a control stands written beside it: at most one place, the nearest."""
    if element["role"] not in LABELLED:
        return ()
    x0, y0, x1, y1 = _box(element)
    near = []
    for run in scene.runs:
        if fold(run.text.strip(" *:")) == fold(name):
            across = max(run.box[0] - x1, x0 - run.box[2], 0.0)
            along = max(run.box[1] - y1, y0 - run.box[3], 0.0)
            near.append((across + along, run.box))
    near.sort()
    return (near[0][1],) if near and near[0][0] < 420 else ()


def value(scene: Scene, rng: Random) -> Ask | None:
    """A piece of text by what stands beside it: "the price under Blue shoes"."""
    typed = [(run, next((kind for kind, shape in KINDS if shape.match(run.text)), "text")) for run in scene.runs]
    special = [entry for entry in typed if entry[1] != "text"]
    if not typed:
        return None
    run, kind = rng.choice(special if special and rng.random() < 0.7 else typed)
    rivals = [other.box for other, how in typed if (how == kind or kind == "text") and other != run]
    found = neighbour(run.box, rivals, scene, rng)
    if not found:
        return None
    beside, way = found
    what, named = rng.choice(KIND_WORDS[kind]), noisy(beside.text, rng)
    if rng.random() < 0.35:
        return Ask(of_something(kind, what, named, rng), (run.box,), "value", anchor=(beside.box,))
    lead = rng.choice(["the ", "the ", "", "read the ", "find the ", "click the ", "where is the ", "show the "])
    return Ask(f"{lead}{what} {rng.choice(WAYS[way])} {named}", (run.box,), "value", anchor=(beside.box,))


ASKED = {
    "price": ("how much is {}", "how much is the {}", "what does {} cost", "how much does the {} cost", "the cost of {}", "{} price", "what do I pay for {}"),
    "date": ("when is {}", "when was {}", "the date of {}", "since when {}", "{} date", "what day is {}"),
    "number": ("how many {}", "how many in {}", "the count of {}", "the number of {}", "number for {}"),
    "percentage": ("what share is {}", "how many percent {}", "the percentage of {}"), "time": ("when is {}", "what time is {}", "at what time {}"),
    "email": ("the email of {}", "how can I write to {}", "{}'s email address", "mail address of {}"),
}  # fmt: skip


def of_something(kind: str, what: str, named: str, rng: Random) -> str:
    """A piece of text asked for as people ask: "how much is the teapot"."""
    general = ("the {what} of {named}", "{named} {what}", "what is the {what} of {named}", "{named}'s {what}", "{what} for {named}", "what does it say for {named}")  # fmt: skip
    forms = ASKED.get(kind, ())
    if forms and rng.random() < 0.6:
        return rng.choice(forms).format(named)
    return rng.choice(general).format(what=what, named=named)


TEXT_FORMS = (
    "the text {}",
    "the words {}",
    "{}",
    "{}",
    "the heading {}",
    "the line {}",
    "where it says {}",
    "the message {}",
    "the title {}",
    "find {}",
    "text saying {}",
    "the label {}",
    "{} text",
)


BARE = {"{}", "find {}"}


def written(scene: Scene, rng: Random) -> Ask | None:
    """A line of text, or some of its words, wherever it stands."""
    run = rng.choice(scene.runs) if scene.runs else None
    if run is None or len(run.text) > 70 or not words_of(run.text):
        return None
    text = run.text if len(run.text) < 40 else " ".join(run.text.split()[:5])
    boxes = tuple(other.box for other in scene.runs if fold(text) in fold(other.text))
    if len(boxes) > 2 or not boxes:
        return None
    called = quoted(text, rng) if rng.random() < 0.3 else noisy(text, rng)
    # Who says no more than the label of a control means the control.
    controls = any(one["role"] in LABELLED for one in scene.groups.get(fold(text.strip(" *:")), []))
    form = rng.choice([form for form in TEXT_FORMS if not controls or form not in BARE])
    return Ask(form.format(called), boxes, "text")


def absent(scene: Scene, elsewhere: list[str], rng: Random) -> Ask | None:
    """Something that is not there: a name of another page, a near miss of one that is, or a wrong neighbour."""
    k = rng.random()
    name = rng.choice(elsewhere) if k < 0.55 and elsewhere else rng.choice(ACTIONS + FIELDS)
    if k > 0.75 and scene.groups:
        words = rng.choice(sorted(scene.groups)).split()
        other = rng.choice(elsewhere or ACTIONS).split()[0]
        if len(words) > 1:
            words[rng.randrange(len(words))] = other
        else:
            words.insert(rng.randint(0, 1), other)
        name = " ".join(words)
    parts = {fold(part) for part in words_of(name)}
    if (
        not parts
        or parts <= scene.written
        or any(parts <= set(other.split()) or other == fold(name) for other in scene.groups)
    ):
        return None
    role = rng.choice(["button", "link", "field", "checkbox", "tab", "select"])
    if k < 0.08 and scene.groups:
        there = rng.choice(sorted(scene.groups))
        return Ask(
            f"the {noisy(there, rng)} {rng.choice(WAYS[rng.choice(sorted(WAYS))])} {noisy(name, rng)}",
            (),
            "absent",
            True,
        )
    return Ask(phrase(name, role, rng.random() < 0.15, rng), (), "absent", True)
