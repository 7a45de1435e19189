"""The verbs that do something: navigation, fields, mouse and keys.

Targets keep the user's own words. Knows neither how a task is cut up nor any screen.
"""

import re

from deixis.agent.quoted import END, HOLE, Held
from deixis.agent.shapes import NUMBERS, Shapes, many, needed, path_of
from deixis.browser.actions import (
    Action,
    AnswerDialog,
    Back,
    Check,
    Click,
    CloseTab,
    Drag,
    Forward,
    Goto,
    Hover,
    NewTab,
    Press,
    Reload,
    Select,
    SwitchTab,
    Type,
    Upload,
)

DEEDS = Shapes()
SEARCH_FIELD = "the search field"
NAMES = ["Enter", "Tab", "Escape", "Backspace", "Delete", "Space", "Home", "End", "PageUp", "PageDown", "Insert"]
KEYS = {name.lower(): name for name in NAMES} | {f"f{n}": f"F{n}" for n in range(1, 13)}
KEYS |= {"esc": "Escape", "return": "Enter", "del": "Delete", "spacebar": "Space"}
KEYS |= {"page up": "PageUp", "page down": "PageDown"}
KEYS |= {
    word: f"Arrow{way.capitalize()}"
    for way in ("up", "down", "left", "right")
    for word in (way, f"arrow{way}", f"{way} arrow", f"arrow {way}")
}
ORDINALS = ("first", "second", "third", "fourth")
FILES = tuple(f".{ending}" for ending in "pdf txt csv doc docx xls xlsx png jpg zip html json py md".split())  # noqa: SIM905
"""Endings that make `open report.pdf` a name on the page rather than a host."""
WITH_SCHEME = re.compile(r"https?://|file:|about:|data:", re.I)
MODIFIERS = {"ctrl": "Control", "control": "Control", "shift": "Shift", "alt": "Alt", "option": "Alt"}
MODIFIERS |= {"cmd": "Meta", "command": "Meta", "meta": "Meta"}

# navigation


@DEEDS.add(r"(?:log|sign)[ -]?(?:out|off)")
def _log_out(m: re.Match[str], held: Held) -> list[Action]:
    return [Click(target="log out")]


@DEEDS.add(
    r"(?:log|sign)[ -]?in(?: ?to .+?)?(?: (?:as|with|using) (?:the |my )?(?:(?:user ?(?:name)?|e-?mail(?: address)?|login|account) )?(?P<user>.+?)(?:(?:(?:,|,? (?:with|and|using)(?: the| my)?) password | ?/ ?)(?P<password>.*))?)?"
)
def _log_in(m: re.Match[str], held: Held) -> list[Action]:
    if m["user"] is None:
        return [Click(target="log in")]
    user, password = needed(m["user"], held, "the user name"), needed(m["password"], held, "the password")
    return [Type(text=user, target="username"), Type(text=password, target="password"), Click(target="log in")]


@DEEDS.add(r"(?:go |navigate )?back(?: to the (?:previous|last) page)?")
def _back(m: re.Match[str], held: Held) -> list[Action]:
    return [Back()]


@DEEDS.add(r"(?:go |navigate )?forward")
def _forward(m: re.Match[str], held: Held) -> list[Action]:
    return [Forward()]


@DEEDS.add(r"(?:reload|refresh)(?: the page| this page| it)?")
def _reload(m: re.Match[str], held: Held) -> list[Action]:
    return [Reload()]


@DEEDS.add(r"close (?:the |this )?tab")
def _close_tab(m: re.Match[str], held: Held) -> list[Action]:
    return [CloseTab()]


@DEEDS.add(r"open (?:a )?new tab")
def _new_tab(m: re.Match[str], held: Held) -> list[Action]:
    return [NewTab()]


@DEEDS.add(r"(?:turn|switch) (?P<what>(?!(?:on|off|to)\b).+) (?P<how>on|off)")
def _turn(m: re.Match[str], held: Held) -> list[Action]:
    return [Check(target=needed(m["what"], held, "what to switch"), checked=m["how"].lower() == "on")]


