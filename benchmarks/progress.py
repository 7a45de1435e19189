"""How far a long run is: a bar on standard error, and notices. Standard output is for results."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deixis.browser.errors import ServerError

R = TypeVar("R")
IN_A_ROW = 5
"""Questions without an answer after which a run ends."""


class Told:
    """Where people are told things."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)

    def notice(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def shown(
    answers: Iterator[Sequence[R]], total: int, told: Told, good: Callable[[R], bool], word: str = "good"
) -> Iterator[Sequence[R]]:
    """Passes results on, showing how many there are and which share is good."""
    hits = count = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=told.console, disable=not total) as progress:
        task = progress.add_task("asking", total=total)
        for some in answers:
            yield some
            hits, count = hits + sum(map(good, some)), count + len(some)
            if count:
                progress.update(task, advance=len(some), description=f"{hits / count:.1%} {word}")


def answering(answers: Iterator[Sequence[R]], failed: Callable[[R], str]) -> Iterator[Sequence[R]]:
    """Passes answers on; ServerError once so many in a row are none, or when all are none."""
    reasons: list[str] = []
    for some in answers:
        yield some
        reasons += [failed(answer) for answer in some]
        ends = (reasons[at : at + IN_A_ROW] for at in range(len(reasons) - IN_A_ROW + 1))
        if last := next((end[-1] for end in ends if all(end)), ""):
            raise ServerError(f"{IN_A_ROW} questions in a row have no answer, the last: {last}")
        reasons = reasons[-IN_A_ROW:]
    if reasons and len(reasons) < IN_A_ROW and all(reasons):
        raise ServerError(f"none of {len(reasons)} questions has an answer, the last: {reasons[-1]}")
