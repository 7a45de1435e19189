"""Plain English to actions: the grammar of the InstructionPlanner, without any language model.

A task is cut into clauses, each clause begins with a verb, each verb has a few shapes. Quoted text and the values of
`{variables}` are taken out first and put back at the end, so no comma or "and" inside them can split anything. What is
not understood is a UsageError that names the clause. Targets keep the user's own words. Knows no screen and no state.
"""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from deixis.browser.actions import (
    Action,
    AnswerDialog,
    Back,
    Check,
    Click,
    CloseTab,
    Drag,
    Expect,
    Forward,
    Goto,
    Hover,
    NewTab,
    Press,
    Read,
    Reload,
    Scroll,
    Select,
    SwitchTab,
    Type,
    Upload,
    Wait,
)
from deixis.browser.errors import UsageError

PAGE, FAR = 600.0, 100_000.0
"""CSS pixels of "scroll down", and of "scroll to the bottom"."""
SEARCH_FIELD = "the search field"
QUOTES = re.compile(
    r"\"([^\"]*)\"|“([^”]*)”|„([^“”]*)[“”]|«([^»]*)»|(?<!\w)'((?:[^']|'(?=\w))*)'(?!\w)|‘([^’]*)’|`([^`]*)`"
)
HOLE, END = "\ue000", "\ue001"
KEYS = {
    key.lower(): key
    for key in [
        "Enter",
        "Tab",
        "Escape",
        "Backspace",
        "Delete",
        "Space",
        "Home",
        "End",
        "PageUp",
        "PageDown",
        "ArrowUp",
        "ArrowDown",
        "ArrowLeft",
        "ArrowRight",
        "Insert",
    ]
}
KEYS |= {
    "esc": "Escape",
    "return": "Enter",
    "del": "Delete",
    "up": "ArrowUp",
    "down": "ArrowDown",
    "left": "ArrowLeft",
    "right": "ArrowRight",
    "page up": "PageUp",
    "page down": "PageDown",
    "spacebar": "Space",
}
KEYS |= {f"f{n}": f"F{n}" for n in range(1, 13)}
MODIFIERS = {
    "ctrl": "Control",
    "control": "Control",
    "shift": "Shift",
    "alt": "Alt",
    "option": "Alt",
    "cmd": "Meta",
    "command": "Meta",
    "meta": "Meta",
}
COUNTS = {
    "once": 1,
    "twice": 2,
    "three times": 3,
    "thrice": 3,
    "a page": 1,
    "one page": 1,
    "half a page": 0.5,
    "two pages": 2,
    "three pages": 3,
    "a bit": 0.5,
    "a little": 0.5,
}
POLITE = r"(?:(?:please|now|then|next|finally|first|second|third|lastly|also|afterwards|after that|and|you should|you can|i want you to|can you|could you|just)\b[ ,:]*)*"


class Clause(NamedTuple):
    """One instruction in the user's words, and the actions it stands for."""

    text: str
    actions: tuple[Action, ...]


class Held:
    """Quoted text and values of variables, taken out of a task and put back verbatim."""

    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self.values: list[tuple[str, str]] = []
        self.variables = variables
        text = text.replace(HOLE, "").replace(END, "")
        text = QUOTES.sub(lambda m: self._keep(self._filled(next(g for g in m.groups() if g is not None)), m[0]), text)
        self.text = re.sub(r"\{(\w+)\}", lambda m: self._keep(self._value(m[1]), m[0]), text)

    def _value(self, name: str) -> str:
        if name not in self.variables:
            raise UsageError(f"the task uses {{{name}}} but gives it no value: add --var {name}=VALUE")
        return str(self.variables[name])

    def _filled(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda m: self._value(m[1]), text)

    def _keep(self, value: str, shown: str) -> str:
        self.values.append((value, shown))
        return f"{HOLE}{len(self.values) - 1}{END}"

    def back(self, text: str, shown: bool = False) -> str:
        """The text with what was taken out: bare, or as the user wrote it."""
        return re.sub(f"{HOLE}(\\d+){END}", lambda m: self.values[int(m[1])][int(shown)], text.strip())


