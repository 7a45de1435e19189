"""The contract of a task in a browser: set it up, act, check; and, wherever possible, a scripted solution.

A solution acts with the project's own actions through its own executor, so that a test which runs it proves that a task
can be done at all, with no model. Knows no benchmark.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from playwright.async_api import Page

from deixis.browser.types import Frozen


class Goal(Frozen):
    """What is asked for."""

    text: str
    fields: dict[str, Any] = {}
    """Parts of the goal by name, where the task tells them."""
    html: str = ""
    """The goal as the page shows it: colours and icons are not in the text."""


class Verdict(Frozen):
    """How far a task is."""

    done: bool
    reward: float
    """From -1 to 1, less the later it comes where the task counts time."""
    raw: float
    """From -1 to 1, whenever it comes."""
    reason: str = ""


class Task(Protocol):
    """One task in a page: the same seed gives the same task again."""

    name: str

    async def start(self, page: Page, seed: str) -> Goal:
        """Opens the task in a page and starts its clock."""
        ...

    async def check(self, page: Page) -> Verdict: ...


Solution = Callable[[Any], Awaitable[None]]
"""Does a task with the hand it is given (`deixis.benchmarks.hand.Hand`)."""