@DEEDS.add(r"switch (?:to )?(?P<what>.*)")
def _switch_to(m: re.Match[str], held: Held) -> list[Action]:
    what = needed(m["what"], held, "what to switch to (write: switch to tab 2)")
    tab = re.fullmatch(r"(?:the )?(?:tab (?:number )?(\d{1,3})|(first|second|third|fourth) tab)", what, re.I)
    if tab:
        number = int(tab[1]) - 1 if tab[1] else ORDINALS.index(tab[2].lower())
        return [SwitchTab(index=max(number, 0))]
    if re.fullmatch(r"(?:(?:the |an)?(?:last|next|previous|other|new) )?tabs?", what, re.I):
        raise ValueError("the number of the tab is missing (write: switch to tab 2)")
    return [Click(target=what)]


@DEEDS.add(
    r"(?:accept|confirm|dismiss|cancel|close|answer) (?:the |a )?(?:dialog|alert|confirmation|prompt|pop-?up message)(?: with (?P<text>.+))?"
)
def _dialog(m: re.Match[str], held: Held) -> list[Action]:
    accept = m[0].lower().startswith(("accept", "confirm", "answer"))
    return [AnswerDialog(accept=accept, text=held.back(m["text"]) if m["text"] else None)]


@DEEDS.add(r"(?:accept|dismiss)(?: it)?")
def _answer(m: re.Match[str], held: Held) -> list[Action]:
    return [AnswerDialog(accept=m[0].lower().startswith("accept"))]


@DEEDS.add(r"(?:accept|dismiss|close|cancel|confirm(?! (?:that|if|whether)\b)) \S.*")
def _button_named_so(m: re.Match[str], held: Held) -> list[Action]:
    """`accept all cookies`, `close the menu`: a button that says so."""
    return [Click(target=held.back(m[0]))]


@DEEDS.add(
    r"(?:go to|visit|navigate to|open|browse to)\s*(?P<what>.*?)(?P<tab> in (?:a|another) new tab| in another tab)?"
)
def _go_to(m: re.Match[str], held: Held) -> list[Action]:
    what = needed(m["what"], held, "where to go")
    name = m[0].lower().startswith("open") and (HOLE in m["what"] or what.lower().endswith(FILES))
    url = what if WITH_SCHEME.match(what) else None if name else _address(what)
    if m["tab"]:
        return [NewTab(url=url)] if url else [Click(target=what, modifiers=("ControlOrMeta",))]
    return [Goto(url=url)] if url else _clicks(m["what"], held)


def _address(words: str) -> str | None:
    """A bare host as a URL, or None for words; this machine and plain numbers are asked without TLS."""
    if re.fullmatch(r"(?:localhost|\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?(?:[/?]\S*)?", words, re.I):
        return f"http://{words}"
    return f"https://{words}" if re.fullmatch(r"(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:[/?]\S*)?", words, re.I) else None


def _clicks(words: str, held: Held) -> list[Action]:
    """A click, or one on each step of `File > Save as`."""
    return [Click(target=held.back(step)) for step in path_of(words)]


# fields

VALUE = f"{HOLE}\\d+{END}"
WHO = r"(?:user ?name|user|login|log-?in name|e-?mail(?: address)?|pass(?: ?word|code|phrase)|pin|name|(?:first|last|full) name|phone(?: number)?|date|time)"
_NAMED = rf"(?:(?:(?:the|my|your|an?|his|her|their) )(?P<a>[^{HOLE},]+?)|(?P<b>{WHO})) (?P<value>{VALUE})"
_PLAIN = (
    rf"(?:(?:the|my|your|his|her|their) )?(?P<b>{WHO}) (?P<value>{VALUE}|(?!(?:and|or|into|in|to|as|field)\b)[^\s,]+)"
)
_ALL_FIELDS = re.compile(
    r"(?:the |both |all |these |those |their )*(?:text |input |form |respective |corresponding )*(?:fields?|box(?:es)?|inputs?|textbox(?:es)?|form)",
    re.I,
)
_NO_FIELD = re.compile(
    r"(?:following )?(?:text|words?|value|string|phrase|number|digits?|letters?|characters?|term|sentence|line|amount of|keywords?|query)",
    re.I,
)
"""What a quoted value is called that says nothing of the field it goes to."""


