"""Other ways to say the same: pieces of a task put as the verbs know them, and pieces that lean on the one before.

`close the box by clicking 'x'`, `use the textbox to enter 'Jess'`, `submit when done`; `for @riley, click Like`, `find the
order of Alice and open it`. Works on pieces whose quotes are held back. Knows no screen.
"""

import re

from deixis.agent.quoted import HOLE

GERUNDS = {
    "clicking on": "click",
    "hitting": "hit",
    "dragging": "drag",
    "scrolling": "scroll",
    "hovering": "hover",
    "typing": "type",
    "choosing": "choose",
}
GERUNDS |= {f"{verb}ing": verb for verb in ("click", "press", "tap", "push", "select", "pick", "check", "tick", "uncheck", "enter", "open", "upload")}  # fmt: skip
_BY = re.compile(
    rf"(?!(?:type|enter|write|search|put|fill)\b).+? by (?:simply |first )?(?P<how>{'|'.join(sorted(GERUNDS, key=len, reverse=True))}) (?P<rest>.+)$",
    re.I | re.S,
)
_USE = re.compile(
    r"use (?P<tool>.+?) to (?P<verb>type|enter|write|input|put|select|choose|pick|click|search)\b(?P<rest>.*)$",
    re.I | re.S,
)
_DONE = re.compile(r",? (?:when|once|after|as soon as) (?:you(?:'re| are| have)? )?(?:done|finished|ready)$", re.I)
_WRITES = re.compile(r"(?:type|enter|write|input|put|fill|search)\b", re.I)
_PURPOSE = re.compile(
    r"(?P<act>(?:click|press|tap|hit|push)\b.+?) (?:in order )?to \w+ (?:it|them|this|that)\b.*$", re.I
)
_VERB = r"\b(?:click|press|tap|hit|push|select|choose|pick|open|check|tick|type|enter|read)\b"
_FIND_AND = re.compile(
    rf"(?:(?:scroll|switch|navigate|browse|look|go|expand)\b[^.;\n]*?,? to )?\b(?:find|locate) and (?={_VERB})|\bgo ahead and (?=\w)",
    re.I,
)
_FOR = re.compile(
    r"for (?:the )?(?!(?:each|every|all|any|example|now)\b)(?:user|person|customer|product|item|row|order|article|post|contact|account|entry)? ?(?P<who>.+)$",
    re.I,
)
_FIND = re.compile(
    r"(?:find|locate|look for|scroll (?:down |up )?(?:to|until(?: you (?:see|find))?)) (?P<thing>.+)$", re.I
)
_WHERE = re.compile(
    rf"(?P<way>in|into|inside|within|on|under|from|using) (?P<where>(?:the|my|your|this|that) [^,]+?|(?!(?:the|my|your|this|that)\b)[^,]+?),? (?P<act>{_VERB}|write\b|put\b|search\b)(?P<rest>.*)$",
    re.I | re.S,
)
_LEAD = re.compile(r"(?:in|into|inside|within|on|under|from|using) \S", re.I)
ITEMS = "e-?mail|message|mail|order|row|entry|record|user|person|customer|contact|product|item|article|post|comment|ticket|issue|task|file|document|invoice|booking"
"""What the rows of lists are."""
_ITEM = re.compile(
    rf"(?:the |an? )?(?:\w+ )?(?:{ITEMS})s? (?:by|from|of|for|named|called|titled|with the (?:name|title)) (?P<name>.+)$",
    re.I,
)
_PRESSES = re.compile(r"(?:click|press|tap|hit|push|open|check|tick|read)\b", re.I)
"""Of these "for whom" tells one of several apart; what is chosen or typed for somebody is something else."""
_ACTS = re.compile(rf"(?!type|enter)(?:{_VERB}|uncheck|untick)", re.I)
_IT = re.compile(r"(?P<act>\w+(?: on)?) (?:it|them|that|this(?: one)?|that one)$", re.I)
_THEIR = re.compile(r"(?P<act>\w+(?: on)?) (?:their|its|his|her) (?P<part>.+)$", re.I)


_STAYS = re.compile(
    r"(?:(?<![^,;.\n])|\b(?:and|but|then))\s*(?:please |just )?(?:(?:leave|keep) [^,;.\n]+? (?:as (?:it|they)(?: already)? (?:is|are|was|were)|as is|unchanged|untouched|alone)|(?:don't|do not) (?:change|touch) (?:the|my|your|any) [^,;.\n]+?)\s*(?:$|(?=[,;.\n])|\b(?:and|then)\b)",
    re.I,
)
"""What is not to be done: `leave the supplier as it is`."""


def together(text: str) -> str:
    """A task without what only leads to the next verb, and without what is to be left as it is.

    `scroll down to find and click X`: what is out of sight is looked for anyway.
    """
    return _STAYS.sub(", ", _FIND_AND.sub("", text)).strip(" ,")


def plainly(piece: str) -> str:
    """One piece, polite words gone, as the verbs know it."""
    if HOLE in piece or not _WRITES.match(piece):  # what is typed without quotes stays as it is
        piece = _DONE.sub("", piece)
    if by := _BY.match(piece):
        return f"{GERUNDS[by['how'].lower()]} {by['rest']}"
    if use := _USE.match(piece):
        verb, rest = use["verb"].lower(), use["rest"].strip()
        way = {"select": "from", "choose": "from", "pick": "from", "search": "in"}.get(verb, "into")
        alone = verb == "click" or re.search(rf" {way} ", rest)
        return f"{verb} {rest}" if alone else f"{verb} {rest} {way} {use['tool']}"
    if purpose := _PURPOSE.match(piece):
        return purpose["act"]
    if where := _WHERE.match(piece):
        return _there(where["way"].lower(), where["where"], where["act"].lower(), where["rest"].strip())
    return piece


def _there(way: str, where: str, act: str, rest: str) -> str:
    """`in the From field, enter Berlin` with the place where the verbs look for it."""
    if act in {"type", "enter", "write", "put"}:
        return f"{act} {rest} into {where}"
    if act in {"select", "choose", "pick"}:
        return f"{act} {rest} from {where}"
    return f"{act} {rest}" if way == "using" else f"{act} {rest} {way} {where}"


def leaning(pieces: list[str]) -> list[str]:
    """Pieces with what the next one leans on said in it: of whom the button is, what "it" stands for."""
    said: list[str] = []
    for piece in pieces:
        before = said[-1] if said else ""
        acts = _ACTS.match(piece)
        whose, found = _FOR.match(before), _FIND.match(before)
        if _LEAD.match(before) and re.match(rf"{_VERB}|(?:write|put)\b", piece, re.I):
            said[-1] = f"{before}, {piece}"
        elif whose and _PRESSES.match(piece):
            said[-1] = f"{piece} for {whose['who']}"
        elif acts and found and (one := _referring(piece, found["thing"])):
            said[-1] = one
        else:
            said.append(piece)
    return said


def _referring(piece: str, thing: str) -> str | None:
    """What is done with a thing that was to be found; None when the piece does not speak of it."""
    if it := _IT.match(piece):
        return f"{it['act']} {thing}"
    if their := _THEIR.match(piece):
        who = re.sub(r" (?:in|on|from) (?:the|my|your) .+$", "", thing)
        return f"{their['act']} the {their['part']} for {who}"
    item, act = _ITEM.match(thing), plainly(piece)
    return f"{act} in the row of {item['name']}" if item else None
