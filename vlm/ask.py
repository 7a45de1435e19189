"""Questions about a screen: in how many ways people may name what they want to click, or to read.

What would fit more than one thing is asked only with what tells it apart: a place, a neighbour, a number. The screen is a
`Scene`, the sentences are made of `phrases`. Knows nothing of tensors.
"""

import re
from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

from deixis.vlm.counting import LAST, ORDINAL_FORMS, ORDINALS, counted
from deixis.vlm.kinds import ALONE
from deixis.vlm.phrases import (
    BARE,
    ICON_WORDS,
    KIND_WORDS,
    LEADS,
    ROLE_WORDS,
    TAILS,
    TEXT_FORMS,
    in_row,
    noisy,
    of_something,
    phrase,
    quoted,
    verbs,
)
from deixis.vlm.scenes import LABELLED, WAYS, BoxTuple, Scene, box_of, is_icon, label_of, names_of, neighbour
from deixis.vlm.spelling import fold, words_of
from deixis.vlm.words import ACTIONS, FIELDS

COUNTED = 8
"""Things alike at most that are asked for by their number."""
FEW, MISSING = 3, 0.2
"""Things of a kind on a screen at most for the kind alone to mean any of them, and how often a kind is asked for that is not there."""


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


def uncounted(question: Ask) -> str:
    """What the model is asked: numbers of namesakes are counted out by the pointer."""
    said = counted(question.text) if question.ordinal else None
    return said.rest if said else question.text


KINDS = (
    ("price", re.compile(r"^(from )?[$€£¥]\s?\d[\d.,]*$|^\d[\d.,]*\s?([€$£]|USD|EUR)$")), ("date", re.compile(r"^\d{4}-\d\d-\d\d$|^\d{1,2}/\d{1,2}/\d{2,4}$|^\d{1,2} \w{3} \d{4}$|^\w+ \d{1,2}, \d{4}$")),
    ("email", re.compile(r"^\S+@\S+\.\w+$")), ("percentage", re.compile(r"^\d+(\.\d+)?\s?%$")), ("time", re.compile(r"^\d{1,2}:\d{2}$")), ("number", re.compile(r"^#?\d[\d.,]*$")),
)  # fmt: skip


def balanced(scene: "Scene", count: int, rng: Random) -> list[dict[str, Any]]:
    """Elements to ask about; rare roles and icons are preferred to the many links and buttons."""
    weights = {"link": 1.0, "button": 1.2, "menuitem": 1.0}
    keyed = [
        (rng.random() ** (1 / (3.0 if is_icon(e) else weights.get(e["role"], 3.0))), i)
        for i, e in enumerate(scene.elements)
    ]
    return [scene.elements[i] for _, i in sorted(keyed, reverse=True)[:count]]


def _told_apart(
    element: dict[str, Any], name: str, same: list[dict[str, Any]], scene: Scene, rng: Random
) -> Ask | None:
    """The element by what stands near it; by its number among its namesakes when nothing does."""
    found = neighbour(box_of(element), [box_of(other) for other in same], scene, rng, fold(name))
    role = rng.choice(ROLE_WORDS.get(element["role"], ("button",)))
    called, verb, lead = noisy(name, rng), rng.choice(verbs(element["role"])), rng.choice(LEADS)
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
        return Ask(text, (box_of(element),), "relation", anchor=(run.box,))
    title = element.get("section")
    titled = [run for run in scene.runs if title and fold(run.text) == fold(title)]
    if title and len(titled) == 1 and sum(other.get("section") == title for other in same) == 1:
        where = rng.choice(["under", "in", "in the section", "below", "of", "in the card", "for", "in the box"])
        return Ask(
            f"the {called} {rng.choice(['', role])} {where} {noisy(title, rng)}".replace("  ", " "),
            (box_of(element),),
            "relation",
            anchor=(titled[0].box,),
        )
    if 1 < len(same) <= COUNTED:
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
            return Ask(form, tuple(box_of(other) for other in ordered), "ordinal", ordinal=number)
    return None


def _by_place(element: dict[str, Any], scene: Scene, rng: Random) -> Ask | None:
    """A control by nothing but its kind and its neighbour: "the checkbox left of Alice"."""
    rivals = [box_of(other) for other in scene.elements if other["role"] == element["role"]]
    found = neighbour(box_of(element), rivals, scene, rng)
    if not found:
        return None
    run, way = found
    role = (
        rng.choice(ICON_WORDS[:3])
        if is_icon(element) and rng.random() < 0.4
        else rng.choice(ROLE_WORDS.get(element["role"], ("button",)))
    )
    verb = rng.choice(verbs(element["role"]))
    what = rng.choice([f"the {role}", role, f"{verb} the {role}", f"{rng.choice(LEADS)}{verb} the {role}"])
    return Ask(
        f"{what} {rng.choice(WAYS[way])} {noisy(run.text, rng)}", (box_of(element),), "relation", anchor=(run.box,)
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
    element: dict[str, Any],
    scene: Scene,
    rng: Random,
    synonyms: Mapping[str, list[str]] | None = None,
    sayings: Mapping[str, list[str]] | None = None,
) -> Ask | None:
    """A question about one element, or None when no words tell it apart.

    synonyms: other names by folded name; sayings: what people say for what drawings show, whole requests.
    """
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
    said = [words for other in names if icon for words in (sayings or {}).get(fold(other), [])]
    if said and rng.random() < 0.5:
        return Ask(rng.choice(said), (box_of(element),), "people")
    others = [
        other
        for other in (synonyms or {}).get(fold(name), [])
        if not set(fold(other).split()) & scene.written and fold(other) not in scene.groups
    ]
    if others and k < 0.5:
        return Ask(phrase(rng.choice(others), element["role"], icon, rng), (box_of(element),), "synonym")
    if not icon and rng.random() < 0.1:
        name = _partial(name, scene, rng)
    anchor = label_of(element, name, scene)
    return Ask(phrase(name, element["role"], icon, rng), (box_of(element),), kind, anchor=anchor)


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


def by_kind(scene: Scene, rng: Random) -> Ask | None:
    """Something by its kind alone: one of the few there are, or one of several by its number; or of a kind that is not there."""
    there = {role: [e for e in scene.elements if e["role"] == role] for role in ALONE}
    missing = rng.random() < MISSING
    roles = [role for role, some in there.items() if (not some if missing else 0 < len(some) <= COUNTED)]
    if not roles:
        return None
    role = rng.choice(roles)
    same = sorted((box_of(e) for e in there[role]), key=lambda box: (round(box[1] / 12), box[0]))
    lead, verb, noun, tail = rng.choice(LEADS), rng.choice(verbs(role)), rng.choice(ALONE[role]), rng.choice(TAILS)
    number, word = 0, ""
    if len(same) > FEW or (len(same) > 1 and rng.random() < 0.6):
        number = rng.randint(1, min(len(same), len(ORDINALS)))
        word = rng.choice(ORDINAL_FORMS[number - 1])
        if rng.random() < 0.2:
            number, word = LAST, "last"
    form = rng.choice(["the {}", "the {}", "{}", f"{lead}{verb} the {{}}{tail}", f"{verb} the {{}}"])
    text = form.format(f"{word} {noun}".strip())
    return Ask(text, tuple(same), "absent" if missing else "kind", missing, ordinal=number)


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
