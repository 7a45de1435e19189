"""Whole tasks with the embedded model on applications nobody here wrote, from screenshots alone."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deixis.agent import Agent, InstructionPlanner, Outcome, Run
from deixis.agent.journal import read_journal
from deixis.benchmarks import django_admin

DATA = Path(__file__).parent / "data"


def test_django_admin_by_script(tmp_path: Path) -> None:
    """The demo's task as YAML through the Python API, checked against Django's database."""
    seen: list[str] = []
    with django_admin.site() as place:
        planner = InstructionPlanner.from_script(DATA / "django_admin.yaml")
        episode = Agent(run=Run(out=tmp_path / "run")).run_sync(
            planner, place.url, on_step=lambda s: seen.append(s.planned.kind)
        )
        assert episode.outcome is Outcome.FINISHED, episode.reason
        assert django_admin.check(place) == []
    acted = [step for step in episode.steps if step.performed is not None and step.changed]
    assert len(acted) >= 12 and len(seen) == len(episode.steps)
    assert all(step.performed and not isinstance(getattr(step.performed, "target", None), str) for step in acted)
    assert read_journal(tmp_path / "run") == episode and (tmp_path / "run" / "report.html").exists()


@pytest.fixture
def pydoc() -> Iterator[str]:
    """Python's own documentation server."""
    command = [sys.executable, "-u", "-m", "pydoc", "-n", "127.0.0.1", "-p", "0"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    url = next(found[0] for line in server.stdout if (found := re.search(r"http://\S+", line)))
    yield url
    server.kill()
    server.wait(10)


def test_pydoc(pydoc: str, tmp_path: Path) -> None:
    """Links of a plain old page, followed by their words."""
    agent = Agent(run=Run(out=tmp_path / "run"))
    episode = agent.run_sync("click Topics, click CLASSES, click Keywords, click 'Module Index'", pydoc)
    assert episode.outcome is Outcome.FINISHED, episode.reason
    titles = [step.title.removeprefix("Pydoc: ") for step in episode.steps]
    assert titles == ["Index of Modules", "Topics", "TOPIC CLASSES", "Keywords", "Index of Modules"]
