"""The family of errors that deixis raises on purpose; everything else is a bug and propagates.

Three failures stay apart: the page refuses an action (`ActionError`, shown to the planner, the task may go on), the
user asked for something that makes no sense (`UsageError`), and the ground we stand on is missing (`SetupError`). A
fourth is nobody's refusal: a model's words that cannot be read (`OutputError`).
"""


class DeixisError(Exception):
    """Base of all errors with a sentence meant for people; `status` is the exit status of the command line."""

    status = 1


class UsageError(DeixisError):
    """Wrong arguments, a clause that is not understood, a file that is no image."""

    status = 2


class SetupError(DeixisError):
    """No browser, no weights, or the browser died: nothing can be done before that is mended."""

    status = 3


class BrowserDied(SetupError):
    """The browser or its page is gone in the middle of the work."""


class PageUnreachable(DeixisError):
    """A URL cannot be opened: refused, not found, or never answering."""


class ActionError(DeixisError):
    """The page refused an action: the planner is told and may try another way."""


class GaveWay(ActionError):
    """What was to be pressed was no longer there when the mouse arrived: nothing has been pressed."""


class OutputError(DeixisError):
    """A model's output cannot be read as a place: never taken for "not on this screen", never for a guessed point."""


class ServerError(SetupError):
    """A model's server cannot be reached, refuses, or keeps failing."""


class BudgetSpent(DeixisError):
    """The requests, tokens or seconds that a model on a server may cost are used up."""


class Blocked(DeixisError):
    """An address, a secret or a risky click that was not allowed: the run ends with the outcome `blocked`."""
