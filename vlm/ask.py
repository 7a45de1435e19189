"""Questions about a screen: in how many ways people may name what they want to click.

An element with its names, role and surroundings (collect.js) becomes sentences; what would fit more than one element
is asked only with what tells them apart. Knows nothing of tensors.
"""

from collections import defaultdict
from collections.abc import Iterable
from random import Random
from typing import Any, NamedTuple

from deixis.vlm.spelling import fold
from deixis.vlm.words import ACTIONS, FIELDS

BoxTuple = tuple[float, float, float, float]
NAMING = ("text", "label", "placeholder", "aria", "title", "alt", "icon")
"""Kinds of names a person could use for an element, as collect.js calls them."""


class Ask(NamedTuple):
    """One question and where a click answers it; no boxes: it is not on the screen."""

    text: str
    boxes: tuple[BoxTuple, ...]
    kind: str
    absent: bool = False


ROLE_WORDS = {
    "button": ("button", "button", "btn", "option"), "link": ("link", "link", "menu item", "item", "entry"), "tab": ("tab",),
    "field": ("field", "input", "box", "text box", "input field", "text field", "text area", "entry field"), "select": ("dropdown", "select", "list", "field", "combo box"),
    "checkbox": ("checkbox", "check box", "tick box", "box", "option"), "radio": ("radio button", "radio", "option", "choice"), "switch": ("switch", "toggle"),
    "menuitem": ("menu item", "entry"), "slider": ("slider",), "file": ("file field", "file upload"),
}  # fmt: skip
VERBS = (
    "click",
    "click on",
    "press",
    "tap",
    "hit",
    "select",
    "open",
    "choose",
    "push",
    "go to",
    "find",
    "point to",
    "click the",
    "press the",
)
FIELD_VERBS = (
    "type into",
    "fill in",
    "fill",
    "click",
    "focus",
    "enter text in",
    "write in",
    "select",
    "set",
    "go to",
    "type in",
)
CHECK_VERBS = ("check", "tick", "select", "uncheck", "toggle", "click", "enable", "choose")
ORDINALS = ("first", "second", "third", "fourth", "fifth")


def names_of(element: dict[str, Any], kinds: Iterable[str] = NAMING) -> list[str]:
    """The names of an element a person could use, cleaned of marks; those of 1 to 48 characters."""
    cleaned = [name.strip(" *:\n") for how, name in element["names"] if how in kinds]
    return [name for name in dict.fromkeys(cleaned) if 0 < len(name) <= 48]


def is_icon(element: dict[str, Any]) -> bool:
    """Nothing is written on it: only a drawing says what it does."""
    kinds = {how for how, _ in element["names"]}
    return "icon" in kinds or (element["role"] in {"button", "link"} and bool(kinds) and not kinds & {"text", "label"})


def quoted(name: str, rng: Random) -> str:
    mark = rng.choice(["''", '""', "“”", '""'])
    return mark[0] + name + mark[1]


def noisy(name: str, rng: Random) -> str:
    """Other case, now and then a slip of the finger."""
    k = rng.random()
    name = name.lower() if k < 0.3 else name.upper() if k < 0.33 else name.title() if k < 0.36 else name
    if rng.random() < 0.03 and len(name) > 4:
        i = rng.randrange(1, len(name) - 1)
        name = name[:i] + name[i + 1 :] if rng.random() < 0.5 else name[:i] + name[i + 1] + name[i] + name[i + 2 :]
    return name