Shape = tuple[re.Pattern[str], Callable[[re.Match[str], Held], list[Action]]]
SHAPES: list[Shape] = []


def shape(
    pattern: str,
) -> Callable[[Callable[[re.Match[str], Held], list[Action]]], Callable[[re.Match[str], Held], list[Action]]]:
    """Registers what a clause of this shape means; shapes are tried in the order they stand here."""

    def register(
        meaning: Callable[[re.Match[str], Held], list[Action]],
    ) -> Callable[[re.Match[str], Held], list[Action]]:
        SHAPES.append((re.compile(pattern + r"$", re.I | re.S), meaning))
        return meaning

    return register


def _needed(text: str | None, held: Held, what: str) -> str:
    value = held.back(text or "")
    if not value.strip():
        raise ValueError(f"{what} is missing")
    return value


def _many(text: str) -> list[str]:
    """`A, B and C` as a list."""
    return [part for part in re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", text.strip()) if part]


# navigation


@shape(r"(?:log|sign)[ -]?(?:out|off)")
def _log_out(m: re.Match[str], held: Held) -> list[Action]:
    return [Click(target="log out")]


@shape(
    r"(?:log|sign)[ -]?in(?: ?to .+?)?(?: (?:as|with|using) (?:the )?(?:user ?(?:name)? )?(?P<user>.+?)(?:(?:,|,? (?:with|and|using)(?: the)?) password (?P<password>.*))?)?"
)
def _log_in(m: re.Match[str], held: Held) -> list[Action]:
    if m["user"] is None:
        return [Click(target="log in")]
    user, password = _needed(m["user"], held, "the user name"), _needed(m["password"], held, "the password")
    return [Type(text=user, target="username"), Type(text=password, target="password"), Click(target="log in")]


@shape(r"(?:go |navigate )?back(?: to the (?:previous|last) page)?")
def _back(m: re.Match[str], held: Held) -> list[Action]:
    return [Back()]


@shape(r"(?:go |navigate )?forward")
def _forward(m: re.Match[str], held: Held) -> list[Action]:
    return [Forward()]


@shape(r"(?:reload|refresh)(?: the page| this page| it)?")
def _reload(m: re.Match[str], held: Held) -> list[Action]:
    return [Reload()]


@shape(r"close (?:the |this )?tab")
def _close_tab(m: re.Match[str], held: Held) -> list[Action]:
    return [CloseTab()]


@shape(r"open (?:a )?new tab")
def _new_tab(m: re.Match[str], held: Held) -> list[Action]:
    return [NewTab()]


@shape(r"switch to (?:the )?(?:tab (?P<n>\d+)|(?P<word>first|second|third|fourth) tab)")
def _switch_tab(m: re.Match[str], held: Held) -> list[Action]:
    number = int(m["n"]) - 1 if m["n"] else ("first", "second", "third", "fourth").index(m["word"].lower())
    return [SwitchTab(index=max(number, 0))]


@shape(
    r"(?:accept|confirm|dismiss|cancel|close) (?:the |a )?(?:dialog|alert|confirmation|prompt|pop-?up message)(?: with (?P<text>.+))?"
)
def _dialog(m: re.Match[str], held: Held) -> list[Action]:
    accept = m[0].lower().startswith(("accept", "confirm"))
    return [AnswerDialog(accept=accept, text=held.back(m["text"]) if m["text"] else None)]


@shape(r"(?:go to|visit|navigate to|open|browse to)\s*(?P<what>.*)")
def _go_to(m: re.Match[str], held: Held) -> list[Action]:
    what = _needed(m["what"], held, "where to go")
    if re.match(r"(https?|file|about|data):", what) or re.fullmatch(
        r"(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:/\S*)?|localhost(?::\d+)?(?:/\S*)?", what
    ):
        return [
            Goto(
                url=what
                if ":" in what.split("/")[0] and "://" in what or what.startswith(("about:", "data:"))
                else f"https://{what}"
            )
        ]
    return [Click(target=what)]


# scrolling and waiting


@shape(
    r"scroll (?:down )?(?:to|until)(?: you (?:see|find))? (?!the (?:bottom|top|end)\b)(?P<what>.+?)(?: appears| is visible)?"
)
def _scroll_to(m: re.Match[str], held: Held) -> list[Action]:
    return [Hover(target=_needed(m["what"], held, "where to scroll to"))]


@shape(
    r"scroll(?: (?P<way>up|down|left|right))?(?: (?:all the way )?to the (?P<far>bottom|top|end))?(?: of the page)?(?: (?P<count>once|twice|thrice|(?:\d+|three) times|(?:a|one|two|three|half a) pages?|a bit|a little|(?:by )?\d+ ?(?:px|pixels?)))?(?: (?:in|inside|over|on|within) (?P<where>.+))?"
)
def _scroll(m: re.Match[str], held: Held) -> list[Action]:
    way, far, count = (m["way"] or "down").lower(), (m["far"] or "").lower(), (m["count"] or "once").lower()
    number = re.search(r"\d+", count)
    amount = (
        float(number[0][:6]) * (1 if "p" in count and "page" not in count else PAGE)
        if number
        else COUNTS.get(count, 1) * PAGE
    )
    if far:
        way, amount = ("up" if far == "top" else "down"), FAR
    dx, dy = {"up": (0.0, -amount), "down": (0.0, amount), "left": (-amount, 0.0), "right": (amount, 0.0)}[way]
    where = held.back(m["where"]) if m["where"] and m["where"].lower() not in {"the page", "this page"} else None
    return [Scroll(target=where, dx=dx, dy=dy)]


@shape(r"wait(?: for)? (?P<n>\d+(?:\.\d+)?) ?(?P<unit>ms|milliseconds?|s|secs?|seconds?|minutes?)")
def _wait_seconds(m: re.Match[str], held: Held) -> list[Action]:
    factor = (
        0.001
        if m["unit"].lower().startswith("m") and "min" not in m["unit"].lower()
        else 60
        if m["unit"].lower().startswith("min")
        else 1
    )
    return [Wait(seconds=max(0.01, min(600.0, float(m["n"]) * factor)))]


@shape(
    r"wait(?: (?:for|until)(?: you see)? (?P<what>.*?))?(?: (?:appears?|to appear|is (?:visible|there|shown)|to (?:load|finish)))?(?: (?:for )?(?:up to|at most) (?P<n>\d+) ?s(?:ec(?:ond)?s?)?)?"
)
def _wait_for(m: re.Match[str], held: Held) -> list[Action]:
    what = held.back(m["what"] or "")
    if re.search(
        r" (?:disappears?|vanish(?:es)?|goes away|go away|(?:is|be|are) (?:gone|hidden))$", m["what"] or "", re.I
    ):
        raise ValueError("only what appears can be waited for (write: expect no THING)")
    seconds = float(m["n"]) if m["n"] else 15.0
    return [Wait(seconds=seconds) if what.lower() in {"", "the page", "it"} else Wait(target=what, seconds=seconds)]


# fields


@shape(r"(?:type|enter|write|input|put)(?: in\b)?\s*(?P<rest>.*)")
def _type(m: re.Match[str], held: Held) -> list[Action]:
    """`V into F and V2 into F2`, or only `V`, which goes where the focus is."""
    rest = m["rest"].strip()
    if not rest:
        raise ValueError("the text to type is missing")
    rest, submit = re.subn(r"(?:,| and)? (?:and )?submit(?: it)?$", "", rest)
    actions = [_typed(part, held) for part in _several(rest, r"(?:into|in|to|on|at)")]
    return [*actions[:-1], actions[-1].model_copy(update={"submit": bool(submit)})]


def _several(text: str, join: str) -> list[str]:
    """`A into B and C into D` in two; an "and" belongs to the value where what is before it has no field yet."""
    parts: list[str] = []
    for piece in re.split(rf"(\s*(?:,(?: and)?|\band\b)\s+(?=[^,]*? {join} ))", text):
        if len(parts) > 1 and not re.search(rf" {join} ", "".join(parts)):
            parts = ["".join([*parts, piece])]
        else:
            parts.append(piece)
    return parts[::2]


def _typed(part: str, held: Held) -> Type:
    split = re.match(r"(?P<value>.+?) (?:into|in|to|on|at) (?P<field>.+)$", part, re.S)
    if split is None:
        if re.match(r"(?:into|in) ", part):
            raise ValueError("the text to type is missing")
        if re.search(r"\b(?:into|in)\s*$", part):
            raise ValueError("the field to type into is missing")
        return Type(text=held.back(part), target=None)
    return Type(text=held.back(split["value"]), target=_needed(split["field"], held, "the field to type into"))


@shape(r"(?:fill(?: (?:in|out)\b)?|set|change)\s*(?P<rest>.*)")
def _fill(m: re.Match[str], held: Held) -> list[Action]:
    rest = m["rest"].strip()
    pairs = re.split(r"\s*(?:,(?: and)?|\band\b)\s+(?=[^,]*?(?: (?:with|to|as) |: ?))", rest)
    actions: list[Action] = []
    for pair in pairs:
        split = re.match(r"(?P<field>.+?)(?: (?:with|to|as) |: ?|=)(?P<value>.+)$", pair, re.S)
        if split is None:
            raise ValueError(
                f"the value for {held.back(pair)!r} is missing (write: fill FIELD with VALUE)"
                if pair
                else "the field is missing"
            )
        actions.append(Type(text=held.back(split["value"]), target=_needed(split["field"], held, "the field")))
    return actions


@shape(r"(?:clear|empty)\s*(?P<what>.*)")
def _clear(m: re.Match[str], held: Held) -> list[Action]:
    return [Type(text="", target=_needed(m["what"], held, "what to clear"))]


@shape(r"search(?: (?:for )?(?P<what>.+?)(?: (?:in|on|using|with) (?P<where>(?:the )?.*(?:field|box|bar|input)))?)?")
def _search(m: re.Match[str], held: Held) -> list[Action]:
    return [
        Type(
            text=_needed(m["what"], held, "what to search for"),
            target=held.back(m["where"]) if m["where"] else SEARCH_FIELD,
            submit=True,
        )
    ]


@shape(r"(?:check|tick|enable|turn on|switch on)\s*(?P<what>.*)")
def _check(m: re.Match[str], held: Held) -> list[Action]:
    _needed(m["what"], held, "what to check")
    return [Check(target=held.back(part)) for part in _many(m["what"])]


@shape(r"(?:uncheck|untick|disable|turn off|switch off)\s*(?P<what>.*)")
def _uncheck(m: re.Match[str], held: Held) -> list[Action]:
    _needed(m["what"], held, "what to uncheck")
    return [Check(target=held.back(part), checked=False) for part in _many(m["what"])]


@shape(r"(?:select|choose|pick)\s*(?P<option>.*?)(?: (?:in|from|for|as|under) (?P<field>.+))?")
def _select(m: re.Match[str], held: Held) -> list[Action]:
    parts = _several(m[0].split(" ", 1)[-1] if m["field"] else m["option"], r"(?:in|from|for|as|under)")
    return [_chosen(part, held) for part in parts]


def _chosen(part: str, held: Held) -> Action:
    split = re.match(r"(?P<option>.*?) (?:in|from|for|as|under) (?P<field>.+)$", part, re.S)
    if split is None:
        return Click(target=_needed(part, held, "what to choose"))
    option, field = _needed(split["option"], held, "what to choose"), _needed(split["field"], held, "the list")
    return Select(target=field, option=option)


@shape(r"(?:upload|attach)\s*(?P<files>.+?)(?: (?:to|into|in|at|under) (?P<where>.+))?")
def _upload(m: re.Match[str], held: Held) -> list[Action]:
    return [
        Upload(
            target=held.back(m["where"]) if m["where"] else "the file field",
            files=tuple(held.back(f) for f in _many(m["files"])),
        )
    ]


# mouse and keys


def key_of(text: str) -> str | None:
    """`ctrl + s` as Playwright names it, or None when the words are no key."""
    parts = [
        part.strip().lower() for part in re.split(r"\s*\+\s*", re.sub(r"^the | key$", "", text.strip(), flags=re.I))
    ]
    *modifiers, last = parts
    if any(part not in MODIFIERS for part in modifiers):
        return None
    if last in KEYS:
        return "+".join([*(MODIFIERS[part] for part in modifiers), KEYS[last]])
    return "+".join([*(MODIFIERS[part] for part in modifiers), last.upper()]) if modifiers and len(last) == 1 else None


@shape(r"submit(?: (?:the|this) form| it)?")
def _submit(m: re.Match[str], held: Held) -> list[Action]:
    return [Press(keys="Enter")]


@shape(r"(?P<how>double|right|middle|triple)[ -]?click(?: on)?\s*(?P<what>.*)")
def _special_click(m: re.Match[str], held: Held) -> list[Action]:
    target, how = _needed(m["what"], held, "what to click"), m["how"].lower()
    if how in {"double", "triple"}:
        return [Click(target=target, count=2 if how == "double" else 3)]
    return [Click(target=target, button="right" if how == "right" else "middle")]


@shape(r"(?:press|hit)\s*(?P<what>.+?)(?: (?P<word>once|twice|thrice)| (?P<n>[1-9]\d?|two|three|four|five) times)")
def _press_often(m: re.Match[str], held: Held) -> list[Action]:
    key = key_of(m["what"]) if HOLE not in m["what"] else None
    words = {"once": 1, "twice": 2, "two": 2, "thrice": 3, "three": 3, "four": 4, "five": 5}
    said = (m["word"] or m["n"]).lower()
    return (
        [Press(keys=key)] * (words.get(said) or int(said)) if key else [Click(target=held.back(m[0].split(" ", 1)[1]))]
    )


@shape(r"(?:click|press|tap|push|hit)(?: on)?\s*(?P<what>.*)")
def _click(m: re.Match[str], held: Held) -> list[Action]:
    what = _needed(m["what"], held, "what to click")
    key = key_of(what) if m[0].lower().startswith(("press", "hit")) and HOLE not in m["what"] else None
    return [Press(keys=key) if key else Click(target=what)]


@shape(r"(?:hover|move)(?: the mouse)?(?: (?:over|on|to))?\s*(?P<what>.*)")
def _hover(m: re.Match[str], held: Held) -> list[Action]:
    return [Hover(target=_needed(m["what"], held, "what to hover over"))]


@shape(r"drag\s*(?P<start>.*?)(?: (?:onto|on|to|into|over) (?P<end>.+))?")
def _drag(m: re.Match[str], held: Held) -> list[Action]:
    return [Drag(start=_needed(m["start"], held, "what to drag"), end=_needed(m["end"], held, "where to drag it"))]


# looking


@shape(r"(?:read|tell me|get|report|note|extract|what is|return)(?: me)?\s*(?P<what>.*)")
def _read(m: re.Match[str], held: Held) -> list[Action]:
    return [Read(question=_needed(m["what"], held, "what to read"))]


@shape(
    r"(?:expect|verify|ensure|assert|make sure|confirm|see)(?: that)?(?: there (?:is|are))?\s*(?P<no>no |not )?(?P<what>.*?)(?: (?:to )?(?:says?|shows?|reads?|contains?|equals?|be|is) (?P<text>(?!visible|shown|there|on ).+)| (?:is|to be|be) (?:visible|shown|there|on the (?:page|screen)))?"
)
def _expect(m: re.Match[str], held: Held) -> list[Action]:
    what, absent = _needed(m["what"], held, "what to expect"), bool(m["no"])
    if m["text"]:
        return [Expect(what=what, text=held.back(m["text"]), absent=absent)]
    alone = re.fullmatch(f"(?:the (?:text|words?|message) )?({HOLE}\\d+{END})", m["what"].strip())
    return [Expect(what=what, text=held.back(alone[1]) if alone else None, absent=absent)]


VERBS = """log in, log out, sign in, sign out, go to, go back, go forward, visit, navigate to, open, back, forward, reload, refresh, close, new tab,
switch to, accept, dismiss, cancel, confirm, scroll, wait, type, enter, write, input, put, fill, fill in, fill out, set, change, clear, empty, search, check, tick,
enable, turn on, uncheck, untick, disable, turn off, select, choose, pick, upload, attach, submit, double click, double-click, right click, right-click,
click, press, tap, push, hit, hover, move, drag, read, tell me, get, report, note, extract, return, expect, verify, ensure, assert, make sure, see""".replace(
    "\n", " "
).split(", ")
_STARTS = "|".join(sorted((re.escape(verb.strip()).replace(r"\ ", "[ -]?") for verb in VERBS), key=len, reverse=True))
_STRONG = re.compile(
    rf"\s*(?:[\n;]|(?<=\s)\d+[.)]\s+(?={POLITE}(?:{_STARTS})\b)|(?<=[^\d\s])\.(?=\s|$)|(?:,\s*)?(?:\band\s+)?\b(?:then|after that|afterwards|finally)\b,?|→)\s*",
    re.I,
)
_WEAK = re.compile(rf"\s*(?:,\s*(?:and\s+)?|\s+and\s+)(?={POLITE}(?:{_STARTS})\b)", re.I)
_LISTS = re.compile(
    rf"{POLITE}(?:type|enter|write|input|put|fill|set|change|check|tick|enable|turn on|uncheck|untick|disable|turn off|select|choose|pick|upload|attach|log|sign|search)\b",
    re.I,
)
"""Verbs that take several things with commas between them."""
_BULLET = re.compile(r"^\s*(?:[-*•]|\(?\d+[.):])\s+")


def clauses(text: str, variables: Mapping[str, str]) -> list[Clause]:
    """A whole task as clauses; UsageError naming the first that is not understood."""
    held = Held(text, variables)
    lines = "\n".join(_BULLET.sub("", line) for line in held.text.splitlines())
    joined = re.sub(r"(?<=,)\s*\n\s*|(?<=\band)\s*\n\s*", " ", lines)
    pieces = [part.strip(" ,") for strong in _STRONG.split(joined) for part in _WEAK.split(strong)]
    pieces = [part for piece in pieces for part in ([piece] if _LISTS.match(piece) else re.split(r",(?=\s|$)", piece))]
    found = [_clause(piece.strip(" ,"), held) for piece in pieces if piece.strip(" ,")]
    if not found:
        raise UsageError("the task is empty: say what to do, for example: click 'Save'")
    return found


def _clause(piece: str, held: Held) -> Clause:
    shown = held.back(piece, shown=True)
    bare = re.sub(rf"^{POLITE}", "", piece, flags=re.I).strip(" ,:!.")
    for pattern, meaning in SHAPES:
        if match := pattern.match(bare):
            try:
                return Clause(shown, tuple(meaning(match, held)))
            except ValueError as error:
                raise UsageError(f"clause {shown!r} is not complete: {error}") from error
    first = (held.back(bare) or shown).split(" ")[0].lower()
    if any(verb.split()[0] == first for verb in VERBS):
        raise UsageError(f"clause {shown!r} is not understood: I know {first!r}, but not with the words after it")
    near = get_close_matches(first, [verb.split()[0] for verb in VERBS], 1)
    hint = (
        f"did you mean {near[0]!r}?" if near else "begin with a verb such as click, type, select, check, read or expect"
    )
    raise UsageError(f"clause {shown!r} is not understood: {first!r} is no verb I know; {hint}")
