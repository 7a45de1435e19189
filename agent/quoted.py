"""Quoted text and the values of `{variables}`, taken out of a task before it is cut up and put back at the end.

So no comma, "and" or "then" inside them can split anything. Knows no verb.
"""

import re
from collections.abc import Mapping

from deixis.browser.errors import UsageError

QUOTES = re.compile(
    r"\"([^\"]*)\"|“([^”]*)”|„([^“”]*)[“”]|«([^»]*)»|(?<!\w)'((?:[^']|'(?=\w))*)'(?!\w)|‘([^’]*)’|`([^`]*)`"
)
HOLE, END = "\ue000", "\ue001"
"""What stands in the text for what was taken out: HOLE, a number, END."""


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
