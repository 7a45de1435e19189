"""Plain English to actions: the grammar of the InstructionPlanner, without any language model.

A task is cut into clauses, each clause begins with a verb, each verb has a few shapes (`verbs`, `field_verbs`
and `page_verbs` act, `looks` looks). Quoted text is held back meanwhile (`deixis.agent.quoted`). What is not understood is a
UsageError that names the clause. Knows no screen and no state.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches

from deixis.agent.field_verbs import FIELDS
from deixis.agent.grammar_blocks import each_row, gathered
from deixis.agent.looks import LOOKS
from deixis.agent.manners import leaning, plainly, together
from deixis.agent.page_verbs import LAST, PAGE
from deixis.agent.page_verbs import VERBS as PAGE_SHAPES
from deixis.agent.program import Clause
from deixis.agent.quoted import HOLE, Held
from deixis.agent.verbs import DEEDS
from deixis.browser.errors import UsageError

POLITE = r"(?:(?:please|now|then|next|finally|first|second|third|lastly|also|afterwards|after that|and|you should|you can|i want you to|you have to|you need to|you must|i want to|i need to|i would like to|i'd like to|can you|could you|just)\b[ ,:]*){0,6}"
"""What people say before a verb."""
VERBS = """log in, log out, sign in, sign out, go to, go back, go forward, visit, navigate to, open, back, forward, reload, refresh, close, new tab,
switch, accept, dismiss, cancel, answer, confirm, scroll, wait, type, enter, write, input, put, fill, fill in, fill out, set, change, clear, empty, search, check, tick,
enable, turn on, uncheck, untick, disable, turn off, select, choose, pick, upload, attach, submit, double click, double-click, right click, right-click,
click, press, tap, push, hit, expand, collapse, unfold, toggle, focus, highlight, copy the text, copy the contents, copy the value, paste it, paste the, find, locate, look for, use, hover, move, drag, read, tell me, get, report, note, extract, return, what is, what's, expect, verify, ensure, assert, make sure, see""".replace(
    "\n", " "
).split(", ")
"""What a clause can begin with."""
_STARTS = "|".join(sorted((re.escape(verb.strip()).replace(r"\ ", "[ -]?") for verb in VERBS), key=len, reverse=True))
_STRONG = re.compile(
    rf"\s*(?:[\n;]|(?<=\s)\d+[.)]\s+(?={POLITE}(?:{_STARTS})\b)|(?<=[^\d\s])\.(?=\s|$)|(?:,\s*)?(?:\band\s+)?\b(?:then|after that|afterwards|finally)\b,?|→)\s*",
    re.I,
)
_WEAK = re.compile(rf"\s*(?:,\s*(?:and\s+)?|\s+and\s+)(?={POLITE}(?:{_STARTS})\b)", re.I)
_LEADING = re.compile(rf",\s*(?:and\s+)?(?=(?:for|in|on|under|from) [^,;\n]+,\s*{POLITE}(?:{_STARTS})\b)", re.I)
"""Before a place that is said first: "..., for the red kettle, click Add"."""
_PAGE = re.compile(
    rf"\s*(?:,\s*(?:and\s+)?|\s+and\s+)(?={POLITE}(?:{PAGE})\s+(?:(?:the|an?|my|your|his|her|their|its?|them|this|that|all|both|each|me)\b|[{HOLE}@#\d]))",
    re.I,
)
"""Before a verb of the page's own: a button may be called "Save and continue", so it counts with an object only."""
_ENDING = re.compile(rf"(?P<first>.+?)\s*(?:,|,?\s+and)\s+(?P<last>{POLITE}{LAST})$", re.I | re.S)
_LISTS = re.compile(
    rf"{POLITE}(?:type|enter|write|input|put|fill|set|change|check|tick|enable|turn on|uncheck|untick|disable|turn off|select|choose|pick|upload|attach|log|sign|search)\b",
    re.I,
)
"""Verbs that take several things with commas between them."""
_BULLET = re.compile(r"^\s*(?:[-*•]|\(?\d+[.):])\s+")


def clauses(text: str, variables: Mapping[str, str]) -> list[Clause]:
    """A whole task as clauses; UsageError naming the first that is not understood."""
    if (rows := each_row(text, variables, clauses)) is not None:
        return rows
    held = Held(text, variables)
    spaced = re.sub(r"[^\S\n]+", " ", re.sub(r"\s*\n\s*", "\n", held.text))
    lines = "\n".join(_BULLET.sub("", line) for line in spaced.split("\n"))
    joined = together(re.sub(r"(?<=,)\s*\n\s*|(?<=\band)\s*\n\s*", " ", lines))
    pieces = [
        part.strip(" ,")
        for strong in _STRONG.split(joined)
        for led in _LEADING.split(strong)
        for weak in _WEAK.split(led)
        for part in _PAGE.split(weak)
    ]
    pieces = [part for piece in pieces for part in _ended(piece)]
    pieces = [part for piece in pieces for part in ([piece] if _LISTS.match(piece) else re.split(r",(?=\s|$)", piece))]
    kept = leaning([piece.strip(" ,") for piece in pieces if piece.strip(" ,")])
    found = gathered(kept, lambda piece: _clause(piece.strip(" ,"), held), held)
    if not found:
        raise UsageError("the task is empty: say what to do, for example: click 'Save'")
    return found


def _ended(piece: str) -> list[str]:
    """What is said of fields, and what is done in the end: `type Bob into Name and save`."""
    ending = _ENDING.match(piece) if _LISTS.match(piece) else None
    return [ending["first"], ending["last"]] if ending else [piece]


def _clause(piece: str, held: Held) -> Clause:
    shown = held.back(piece, shown=True)
    said = re.match(POLITE, piece, re.I)
    bare = piece[said.end() if said else 0 :].strip(" ,:!.")
    if said and re.search(r"\b(?:can|could) you\b", said[0], re.I):
        bare = bare.rstrip(" ?")
    bare = plainly(bare)
    for pattern, meaning in LOOKS + DEEDS + FIELDS + PAGE_SHAPES:
        if match := pattern.match(bare):
            try:
                return Clause(shown, tuple(meaning(match, held)))
            except ValueError as error:
                raise UsageError(f"clause {shown!r} is not complete: {error}") from error
    first = (held.back(bare) or shown).split(" ")[0].lower()
    if any(verb.split()[0] == first for verb in VERBS):
        raise UsageError(f"clause {shown!r} is not understood: I know {first!r}, but not with the words after it")
    near = get_close_matches(first, [verb.split()[0] for verb in VERBS], 1, 0.7)
    hint = (
        f"did you mean {near[0]!r}?" if near else "begin with a verb such as click, type, select, check, read or expect"
    )
    raise UsageError(f"clause {shown!r} is not understood: {first!r} is no verb I know; {hint}")
