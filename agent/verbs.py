"""The verbs of navigation, mouse and keys.

Targets keep the user's own words. Knows neither how a task is cut up nor any screen.
"""

import re

from deixis.agent.quoted import HOLE, Held
from deixis.agent.shapes import NUMBERS, Shapes, clicks, needed
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
    SwitchTab,
    Type,
)

DEEDS = Shapes()
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


@DEEDS.add(r"switch (?!(?:on|off) )(?:to )?(?P<what>.*)")
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
    return [Goto(url=url)] if url else clicks(m["what"], held)


def _address(words: str) -> str | None:
    """A bare host as a URL, or None for words; this machine and plain numbers are asked without TLS."""
    if re.fullmatch(r"(?:localhost|\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?(?:[/?]\S*)?", words, re.I):
        return f"http://{words}"
    return f"https://{words}" if re.fullmatch(r"(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:[/?]\S*)?", words, re.I) else None


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
    return [Press(keys=key)] if key else clicks(words, held)


@DEEDS.add(
    r"(?:drag(?: and drop)?|move(?! (?:the )?(?:mouse|pointer|cursor)\b| (?:over|on|onto|to)\b))\s*(?P<start>.*?)(?: (?:onto|on|to|into|over) (?P<end>.+))?"
)
def _drag(m: re.Match[str], held: Held) -> list[Action]:
    return [Drag(start=needed(m["start"], held, "what to drag"), end=needed(m["end"], held, "where to drag it"))]


@DEEDS.add(r"(?:hover|move)(?: (?:the )?(?:mouse|pointer|cursor))?(?: (?:over|onto|on|to))?\s*(?P<what>.*)")
def _hover(m: re.Match[str], held: Held) -> list[Action]:
    return [Hover(target=needed(m["what"], held, "what to hover over"))]
