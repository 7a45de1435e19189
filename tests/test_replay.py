"""Recorded runs are done again by how things looked: twenty steps, moved, restyled and gone things, scripts of runs."""

import json
from pathlib import Path

import numpy as np
import pytest

from deixis.agent.api import Agent, Run
from deixis.agent.finding import Remembered, correlation, find
from deixis.agent.journal import read_journal
from deixis.agent.planner import InstructionPlanner
from deixis.agent.protocols import Pointer
from deixis.agent.record import write_script
from deixis.agent.replay import Recording, RememberingPointer, Replay, ReplayPlanner, told
from deixis.agent.state import Outcome
from deixis.benchmarks.replay_speed import FIELDS, page, places, task
from deixis.browser.types import Point
from tests.fakes import FixedPointer
from tests.test_cli import deixis


def told_places(left: int = 0, top: int = 0, order: list[str] | None = None) -> FixedPointer:
    return FixedPointer(dict(places(left, top, order)))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 20 steps: eight fields, eight buttons, and looks at what came of it."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "page.html").write_text(page())
    episode = Agent(told_places(), run=Run(out=folder / "run")).run_sync(task(), str(folder / "page.html"))
    assert episode.outcome is Outcome.FINISHED and len(episode.steps) == 20, (episode.reason, len(episode.steps))
    return folder


def again(recorded: Path, html: str, fallback: Pointer | None = None) -> tuple[Replay, str | None]:
    (recorded / "page.html").write_text(html)
    planner = ReplayPlanner(Recording(recorded / "run", read_journal(recorded / "run")))

    def model() -> Pointer:
        assert fallback is not None, "a model was asked"
        return fallback

    pointer = RememberingPointer(planner, model)
    out = recorded / f"again-{len(list(recorded.iterdir()))}"
    episode = Agent(pointer, run=Run(out=out, report=False)).run_sync(planner, str(recorded / "page.html"))
    return told(episode, pointer), episode.answer


def test_twenty_steps_without_a_model(recorded: Path) -> None:
    result, answer = again(recorded, page())
    assert (
        result.outcome == "finished" and result.steps == 20 and result.healed == () and answer == "Message: Company 8"
    )
    assert 0 < result.seconds_p50 <= result.seconds_p95 < result.seconds


def test_what_moved_is_found_by_its_looks(recorded: Path) -> None:
    result, answer = again(recorded, page(left=157, top=61))
    assert result.outcome == "finished" and answer == "Message: Company 8", result
    assert {one.how for one in result.healed} == {"moved"} and len(result.healed) >= 16
    assert all((one.after.x - one.before.x, one.after.y - one.before.y) == (157, 61) for one in result.healed)


@pytest.mark.slow
def test_equal_things_are_told_apart_by_what_is_beside_them(recorded: Path) -> None:
    """The same eight buttons in another order: each is pressed for its own row."""
    order = FIELDS[3:] + FIELDS[:3]
    result, answer = again(recorded, page(order=order))
    assert result.outcome == "finished" and answer == "Message: Company 8", result
    pressed = read_journal(recorded / f"again-{len(list(recorded.iterdir())) - 1}")
    messages = [step.planned.target for step in pressed.steps if step.planned.kind == "click"]
    rows = [round((step.performed.target.y - 25) / 50) for step in pressed.steps if step.planned.kind == "click"]  # type: ignore[union-attr]
    assert [f"Keep beside {order[row]}" for row in rows] == messages


@pytest.mark.slow
def test_what_looks_otherwise_is_pointed_at_by_its_words(recorded: Path) -> None:
    html = page(left=40, look="background:#003;color:#fff;border-radius:15px;width:90px;font:bold 12px serif")
    result, answer = again(recorded, html, told_places(left=30))
    assert result.outcome == "finished" and answer == "Message: Company 8", result
    assert {one.how for one in result.healed} >= {"pointed"}


@pytest.mark.slow
def test_what_is_gone_is_said(recorded: Path) -> None:
    result, _ = again(recorded, page(gone="Town"), FixedPointer({}))
    assert result.outcome in {"gave_up", "failed"} and "cannot be done again" in result.reason


def test_the_command_line_replays_and_records(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page())
    script, run = tmp_path / "s.yaml", tmp_path / "run"
    command = [
        "run",
        "type Ada into First name, press Tab",
        "--url",
        str(tmp_path / "page.html"),
        "--out",
        str(run),
        "--record",
        str(script),
    ]
    assert deixis(*command).returncode == 0
    done = deixis("replay", str(run), "--out", str(tmp_path / "again"), "--json")
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert row["outcome"] == "finished" and row["steps"] == 3 and row["healed"] == []
    assert deixis("replay", str(tmp_path / "none")).returncode == 2
    planner = InstructionPlanner.from_script(script)
    assert [op.action.kind for op in planner.todo if op.action] == ["type", "press"] and planner.url


def test_a_recorded_script_does_the_same(recorded: Path) -> None:
    (recorded / "page.html").write_text(page())
    write_script(read_journal(recorded / "run"), recorded / "s.yaml")
    planner = InstructionPlanner.from_script(recorded / "s.yaml")
    episode = Agent(told_places(), run=Run(out=recorded / "script", report=False)).run_sync(
        planner, str(recorded / "page.html")
    )
    assert episode.outcome is Outcome.FINISHED and episode.answer == "Message: Company 8"
    assert [step.planned for step in episode.steps[:-1]] == [
        step.planned for step in read_journal(recorded / "run").steps[:-1]
    ]


def test_correlation_is_that_of_the_definition() -> None:
    rng = np.random.default_rng(1)
    field = rng.uniform(0, 255, (40, 60)).astype(np.float32)
    scores = correlation(field[10:18, 20:33], field)
    assert np.unravel_index(int(scores.argmax()), scores.shape) == (10, 20) and abs(scores.max() - 1) < 1e-3
    one, other = field[10:18, 20:33].ravel(), field[3:11, 7:20].ravel()
    assert abs(scores[3, 7] - np.corrcoef(one, other)[0, 1]) < 1e-3


def test_nothing_is_found_where_nothing_looks_like_it(recorded: Path) -> None:
    step = read_journal(recorded / "run").steps[1]
    png = (recorded / "run" / (step.screenshot or "")).read_bytes()
    from deixis.browser.compare import blank

    old = Remembered(png, 1.0, Point(x=400, y=25), step.hit.box if step.hit else None)
    assert find(old, blank(1280, 720), 1.0) is None and find(old, png, 2.0) is None