def _by_name(rest: str, held: Held) -> list[Action]:
    """`the username 'bob' and the password 'x' into the fields`; empty for what is said otherwise."""
    for one in (_NAMED, _PLAIN):
        bare = re.sub(r"\?P<\w+>", "?:", one)
        said = re.match(
            rf"(?P<pairs>{bare}(?:(?:,(?: and)?| and) {bare})*)(?: (?:into|in|to|on|at) (?P<where>.+))?$",
            rest,
            re.I | re.S,
        )
        if said is None:
            continue
        pairs = [(m.groupdict().get("a") or m["b"], m["value"]) for m in re.finditer(one, said["pairs"], re.I)]
        where, own = said["where"], [not _NO_FIELD.fullmatch(name) for name, _ in pairs]
        if (
            where
            and not _ALL_FIELDS.fullmatch(where)
            or len(pairs) == 1
            and re.match(r"both\b|all\b", where or "", re.I)
        ):
            # A field is named, so the noun is a mere word for what is typed: the number '22' into the third box.
            return _into_each(held.back(pairs[0][1]), held.back(where)) if len(pairs) == 1 else []
        if not all(own):
            return [Type(text=held.back(pairs[0][1]), target=where and held.back(where))] if len(pairs) == 1 else []
        return [Type(text=held.back(value), target=held.back(name)) for name, value in pairs]
    return []


def _into_each(text: str, field: str) -> list[Action]:
    """Into a field, or into the first and the second of `both fields`."""
    both = re.match(r"both (?:of )?(?:the )?(?P<what>.+)$", field, re.I)
    if both is None:
        return [Type(text=text, target=field)]
    one = re.sub(r"(?<=box|tch)es$|(?<!s)s$", "", both["what"])
    return [Type(text=text, target=f"the {number} {one}") for number in ORDINALS[:2]]


@DEEDS.add(
    r"(?:focus(?: (?:on|in|into))?|(?:put|place|set) the (?:cursor|caret|focus) (?:in|into|on|inside)) (?P<what>.+)"
)
def _focus(m: re.Match[str], held: Held) -> list[Action]:
    return [Click(target=needed(m["what"], held, "what to focus"))]


@DEEDS.add(r"(?:type|enter|write|input|put)(?: in\b)?\s*(?P<rest>.*)")
def _type(m: re.Match[str], held: Held) -> list[Action]:
    """`V into F and V2 into F2`, or only `V`, which goes where the focus is."""
    rest = m["rest"].strip()
    if not rest and m[0].lower() == "enter":
        return [Press(keys="Enter")]
    if not rest:
        raise ValueError("the text to type is missing")
    rest, submit = re.subn(r"(?:,| and)? (?:and )?submit(?: it)?$", "", rest)
    actions = _by_name(rest, held) or [
        action for part in _several(rest, r"(?:into|in|to|on|at|as (?:the|my|your))") for action in _typed(part, held)
    ]
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


def _typed(part: str, held: Held) -> list[Action]:
    """`V into F`; where "into" or "as the" is said, an "in", "to", "on" or "at" before it belongs to the value."""
    ways = (r" into ", r" as (?=(?:the|my|your) )", r" (?:in|to|on|at) ", r" for (?=(?:the|my|your) )")
    split = next((m for way in ways if (m := re.match(rf"(?P<value>.+?){way}(?P<field>.+)$", part, re.S))), None)
    if split is None:
        if re.match(r"(?:into|in) ", part):
            raise ValueError("the text to type is missing")
        if re.search(r"\b(?:into|in)\s*$", part):
            raise ValueError("the field to type into is missing")
        return [Type(text=held.back(part), target=None)]
    return _into_each(held.back(split["value"]), needed(split["field"], held, "the field to type into"))


@DEEDS.add(r"(?:fill(?: (?:in|out)\b)?|set|change)\s*(?P<rest>.*)")
def _fill(m: re.Match[str], held: Held) -> list[Action]:
    rest = m["rest"].strip()
    form = re.match(
        r"(?:(?:in|out) )?(?:the |this )?(?:[\w-]+ )?form(?: with|:| using| as follows:?)? (?P<pairs>.+)$",
        rest,
        re.I | re.S,
    )
    if form and (values := _form_values(form["pairs"], held)):
        return values
    rest = re.sub(r"^(.+?) from [^,]+? (?=to )", r"\1 ", rest)
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
        field = re.sub(r"^(?:its|their|his|her) ", "the ", split["field"], flags=re.I)
        actions.append(Type(text=held.back(split["value"]), target=needed(field, held, "the field")))
    return actions


