"""How long a replayed step takes: a run of twenty steps on a form, done again as it was, and with everything moved.

    python -m deixis.benchmarks.replay_speed [--rounds N]

Prints milliseconds of a step without the page's own time, median and 95th percentile, with n. The page and the places of its
things are what the tests of replaying use; nothing here judges how well things are found.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deixis.agent.api import Agent, Run
from deixis.agent.journal import read_journal
from deixis.agent.protocols import Pointer
from deixis.agent.replay import Recording, RememberingPointer, ReplayPlanner
from deixis.agent.state import Episode, Outcome, Step
from deixis.benchmarks.django_admin import spread
from deixis.browser.errors import SetupError
from deixis.browser.types import Point, Pointing, Screenshot

FIELDS = ["First name", "Last name", "Street", "Town", "Country", "Phone", "Mail", "Company"]
STYLE = "<style>*{box-sizing:border-box;margin:0}body{font:16px sans-serif}label,input,button,p{position:absolute;height:30px}label{width:110px}input{width:200px}button{width:110px}</style>"
MOVED = (157, 61)


def page(
    left: int = 0,
    top: int = 0,
    order: list[str] | None = None,
    look: str = "",
    note: str = "Message: none",
    gone: str = "",
) -> str:
    """A form of eight fields with a button beside each; every press is counted in the title."""
    rows = []
    for n, name in enumerate(order or FIELDS):
        if name == gone:
            continue
        y = top + 10 + n * 50
        rows.append(f'<label style="left:{left + 10}px;top:{y}px">{name}</label><input name="{name}" style="left:{left + 130}px;top:{y}px">'
                    f'<button style="left:{left + 350}px;top:{y}px;{look}" onclick="k[\'{name}\']=1;m.textContent=\'Message: {name} \'+Object.keys(k).length">Keep</button>')  # fmt: skip
    return f'<!doctype html><meta charset=utf-8>{STYLE}<script>k={{}}</script>{"".join(rows)}<p id=m style="left:{left + 500}px;top:{top + 10}px">{note}</p>'


def places(left: int = 0, top: int = 0, order: list[str] | None = None) -> dict[str, Point]:
    """Where on the page things are, by the words of the task."""
    found = {"the message": Point(x=left + 560, y=top + 20)}
    for n, name in enumerate(order or FIELDS):
        y = top + 25 + n * 50
        found |= {name: Point(x=left + 200, y=y), f"Keep beside {name}": Point(x=left + 400, y=y)}
    return found


def task() -> str:
    """Twenty steps, the finish included."""
    words = [f"type value {n} into {name}, click 'Keep beside {name}'" for n, name in enumerate(FIELDS)]
    return ", ".join([*words, "press Tab", "read the message", "expect the message to say 'Company 8'"])


class Knowing:
    """A pointer that was told where things are: recording takes no model."""

    name = "told"
    weights_sha256 = ""

    def __init__(self, known: dict[str, Point]) -> None:
        self.known = known

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        return [Pointing(target=target, point=self.known[target], confidence=1.0, found=True) for target in targets]


def _no_model() -> Pointer:
    raise SetupError("something on the page was not found by its looks: this measures nothing then")


def again(recorded: Path, url: str, out: Path) -> Episode:
    """One replay."""
    planner = ReplayPlanner(Recording(recorded, read_journal(recorded)))
    pointer = RememberingPointer(planner, _no_model)
    episode = Agent(pointer, run=Run(out=out, report=False)).run_sync(planner, url)
    if episode.outcome is not Outcome.FINISHED:
        raise SetupError(f"the replay did not finish: {episode.reason}")
    return episode


def figures(steps: list[Step]) -> str:
    """Milliseconds of steps."""
    own = spread([step.timings.total - step.timings.waiting for step in steps])
    parts = ("screenshot", "pointing", "gating", "preparing", "acting", "settling", "waiting", "verifying")
    told = ", ".join(f"{part} {spread([getattr(step.timings, part) for step in steps])}" for part in parts)
    return f"{own} ms, n={len(steps)} ({told})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "page.html"
        path.write_text(page())
        first = Agent(Knowing(places()), run=Run(out=folder / "run", report=False)).run_sync(task(), str(path))
        if first.outcome is not Outcome.FINISHED:
            raise SetupError(f"the run to be recorded did not finish: {first.reason}")
        for what, html in (("as it was", page()), ("moved", page(*MOVED))):
            path.write_text(html)
            done = [again(folder / "run", str(path), folder / f"{what}-{k}") for k in range(args.rounds)]
            print(f"{what}: a step, median (p95), {figures([step for episode in done for step in episode.steps])}")


if __name__ == "__main__":
    main()
