"""MiniWoB++: the protocols as published, and scripted solutions in a real browser, with our own actions."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from deixis.agent.protocols import Reader
from deixis.benchmarks import miniwob, miniwob_run
from deixis.benchmarks.miniwob import LEFT_OUT, PIX2ACT, RULES
from deixis.benchmarks.miniwob_agents import beneath, closed
from deixis.benchmarks.miniwob_forms import solved
from deixis.benchmarks.miniwob_run import Outcome
from deixis.benchmarks.miniwob_solutions import SOLUTIONS
from deixis.browser.errors import UsageError
from deixis.browser.types import Point, Pointing, Screenshot
from tests.fakes import FixedPointer

SAMPLE = (
    "draw-circle", "click-test", "click-checkboxes", "choose-date", "use-slider", "drag-items", "email-inbox", "enter-time", "count-sides", "click-scroll-list",
    "copy-paste", "hot-cold", "social-media",
)  # fmt: skip


def options(protocol: str = "browsergym", record: Path | None = None) -> miniwob_run.Options:
    return miniwob_run.Options(protocol, "scripted", "text", False, record)


def test_episodes_are_those_of_the_protocols() -> None:
    gym = miniwob.episodes(RULES["browsergym"])
    assert len(gym) == 625 and len({episode.task for episode in gym}) == 125
    assert len({(episode.task, episode.seed) for episode in gym}) == 590  # BrowserGym draws some seeds twice
    assert len({episode.id for episode in gym}) == 625
    assert miniwob.episodes(RULES["browsergym"], ["use-spinner"]) == [e for e in gym if e.task == "use-spinner"]
    pix2act = miniwob.episodes(RULES["pix2act"])
    assert len(PIX2ACT) == 59 and len(pix2act) == 5800 and pix2act[0].seed == "1201539860"
    assert {episode.task for episode in pix2act} == set(PIX2ACT) - {"drag-item"}
    with pytest.raises(UsageError, match="no task 'click-tset'"):
        miniwob.episodes(RULES["native"], ["click-tset"])


def test_the_goal_in_the_picture_is_not_pointed_at() -> None:
    """Nor read from: what is asked for is written in it."""
    seen: list[Image.Image] = []

    class Looking(FixedPointer):
        def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
            seen.append(Image.open(io.BytesIO(screenshot.png)))
            return super().point_many(screenshot, targets)

    file = io.BytesIO()
    Image.new("RGB", (996, 642), "yellow").save(file, "png")
    shot = Screenshot(png=file.getvalue(), width=332, height=214)
    eyes = beneath(Looking({"Save": Point(x=20, y=100)}))
    assert eyes.point_many(shot, ["Save"])[0].point == Point(x=20, y=100)
    corners = {(0, 0): "white", (479, 149): "white", (480, 0): "yellow", (0, 150): "yellow"}
    assert {at: seen[0].getpixel(at) for at in corners} == {
        at: (255, 255, 255 if colour == "white" else 0) for at, colour in corners.items()
    }
    assert isinstance(eyes, Reader) == isinstance(FixedPointer({}), Reader)


def test_every_task_of_browsergym_has_a_solution() -> None:
    assert set(miniwob.tasks()) - set(SOLUTIONS) == set(LEFT_OUT)
    assert set(SOLUTIONS) <= set(miniwob.tasks())


@pytest.mark.parametrize(
    ("problem", "answer"), [("3 x 4 =", 12), ("2 - 9 = ", -7), ("x + 4 = 9", 5), ("x - 4 = 9", 13), ("9 - x = 2", 7)]
)
def test_sums(problem: str, answer: int) -> None:
    assert solved(problem) == answer


def test_a_sample_is_solved_recorded_and_resumed(tmp_path: Path) -> None:
    out, record = tmp_path / "out", tmp_path / "record"
    record.mkdir()
    summary = miniwob_run.bench(options(record=record), SAMPLE, 1, out=out)
    assert summary["n"] == len(SAMPLE) and summary["solved"]["rate"] == 1.0, (out / "results.jsonl").read_text()
    shown = [json.loads(line) for line in (record / "demonstrations.jsonl").read_text().splitlines()]
    assert {row["task"] for row in shown} == set(SAMPLE) and all(row["raw"] > 0 for row in shown)
    click = next(row for row in shown if row["task"] == "click-test")["steps"]
    assert [step["action"]["kind"] for step in click] == ["click"] and (record / click[0]["image"]).exists()
    before = (out / "results.jsonl").read_bytes()
    assert miniwob_run.bench(options(), SAMPLE, 1, out=out)["n"] == len(SAMPLE)
    assert (out / "results.jsonl").read_bytes() == before, "a second start played again"
    with pytest.raises(UsageError, match="holds results of scripted"):
        miniwob_run.bench(options("native"), SAMPLE, 1, out=out)


def test_what_has_no_solution_counts_as_failed(tmp_path: Path) -> None:
    summary = miniwob_run.bench(options(), ["simon-says"], 1, out=tmp_path)
    assert summary["rate"] == 0.0 and summary["errors"] == 1
    assert "no solution" in Outcome.model_validate_json((tmp_path / "results.jsonl").read_text()).error


@pytest.mark.slow
@pytest.mark.timeout(3 * 3600)
@pytest.mark.parametrize(
    ("protocol", "episodes", "always"), [("browsergym", 625, 110), ("native", 625, 110), ("pix2act", 5800, 50)]
)
def test_solutions_do_the_tasks(tmp_path: Path, protocol: str, episodes: int, always: int) -> None:
    """A protocol in full, as its authors play it; `always`: tasks that are done with every seed, at least."""
    summary = miniwob_run.bench(options(protocol), workers=2, out=tmp_path)
    assert summary["n"] == episodes and summary["tasks_always"] >= always, miniwob_run.table(summary)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_workers_play_every_episode_once(tmp_path: Path) -> None:
    names = [
        "click-test",
        "click-button",
        "click-link",
        "click-dialog",
        "focus-text",
        "click-shape",
        "click-tab",
        "click-color",
    ]
    names = [name for name in names if name in PIX2ACT]
    summary = miniwob_run.bench(options("pix2act"), names, 30, 2, tmp_path)
    outcomes = [Outcome.model_validate_json(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert summary["solved"]["rate"] == 1 and summary["episodes_per_second"] > 0
    assert len({(one.task, one.seed) for one in outcomes}) == len(outcomes) == 30 * len(names)


def test_a_sample_of_seeds_over_all_protocols(tmp_path: Path) -> None:
    """Six tasks by a seeded draw, one episode each, the same every time; and one that a window too small would spoil."""
    names = ["click-dialog", *Random(7).sample(sorted(set(SOLUTIONS) & set(PIX2ACT) - {"click-dialog"}), 6)]
    for protocol in RULES:
        summary = miniwob_run.bench(options(protocol), names, 1, out=tmp_path / protocol)
        assert summary["solved"]["n"] == 7 and summary["solved"]["rate"] == 1, miniwob_run.table(summary)
        assert (tmp_path / protocol / "report.html").exists()


@pytest.mark.parametrize(
    ("read", "goal"),
    [
        ("Click on the link \"est'.", 'Click on the link "est".'),
        ("Click on the link \"'mi\"'.", 'Click on the link "mi".'),
        ('It starts with "We\' and ends with "ra"\'.', 'It starts with "We" and ends with "ra".'),
        ("Playing as 'X', close Ada's \"x\"", "Playing as 'X', close Ada's \"x\""),
        ('Type "it\'s" in the box.', 'Type "it\'s" in the box.'),
        ('Select "O\'Neil" and "users\' list".', 'Select "O\'Neil" and "users\' list".'),
        ("Type \"it's' in the box.", 'Type "it\'s" in the box.'),
        ("From \"We' to \"ra'.", 'From "We" to "ra".'),
        ('Type "REX in all lower case letters', 'Type "REX in all lower case letters'),
    ],
)
def test_quotes_that_were_read_by_half_are_closed(read: str, goal: str) -> None:
    assert closed(read) == goal
