"""Requests that say of what kind a thing is and nothing else: "the text field", "click the second checkbox".

Knows nothing of screens.
"""

import re
from functools import lru_cache

from deixis.vlm.counting import counted
from deixis.vlm.phrases import CHECK_VERBS, FIELD_VERBS, LEADS, TAILS, VERBS

ALONE = {
    "field": ("text field", "textbox", "text box", "input field", "input", "field", "text input", "input box", "entry field", "text area", "textarea"),
    "select": ("dropdown", "drop-down", "drop-down list", "dropdown list", "drop-down menu", "dropdown menu", "select box", "combo box", "combobox", "list", "list box", "scroll list", "select"),
    "checkbox": ("checkbox", "check box", "tick box", "tickbox"), "radio": ("radio button", "radio", "radio option"),
    "switch": ("switch", "toggle", "toggle switch"), "button": ("button", "button", "button", "push button"), "link": ("link", "hyperlink"),
    "tab": ("tab",), "slider": ("slider", "range slider", "range"), "file": ("file field", "file upload", "file input", "file picker"),
}  # fmt: skip
"""What a thing of a role is called by somebody who says no more of it."""


def _any(phrases: tuple[str, ...]) -> str:
    """One of these phrases, as a pattern, the longest first."""
    return "|".join(sorted({re.escape(phrase.strip()) for phrase in phrases if phrase.strip()}, key=len, reverse=True))


@lru_cache(maxsize=1)
def _shape() -> re.Pattern[str]:
    verbs = _any((*VERBS, *FIELD_VERBS, *CHECK_VERBS))
    nouns = _any(tuple(noun for kind in ALONE.values() for noun in kind))
    return re.compile(
        rf"(?:(?:{_any(LEADS)}) )?(?:(?:{verbs}) )?(?:the |a |an |this |that )?(?:only |empty )?(?:{nouns})s?(?: ?(?:{_any(TAILS)}))?",
        re.I,
    )


def only_a_kind(question: str) -> bool:
    """Whether a request says nothing of a thing but its kind, and perhaps its number."""
    one = counted(question)
    return _shape().fullmatch(one.rest.strip() if one else question.strip()) is not None