def _form_values(pairs: str, held: Held) -> list[Action]:
    """`name Ada, email a@b.c and message 'Hi'`; empty when a piece is no name with a value."""
    found: list[Action] = []
    for piece in many(pairs):
        one = re.fullmatch(rf"(?:the |an? |my )?(?P<name>{WHO}) (?P<value>.+)", piece, re.I | re.S)
        one = one or re.fullmatch(
            rf"(?:the |an? |my )?(?P<name>[^{HOLE}]+?)(?:\s*[:=]\s*| (?:is|to|as|with) | )(?P<value>{VALUE}|\S+)",
            piece,
            re.I | re.S,
        )
        if one is None:
            return []
        found.append(Type(text=held.back(one["value"]), target=held.back(one["name"])))
    return found


@DEEDS.add(r"(?:clear|empty)\s*(?P<what>.*)")
def _clear(m: re.Match[str], held: Held) -> list[Action]:
    return [Type(text="", target=needed(m["what"], held, "what to clear"))]


@DEEDS.add(
    r"search(?: (?:for )?(?P<what>.+?)(?: (?:in|on|using|with) (?P<where>(?:the )?.*(?:field|box|bar|input)))?)?"
)
def _search(m: re.Match[str], held: Held) -> list[Action]:
    if m["what"] is None:
        return [Click(target="search")]
    return [
        Type(
            text=needed(m["what"], held, "what to search for"),
            target=held.back(m["where"]) if m["where"] else SEARCH_FIELD,
            submit=True,
        )
    ]


@DEEDS.add(r"check[ -]?out(?: now)?")
def _check_out(m: re.Match[str], held: Held) -> list[Action]:
    return [Click(target="check out")]


@DEEDS.add(r"(?:check|tick|enable|turn on|switch on)\s*(?P<what>.*)")
def _check(m: re.Match[str], held: Held) -> list[Action]:
    needed(m["what"], held, "what to check")
    one = re.fullmatch(r"the [^,]+ and [^,]+ (?:box|checkbox|option|switch|toggle)", m["what"], re.I)
    return [Check(target=held.back(part)) for part in ([m["what"]] if one else many(m["what"]))]


@DEEDS.add(r"(?:uncheck|untick|disable|turn off|switch off)\s*(?P<what>.*)")
def _uncheck(m: re.Match[str], held: Held) -> list[Action]:
    needed(m["what"], held, "what to uncheck")
    return [Check(target=held.back(part), checked=False) for part in many(m["what"])]


_CHOICE = r"(?:in|from|for|as|under|with|using)"
_MOVED = re.compile(
    r".*\b(?:slider|spinner|stepper|spin ?box|range|date ?picker|calendar|time ?picker|colou?r ?(?:picker|field))", re.I
)
"""Fields whose value is set rather than chosen from a list."""
_DATED = re.compile(r"\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?|\d{1,2}:\d{2}(?: ?[ap]m)?", re.I)


@DEEDS.add(rf"(?:select|choose|pick)\s*(?P<option>.*?)(?: {_CHOICE} (?P<field>.+))?")
def _select(m: re.Match[str], held: Held) -> list[Action]:
    if not m["field"]:
        parts = many(m["option"]) if "," in m["option"] else [m["option"]]
        return [click for part in parts for click in _clicks(needed(part, held, "what to choose") and part, held)]
    return [_chosen(part, held) for part in _several(m[0].split(" ", 1)[-1], _CHOICE)]


def _chosen(part: str, held: Held) -> Action:
    split = re.match(rf"(?P<option>.*?) {_CHOICE} (?P<field>.+)$", part, re.S)
    if split is None:
        return Click(target=needed(part, held, "what to choose"))
    option, field = needed(split["option"], held, "what to choose"), needed(split["field"], held, "the list")
    if _MOVED.match(field) or _DATED.fullmatch(option):
        return Type(text=option, target=field)
    return Select(target=field, option=option)


