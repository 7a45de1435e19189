"""Planners, pointers and actions of another distribution are found by their entry points."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_cli import FORM

MODULE = """
from deixis.browser.actions import Click, Finish, Own
from deixis.browser.types import Point, Pointing

class Mine:
    name, weights_sha256 = "mine", ""
    def point_many(self, screenshot, targets):
        return [Pointing(target=t, point=Point(x=100, y=190), confidence=0.9, found=True) for t in targets]

class Thinker:
    def __init__(self, goal):
        self.goal, self.todo = goal, [Own(name="shout", data={"what": goal}), Click(target="anything"), Finish(answer="done " + goal)]
    def begin(self, state): pass
    def decide(self, state, screenshot): return self.todo.pop(0)

async def shout(page, data):
    await page.evaluate("(what) => { document.title = what; document.body.append(what) }", data["what"])
"""
POINTS = """[deixis.pointers]
mine = theirs:Mine
[deixis.planners]
thinker = theirs:Thinker
[deixis.actions]
shout = theirs:shout
"""


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which somebody else's distribution is installed."""
    about = tmp_path / "theirs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(POINTS)
    (tmp_path / "theirs.py").write_text(MODULE)
    return os.environ | {"PYTHONPATH": str(tmp_path)}


def run(words: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "deixis.agent.cli", "run", "--url", FORM, "--json", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment)


def test_all_three_kinds(installed: dict[str, str], tmp_path: Path) -> None:
    done = run(["hello", "--planner", "thinker", "--model", "mine", "--out", str(tmp_path / "run")], installed)
    assert done.returncode in {0, 1} and done.stdout, done.stderr
    episode = json.loads(done.stdout)
    assert [step["planned"]["kind"] for step in episode["steps"]] == ["own", "click", "finish"], done.stderr
    assert episode["answer"] == "done hello" and episode["model"] == "mine"
    assert episode["steps"][0]["changed"] and episode["steps"][1]["title"] == "hello"
    script = tmp_path / "s.yaml"
    script.write_text("steps:\n  - own: {name: shout, what: loud}\n  - expect: {what: anything}\n")
    again = run(["--script", str(script), "--model", "mine", "--out", str(tmp_path / "again")], installed)
    assert again.returncode == 0, again.stderr


def test_what_is_not_installed_is_named() -> None:
    done = run(["hello", "--planner", "thinker"], dict(os.environ))
    assert done.returncode == 2 and "deixis.planners" in done.stderr
