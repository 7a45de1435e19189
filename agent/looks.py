"""The verbs that look and wait: read, expect, scroll, wait.

Tried before the others, because `check that ...` expects and `check ...` ticks a box. Knows no screen.
"""

import re

from deixis.agent.quoted import END, HOLE, Held
from deixis.agent.shapes import NUMBERS, Shapes, needed
from deixis.browser.actions import (
    Action,
    Expect,
    Hover,
    Read,
    Scroll,
    Wait,
)

LOOKS = Shapes()
PAGE, FAR = 600.0, 100_000.0
"""CSS pixels of "scroll down", and of "scroll to the bottom"."""
BEING = {"is", "be", "are", "is not", "are not", "is no longer", "are no longer", "isn't", "aren't"}
WHOLE = {"the page", "this page", "the screen", "this screen"}
LARGE = WHOLE | {f"the {name}" for name in ("table", "list", "grid", "results", "result list", "search results")}
"""What is too large to read at one point."""
COUNTS = {"once": 1, "twice": 2, "three times": 3, "thrice": 3, "a page": 1, "one page": 1, "half a page": 0.5}
COUNTS |= {"two pages": 2, "three pages": 3, "a bit": 0.5, "a little": 0.5}

# what is expected

LOOK = r"(?:(?:expect|verify|ensure|assert|make sure|see)(?: that| if| whether)?|(?:confirm|check)(?: that| if| whether))(?: there (?:is|are))?"
SEEN = r"(?:visible|shown|there|displayed|present|on (?:the|this) (?:page|screen))"


def _looked_for(what: str, held: Held, absent: bool) -> list[Action]:
    """Something on the screen; when it is nothing but quoted text, that text."""
    alone = re.fullmatch(f"(?:the (?:text|words?|message) )?({HOLE}\\d+{END})", what.strip())
    found = needed(what, held, "what to expect")
    return [Expect(what=found, text=held.back(alone[1]) if alone else None, absent=absent)]


def _said(m: re.Match[str], held: Held, absent: bool) -> list[Action]:
    """Words somewhere: where a page or a table is to say them, the words themselves are looked for.

    What a page is ("loaded", "in English") is written nowhere.
    """
    words, place = held.back(m["text"]), needed(m["what"], held, "what to expect")
    written = m["verb"].lower() not in BEING and place.lower() in LARGE
    return [Expect(what=words if written else place, text=words, absent=absent)]


@LOOKS.add(
    rf"{LOOK} (?P<what>.+?) (?:(?:(?:is|are) (?:not|no longer)|isn't|aren't|not to be|to not be) {SEEN}|(?:is|are|to be) (?:gone|hidden))"
)
def _expect_gone(m: re.Match[str], held: Held) -> list[Action]:
    return _looked_for(m["what"], held, absent=True)


@LOOKS.add(
    rf"{LOOK} (?P<what>(?!no |not ).+?) (?P<verb>(?:(?:does|do) not|doesn't|don't|not to) (?:say|show|read|contain|equal)|(?:is|are) (?:not|no longer)|isn't|aren't) (?P<text>.+)"
)
def _expect_other(m: re.Match[str], held: Held) -> list[Action]:
    return _said(m, held, absent=True)


@LOOKS.add(rf"{LOOK} (?P<text>{HOLE}\d+{END}) (?:in|inside|at|on) (?!the (?:page|screen)$)(?P<what>.+)")
def _expect_in(m: re.Match[str], held: Held) -> list[Action]:
    return [Expect(what=held.back(m["what"]), text=held.back(m["text"]))]


@LOOKS.add(
    rf"{LOOK}\s*(?P<no>no |not )?(?P<what>.*?)(?: (?:to )?(?P<verb>says?|shows?|reads?|contains?|equals?|be|is) (?P<text>(?!{SEEN}$).+)| (?:(?:is|are|to be|be) )?{SEEN})?"
)
def _expect(m: re.Match[str], held: Held) -> list[Action]:
    if m["text"]:
        return _said(m, held, absent=bool(m["no"]))
    return _looked_for(m["what"], held, absent=bool(m["no"]))


# scrolling and waiting


@LOOKS.add(
    r"scroll (?:down |up )?(?:to|until)(?: you (?:see|find))? (?!(?:the )?(?:very )?(?:bottom|top|end)(?:$| of\b| in\b))(?P<what>.+?)(?: appears| is visible)?"
)
def _scroll_to(m: re.Match[str], held: Held) -> list[Action]:
    return [Hover(target=needed(m["what"], held, "where to scroll to"))]