@DEEDS.add(r"(?:upload|attach)\s*(?P<files>.+?)(?: (?:to|into|in|at|under|as) (?P<where>.+))?")
def _upload(m: re.Match[str], held: Held) -> list[Action]:
    return [
        Upload(
            target=held.back(m["where"]) if m["where"] else "the file field",
            files=tuple(held.back(f) for f in many(m["files"])),
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


@DEEDS.add(r"submit(?: (?:the|this) form| it)?")
def _submit(m: re.Match[str], held: Held) -> list[Action]:
    return [Press(keys="Enter")]


@DEEDS.add(r"(?:expand|collapse|unfold|toggle) (?P<what>.+)")
def _unfold(m: re.Match[str], held: Held) -> list[Action]:
    return [Click(target=needed(m["what"], held, "what to expand"))]


@DEEDS.add(r"highlight (?:(?:the|all) (?:the )?text (?:in|of) )?(?P<what>.+)")
def _highlight(m: re.Match[str], held: Held) -> list[Action]:
    """A paragraph, as three clicks choose it."""
    return [Click(target=needed(m["what"], held, "what to highlight"), count=3)]


@DEEDS.add(r"copy the (?:text|contents?|value) (?:in|from|of) (?P<what>.+)")
def _copy(m: re.Match[str], held: Held) -> list[Action]:
    """Of a field: what it holds goes to the clipboard."""
    field = needed(m["what"], held, "what to copy from")
    return [Click(target=field), Press(keys="ControlOrMeta+A"), Press(keys="ControlOrMeta+C")]


@DEEDS.add(r"paste (?:it|the (?:text|contents?|value|clipboard)) (?:in|into|to) (?P<what>.+)")
def _paste(m: re.Match[str], held: Held) -> list[Action]:
    return [Click(target=needed(m["what"], held, "where to paste")), Press(keys="ControlOrMeta+V")]


@DEEDS.add(r"(?P<how>double|right|middle|triple)[ -]?click(?: on)?\s*(?P<what>.*)")
def _special_click(m: re.Match[str], held: Held) -> list[Action]:
    target, how = needed(m["what"], held, "what to click"), m["how"].lower()
    if how in {"double", "triple"}:
        return [Click(target=target, count=2 if how == "double" else 3)]
    return [Click(target=target, button="right" if how == "right" else "middle")]


@DEEDS.add(
    r"(?P<press>press|hit|click|tap|push)(?: on)?\s*(?P<what>.+?)(?: (?P<word>once|twice|thrice)| (?P<n>[1-9]\d?|two|three|four|five) times)"
)
def _click_often(m: re.Match[str], held: Held) -> list[Action]:
    """`press Tab 3 times`, `click Next twice`; a button may be called "Try 3 times"."""
    said = (m["word"] or m["n"]).lower()
    if m["n"] and isinstance(_pressed(m["press"], m["what"], held)[0], Click):
        return [Click(target=held.back(re.sub(r"^\w+(?: on)? ", "", m[0])))]
    return _pressed(m["press"], m["what"], held) * int(NUMBERS.get(said) or said)


@DEEDS.add(r"(?P<press>press|hit)\s*(?P<what>[^\s+]+|(?:\w+ ?\+ ?)+\w+) (?:in|inside|on) (?P<where>.+)")
def _press_in(m: re.Match[str], held: Held) -> list[Action]:
    """`press Enter in the search field`; with anything but a key it is the name of a button."""
    press = _pressed(m["press"], m["what"], held)
    if isinstance(press[0], Press):
        return [Click(target=held.back(m["where"])), *press]
    return [Click(target=held.back(m[0].split(None, 1)[1]))]


@DEEDS.add(r"(?P<press>click|press|tap|push|hit)(?: on)?\s*(?P<what>.*)")
def _click(m: re.Match[str], held: Held) -> list[Action]:
    return _pressed(m["press"], m["what"], held)


def _pressed(verb: str, words: str, held: Held) -> list[Action]:
    """A key when it is one and not quoted, else a click."""
    what = needed(words, held, "what to click")
    key = key_of(what) if verb.lower() in {"press", "hit"} and HOLE not in words else None
    return [Press(keys=key)] if key else _clicks(words, held)


@DEEDS.add(
    r"(?:drag(?: and drop)?|move(?! (?:the )?(?:mouse|pointer|cursor)\b| (?:over|on|onto|to)\b))\s*(?P<start>.*?)(?: (?:onto|on|to|into|over) (?P<end>.+))?"
)
def _drag(m: re.Match[str], held: Held) -> list[Action]:
    return [Drag(start=needed(m["start"], held, "what to drag"), end=needed(m["end"], held, "where to drag it"))]


@DEEDS.add(r"(?:hover|move)(?: (?:the )?(?:mouse|pointer|cursor))?(?: (?:over|onto|on|to))?\s*(?P<what>.*)")
def _hover(m: re.Match[str], held: Held) -> list[Action]:
    return [Hover(target=needed(m["what"], held, "what to hover over"))]