def phrase(name: str, role: str, icon: bool, rng: Random) -> str:
    """One of many ways to ask for an element by its name."""
    name = noisy(name, rng)
    called = quoted(name, rng) if rng.random() < 0.25 else name
    kind = rng.choice(ROLE_WORDS.get(role, ("button",)))
    if icon and rng.random() < 0.5:
        kind = rng.choice(["icon", "icon button", "symbol"])
    verbs = (
        FIELD_VERBS
        if role in {"field", "select", "file"}
        else CHECK_VERBS
        if role in {"checkbox", "radio", "switch"}
        else VERBS
    )
    verb = rng.choice(verbs)
    forms = [
        called, called, called, f"{called} {kind}", f"the {called} {kind}", f"{verb} {called}", f"{verb} the {called} {kind}", f"{verb} {called} {kind}",
        f"the {kind} {rng.choice(['labelled', 'named', 'called', 'that says', 'with the text', 'labeled', 'for', 'with the label'])} {called}", f"{kind} {called}",
        f"{rng.choice(['please ', 'now ', 'then ', ''])}{verb} {called}", f"the {called}", f"{called}: {kind}",
    ]  # fmt: skip
    if role in {"field", "select"}:
        forms += [
            f"where I {rng.choice(['enter', 'type', 'put'])} {rng.choice(['the', 'my', 'a'])} {name}",
            f"the {kind} for {name}",
            f"{name} {kind}",
            f"the {kind} {rng.choice(['under', 'next to', 'after', 'beside'])} {called}",
        ]
    if role in {"checkbox", "radio", "switch"}:
        forms += [
            f"the {kind} {rng.choice(['next to', 'before', 'beside', 'in front of'])} {called}",
            f"{verb} the {kind} {called}",
        ]
    return rng.choice(forms)


def _relation(element: dict[str, Any], name: str, rng: Random) -> str | None:
    """The element told apart by its row, its column or its section."""
    name, role = noisy(name, rng), rng.choice(ROLE_WORDS.get(element["role"], ("button",)))
    what = rng.choice([f"the {name}", name, f"the {name} {role}", f"click {name}"])
    if element.get("row"):
        row = rng.choice(element["row"])
        return f"{what} {rng.choice(['in the row of', 'for', 'next to', 'in the line of', 'of', 'in the row with', 'beside'])} {row}"
    if element.get("section"):
        return (
            f"{what} {rng.choice(['under', 'in', 'in the section', 'below', 'of', 'in the card'])} {element['section']}"
        )
    return None


def by_name(elements: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Elements by each of their names, folded; a name's list holds an element once."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for element in elements:
        for name in dict.fromkeys(fold(name) for name in names_of(element)):
            groups[name].append(element)
    return groups


def _box(element: dict[str, Any]) -> BoxTuple:
    x0, y0, x1, y1 = element["box"]
    return x0, y0, x1, y1


def about(element: dict[str, Any], groups: dict[str, list[dict[str, Any]]], rng: Random) -> Ask | None:
    """A question about one element, or None when no words tell it apart."""
    names = names_of(element)
    if not names:
        return None
    name = names[0] if rng.random() < 0.5 else rng.choice(names)
    same = groups[fold(name)]
    if len(same) == 1:
        if rng.random() < 0.1 and (text := _relation(element, name, rng)):
            return Ask(text, (_box(element),), "relation")
        return Ask(
            phrase(name, element["role"], is_icon(element), rng),
            (_box(element),),
            "icon" if is_icon(element) else element["role"],
        )
    text = _relation(element, name, rng)
    rows = [tuple(other.get("row", ())) + (other.get("section"),) for other in same]
    if text and rows.count(tuple(element.get("row", ())) + (element.get("section"),)) == 1 and rng.random() < 0.7:
        return Ask(text, (_box(element),), "relation")
    ordered = sorted(same, key=lambda other: (round(other["box"][1] / 12), other["box"][0]))
    place = ordered.index(element)
    if place < len(ORDINALS) and len(ordered) <= 8:
        return Ask(f"the {ORDINALS[place]} {noisy(name, rng)}", (_box(element),), "ordinal")
    return None


def absent(screen_names: set[str], elsewhere: list[str], rng: Random) -> Ask | None:
    """Something that is not there: a name of another page, or a near miss of one that is."""
    k = rng.random()
    name = rng.choice(elsewhere) if k < 0.6 and elsewhere else rng.choice(ACTIONS + FIELDS)
    if k > 0.85 and screen_names:
        words = rng.choice(sorted(screen_names)).split()
        words[rng.randrange(len(words))] = rng.choice(ACTIONS).split()[0]
        name = " ".join(words)
    parts = set(fold(name).split())
    if any(parts <= set(other.split()) or other == fold(name) for other in screen_names):
        return None
    role = rng.choice(["button", "link", "field", "checkbox", "tab"])
    return Ask(phrase(name, role, False, rng), (), "absent", True)
