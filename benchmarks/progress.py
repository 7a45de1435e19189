"""How far a long run is: a bar on standard error, and notices. Standard output is for results."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

R = TypeVar("R")


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