@LOOKS.add(r"(?:find|locate|look for) (?!out\b)(?P<what>.+)")
def _find(m: re.Match[str], held: Held) -> list[Action]:
    """What is found is in view."""
    if re.search(r" and \w+ (?:to|with|it|them|that)\b", m["what"]):
        raise ValueError("what is to be done with it is not understood")
    return [Hover(target=needed(m["what"], held, "what to find"))]


@LOOKS.add(
    r"scroll (?:down |up )?(?P<where>(?:the|this|that) .+?) (?:all the way )?to (?:the |its )?(?:very )?(?P<far>bottom|top|end)"
)
def _scroll_in(m: re.Match[str], held: Held) -> list[Action]:
    return [Scroll(target=held.back(m["where"]), dy=-FAR if m["far"].lower() == "top" else FAR)]


@LOOKS.add(
    r"scroll(?: (?P<way>up|down|left|right))?(?: (?:all the way )?to (?:the )?(?:very )?(?P<far>bottom|top|end))?(?: (?P<count>once|twice|thrice|(?:\d+|three) times|(?:a|one|two|three|half a) pages?|a bit|a little|(?:by )?\d+ ?(?:px|pixels?)))?(?: (?:in|inside|over|on|within|of) (?P<where>.+))?"
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
    where = held.back(m["where"]) if m["where"] and m["where"].lower() not in WHOLE else None
    return [Scroll(target=where, dx=dx, dy=dy)]


@LOOKS.add(
    r"wait(?: for)? (?:(?P<n>\d{1,9}(?:\.\d{1,9})?) ?|(?P<word>half an?|an?|one|two|three|five|ten) )(?P<unit>ms|milliseconds?|s|secs?|seconds?|minutes?)"
)
def _wait_seconds(m: re.Match[str], held: Held) -> list[Action]:
    number = float(m["n"]) if m["n"] else NUMBERS[m["word"].lower().removesuffix("n")]
    unit = m["unit"].lower()
    factor = 60 if unit.startswith("min") else 0.001 if unit.startswith("m") else 1
    return [Wait(seconds=max(0.01, min(600.0, number * factor)))]


@LOOKS.add(
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


# looking


@LOOKS.add(r"(?:how much (?:is|are|does|do) (?P<a>.+?)(?: costs?)?|what (?:does|do) (?P<b>.+) costs?)\??")
def _read_price(m: re.Match[str], held: Held) -> list[Action]:
    return [Read(question=f"the price of {needed(m['a'] or m['b'], held, 'of what')}")]


@LOOKS.add(r"how many (?P<what>.+?)(?: (?:are|is) (?:there|left|shown))?\??")
def _read_number(m: re.Match[str], held: Held) -> list[Action]:
    return [Read(question=f"the number of {needed(m['what'], held, 'of what')}")]


@LOOKS.add(
    r"(?:extract|read|get|scrape) (?:the |all )?(?:rows|table|list)(?: of)? (?P<what>.+?)(?: (?:as|into) (?P<name>[\w-]+))?"
)
def _read_table(m: re.Match[str], held: Held) -> list[Action]:
    return [Read(question=f"the table of {needed(m['what'], held, 'which table')}", table=True, into=m["name"])]


@LOOKS.add(r"(?:extract|get|scrape|read) (?P<what>.+?) as (?P<name>[A-Za-z_]\w*)")
def _read_as(m: re.Match[str], held: Held) -> list[Action]:
    return [Read(question=needed(m["what"], held, "what to read"), into=m["name"])]


@LOOKS.add(
    r"(?:read(?: out| aloud)?|find out|tell me|get|report|note|extract|return|(?=what(?:'s| is| are)\b))(?: me)?\s*(?P<what>.*)"
)
def _read(m: re.Match[str], held: Held) -> list[Action]:
    """The thing itself is what can be pointed at: `what the total is` asks for `the total`."""
    words = re.sub(r"^what(?:'s| is| are)\b\s*", "", m["what"].rstrip(" ?"), flags=re.I)
    words = re.sub(r"^what (.+) (?:is|are|says?)$", r"\1", words, flags=re.I)
    return [Read(question=needed(words, held, "what to read"))]
