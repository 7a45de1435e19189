"""Words of requests: in how many ways people may ask for something by its name.

Knows nothing of screens.
"""

import re
from random import Random

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
    "navigate to", "use", "activate", "locate", "pick", "show me", "take me to", "look for", "move to", "hover over", "switch to", "follow", "trigger", "launch",
    "bring up", "open up", "get me to", "head to", "pull up", "visit", "left-click", "single click", "see", "view", "get to", "jump to", "give me", "try",
)  # fmt: skip

FIELD_VERBS = (
    "type into", "fill in", "fill", "click", "click on", "focus", "enter text in", "write in", "select", "set", "go to", "type in", "click into",
    "enter something in", "put text into", "edit", "input into", "find", "tap", "fill out", "click inside", "place the cursor in", "put the cursor into", "complete",
    "change", "update", "activate", "start typing in", "supply", "populate", "insert into", "clear", "put something in", "write something into", "tap into",
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
    *("",) * 9, "please ", "please ", "now ", "then ", "next, ", "can you ", "could you ", "I want to ", "I'd like to ", "let's ", "you should ", "try to ", "first ",
    "finally ", "just ", "go ahead and ", "I need to ", "we need to ", "would you ", "help me ", "time to ", "ok, ", "so ", "I have to ", "I'm trying to ", "after that ",
    "make sure to ", "quickly ", "kindly ", "next step: ", "will you ", "let me ", "and ", "once that's done, ",
)  # fmt: skip

TAILS = (
    *("",) * 10, " please", ".", " now", "!", " on this page", " to continue", " here", " for me", ", please", ", thanks", " next", " again", " right away", " if you can", " on the screen", "...",
)  # fmt: skip

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

KIND_WORDS = {
    "price": ("price", "amount", "cost", "price"), "date": ("date", "day"), "email": ("email", "email address", "address"), "percentage": ("percentage", "percent", "value"),
    "time": ("time", "hour"), "number": ("number", "value", "figure", "count"), "text": ("value", "text", "entry", "content", "information"),
}  # fmt: skip


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


def verbs(role: str) -> tuple[str, ...]:
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
    verb, says = rng.choice(verbs(role)), rng.choice(SAYING)
    lead, tail = rng.choice(LEADS), rng.choice(TAILS)
    forms = [
        f"{called} {kind}", f"the {called} {kind}", f"{lead}{verb} {called}{tail}", f"{lead}{verb} {called}{tail}", f"{lead}{verb} the {called} {kind}{tail}",
        f"{lead}{verb} the {called} {kind}{tail}", f"{verb} {called} {kind}", f"the {kind} {says} {called}", f"{lead}{verb} the {kind} {says} {called}{tail}", f"{kind} {called}", f"the {called}",
        f"{called}: {kind}", f"{kind} {says} {called}", f"a {kind} {says} {called}", f"the one {says} {called}", f"{called} ({kind})", f"{lead}{verb} the {called}{tail}", f"where it says {called}",
        f"{lead}{verb} on {called}{tail}", f"this: {called}", f"{name} please", f"the {kind} with {called} on it", f"I need the {called} {kind}", f"where is the {called} {kind}?", f"where is {called}?",
        f"the {kind} that says {called}", f"the thing that says {called}", f"the {kind} for {called}", f"I'm looking for {called}", f"there should be a {called} {kind}", f"{lead}get me {called}",
        f"the {kind} I use for {name}", f"whatever says {called}", f"the {kind} you see with {called}", f"which {kind} is {called}?", f"{called} - {verb} it", f"{verb} it: {called}",
        f"see the {called} {kind}? {verb} it", f"{lead}{verb} the {kind} which says {called}{tail}", f"{kind}: {called}", f"{called} in the {rng.choice(['page', 'form', 'window'])}",
    ]  # fmt: skip
    if role in {"field", "select"}:
        forms += [
            f"where I {rng.choice(['enter', 'type', 'put', 'write', 'fill in', 'can enter', 'choose', 'set'])} {rng.choice(['the', 'my', 'a', 'your', ''])} {name}",
            f"the {rng.choice(['place', 'spot', 'box', 'area'])} for {rng.choice(['the', 'my', 'a', ''])} {name}", f"the {kind} for {name}", f"{name} {kind}", f"the {kind} where {rng.choice(['you', 'I', 'one'])} {rng.choice(['type', 'enter', 'write'])} the {name}",
            f"the {kind} {rng.choice(['under', 'next to', 'after', 'beside', 'below', 'right of', 'to the right of'])} {called}", f"{lead}{rng.choice(['enter', 'type', 'write', 'put', 'set', 'provide', 'fill in'])} {rng.choice(['the', 'my', 'your', 'a'])} {name}{tail}",
            f"empty {kind} for {name}", f"{rng.choice(['my', 'your', 'the'])} {name}", f"the {kind} asking for {rng.choice(['the', 'my', 'a', 'your', ''])} {name}", f"the {kind} that takes the {name}",
        f"{rng.choice(['where', 'here'])} the {name} {rng.choice(['goes', 'is entered', 'has to go', 'belongs', 'should be typed'])}", f"the input labelled {called}", f"{kind} to {rng.choice(['type', 'enter', 'put in', 'set', 'write'])} {rng.choice(['the', 'my', 'a', ''])} {name}",
        f"{lead}{rng.choice(['tell them', 'give', 'state', 'specify'])} {rng.choice(['the', 'my', 'your'])} {name}{tail}", f"the {kind} with {called} {rng.choice(['above', 'before', 'written above', 'in front of'])} it", f"what to {rng.choice(['type', 'enter'])} as {name}",
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


def in_row(called: str, role: str, verb: str, row: str, rng: Random) -> str:
    """Something in the line of a table or list, as people speak of it."""
    forms = (
        f"{called} {row}", f"{called} for {row}", f"{row}'s {called}", f"{row}'s {called} {role}", f"for {row}, {verb} {called}", f"{called} the {row} row",
        f"in {row}'s row, {verb} {called}", f"in the row of {row}, the {called} {role}", f"{called} {row}'s entry", f"the {called} {role} belonging to {row}",
        f"{row}: {called}", f"{row} - {called}", f"where {row} is, {verb} {called}", f"the {called} {role} that goes with {row}", f"{called} (the {row} one)",
        f"on the {row} line, {called}", f"{verb} {called} for the row {row}", f"the {row} {called}",
    )  # fmt: skip
    return rng.choice(forms)


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
