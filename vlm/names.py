"""What a question names: its letters, with fewer and fewer of the words that only ask.

Knows nothing of screens.
"""

import re

from deixis.vlm import questions, spelling

_ASKS = questions.FRAME.union(
    ["locate", "switch", "navigate", "move", "turn", "off", "tick", "untick", "check", "uncheck", "enable", "disable", "put"],
    ["write", "come", "look", "one", "form", "text", "textbox", "input", "btn", "hyperlink", "checkmark", "mark", "radio"],
    ["choice", "menu", "caption", "captioned", "labelled", "labeled", "titled", "marked", "saying", "reading", "something"],
)  # fmt: skip
"""Words before a name that may only ask; each may be of a name as well, so the longest name that is written counts."""
_LEADS = frozenset(["just", "first", "next", "finally", "then", "now", "please", "also", "and", "so", "ok"])
"""Words that only lead up to others which ask ("next, click on"); alone they are names ("Next")."""
_TAILS = frozenset(
    ["please", "now", "here", "field", "fields", "box", "link", "button", "tab", "checkbox", "icon", "menu", "item", "entry"]
    + ["option", "radio", "select", "dropdown", "form", "text", "textbox", "input", "btn", "hyperlink", "list", "choice"]
)  # fmt: skip
"""Words after a name that say what it is the name of."""
_SMALL = frozenset(
    ["the", "a", "an", "to", "on", "in", "at", "of", "for", "with", "into", "is", "it", "that", "my", "your"]
)
"""Words no name is compared with in front."""
_POLITE = re.compile(r"( please| now| here| to continue| on this page|[.,;:!])+$")


def names_of(question: str) -> list[str]:
    """The letters of what a question may name, the longest first; the last is the question without all words that ask.

    What stands in quotes; else the question with fewer and fewer of the words that only ask at its ends.
    """
    quoted = re.search(r"['\"“‘«`]([^'\"”’»`]{2,})['\"”’»`]", question)
    if quoted:
        return [letters_of(quoted[1])]
    lower = question.lower()
    words = _POLITE.sub("", lower).split() or [lower]
    plain = [word.strip(".,;:!?()[]") for word in words]
    starts, ends = [0], [len(words)]
    while starts[-1] < len(words) - 1 and _only_asks(plain, starts[-1]):
        starts.append(starts[-1] + 1)
    while ends[-1] > 1 and plain[ends[-1] - 1] in _TAILS:
        ends.append(ends[-1] - 1)
    starts = [start for start in starts if plain[start] not in _SMALL]
    between = sorted(((end - start, start, end) for start in starts for end in ends if start < end), reverse=True)
    found = dict.fromkeys([letters_of(lower), *(letters_of(" ".join(words[start:end])) for _, start, end in between)])
    last = letters_of(questions.bare(lower))
    return [name for name in found if name and name != last] + ([last] if last else [])


def _only_asks(words: list[str], number: int) -> bool:
    """Whether a word before a name may be no part of it."""
    word = words[number]
    return word in _ASKS or (word in _LEADS and words[number + 1] in _ASKS | _LEADS)


def letters_of(text: str) -> str:
    """All its letters, folded, without spaces and marks."""
    return "".join(bare(word) for word in text.split())


def bare(word: str) -> str:
    """The letters of one word."""
    return "".join(spelling.fold(text) for text in spelling.words_of(word))
