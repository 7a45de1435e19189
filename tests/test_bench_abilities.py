"""Clocks and counting: the published scoring on answers written here, the pictures, a whole run, and dashes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deixis.benchmarks import abilities_run, molmo_scores
from deixis.benchmarks.clock_faces import STYLES, draw, face
from deixis.benchmarks.counting_scenes import scene
from deixis.browser.errors import ServerError
from deixis.browser.types import Point, Screenshot
from deixis.vlm.families import family_of
from tests.fakes import FixedPointer


@pytest.mark.parametrize(
    ("said", "hour", "minute", "hour_right", "close"),
    [
        ("The time shown is 3:07", 3, 7, True, True),
        ("3:08", 3, 7, True, True),
        ("3:09", 3, 7, True, False),
        ("2:59", 3, 0, False, False),  # one minute off, and yet wrong: the hour must be right
        ("11:59", 12, 0, False, True),  # around twelve it is not
        ("12:00", 11, 59, False, True),
        ("3:59", 3, 0, True, True),  # a minute hand at twelve, read on its other side
        ("15:07", 3, 7, True, True),
        ("0:30", 12, 30, True, True),
        ("12:30 PM", 12, 30, True, True),
        ("3:60", 3, 0, True, True),
        ("half past three", 3, 30, False, False),
        ("", 3, 30, False, False),
        ("at 3: 07 or so", 3, 7, True, True),
    ],
)
def test_clocks_are_scored_as_published(said: str, hour: int, minute: int, hour_right: bool, close: bool) -> None:
    score = molmo_scores.clock(said, hour, minute)
    assert (score.hour, score.close) == (hour_right, close) and score.declined is None


def test_a_picture_without_a_time_is_to_be_declined() -> None:
    assert molmo_scores.clock("The time is not shown", None, None).close
    assert not molmo_scores.clock("3:07", None, None).close


@pytest.mark.parametrize(
    ("said", "count"),
    [("Counting the red stars shows a total of 5.", 5), ("there are seven.", 7), ("None of them", 0), ("a total of 4 stars here", 4), ("many", None), ("", None)],
)  # fmt: skip
def test_counts_are_read_as_published(said: str, count: int | None) -> None:
    assert molmo_scores.count(said) == count


def disc(x: int, y: int) -> molmo_scores.Mask:
    rows, columns = np.mgrid[0:100, 0:100]
    return np.asarray((columns - x) ** 2 + (rows - y) ** 2 <= 100)


def test_points_are_assigned_so_that_distances_are_least() -> None:
    centres, masks = [Point(x=20, y=20), Point(x=60, y=60)], [disc(20, 20), disc(60, 60)]
    both = molmo_scores.pointing([Point(x=61, y=61), Point(x=19, y=21)], centres, masks)
    assert (both.precision, both.recall) == (1, 1) and both.f1 == pytest.approx(1)
    twice = molmo_scores.pointing([Point(x=20, y=20), Point(x=21, y=20)], centres, masks)
    assert (twice.precision, twice.recall) == (0.5, 0.5), "two points on one object are one hit"
    more = molmo_scores.pointing([Point(x=20, y=20), Point(x=60, y=60), Point(x=90, y=5)], centres, masks)
    assert (more.precision, more.recall) == (pytest.approx(2 / 3), 1)
    assert molmo_scores.pointing([Point(x=20, y=20)], centres, masks, readable=False).f1 == 0
    assert molmo_scores.pointing([], centres, masks).f1 == 0
    assert molmo_scores.pointing([Point(x=-40, y=20)], centres[:1], masks[:1]).precision == 0


def test_what_is_not_there_is_to_be_declined() -> None:
    assert molmo_scores.pointing([], [], []).f1 == 1 and molmo_scores.pointing([Point(x=1, y=1)], [], []).f1 == 0


def test_an_answer_must_be_points_from_its_first_to_its_last_letter() -> None:
    assert molmo_scores.valid('<point x="10.5" y="20" alt="dogs">dogs</point>')
    assert molmo_scores.valid('<points x1="1" y1="2" x2="3" y2="4" alt="a">a</points>')
    assert not molmo_scores.valid('Here: <point x="10.5" y="20" alt="dogs">dogs</point>')


def test_clocks_differ_by_style_and_are_the_same_every_time() -> None:
    assert len(STYLES) == len(set(STYLES)) == 45
    faces = [face(n) for n in range(90)]
    assert {one.style for one in faces} == set(STYLES)
    assert faces[7].image.tobytes() == face(7).image.tobytes() != face(7, seed=1).image.tobytes()
    assert 2 <= sum(one.hour is None for one in faces) <= 18
    assert len({one.image.tobytes() for one in faces}) == 90


def test_hands_point_where_they_should() -> None:
    """At three o'clock ink lies to the right of the middle and above it, and nowhere else."""
    from random import Random

    class Still(Random):
        def uniform(self, a: float, b: float) -> float:
            return (a + b) / 2

        def random(self) -> float:
            return 0.9

    with_hands = np.asarray(draw("round strokes paper", 3, 0, Still()).convert("L"), dtype=float)
    without = np.asarray(draw("round strokes paper", None, None, Still()).convert("L"), dtype=float)
    ink, middle = np.abs(with_hands - without) > 40, with_hands.shape[0] // 2
    band = slice(middle - 4, middle + 5)
    assert ink[band, middle + 30 : middle + 60].any() and not ink[band, middle - 60 : middle - 40].any()
    assert ink[middle - 110 : middle - 60, band].any() and not ink[middle + 40 : middle + 110, band].any()


def test_scenes_hold_what_they_say() -> None:
    scenes = [scene(n) for n in range(60)]
    assert {len(one.points) for one in scenes} >= set(range(11)) and scenes[5].image.tobytes() == scene(
        5
    ).image.tobytes()
    for one in scenes[:20]:
        assert all(mask.any() for mask in one.masks)
        assert molmo_scores.pointing(one.points, one.points, one.masks).f1 == pytest.approx(1), one.what
        assert sum(mask.astype(int) for mask in one.masks).max() == 1 if one.masks else True, "shapes do not touch"


class Talker(FixedPointer):
    """Answers from a function of the picture's number, which is counted."""

    def __init__(self, say: Callable[[int], str], family: str = "Molmo-7B-D-0924") -> None:
        super().__init__({})
        self.say, self.family, self.calls = say, family_of(family), 0

    def ask(self, screenshot: Screenshot, question: str, style: str) -> str:
        self.calls += 1
        return self.say(self.calls - 1)


def test_a_run_of_clocks(tmp_path: Path) -> None:
    def right(n: int) -> str:
        return "not shown" if face(n).hour is None else f"{face(n).hour}:{face(n).minute:02d}"

    def say(n: int) -> str:
        if n == 3:
            raise ServerError("timed out")
        return right(n) if n % 2 else "1:2x"

    summary = abilities_run.bench("clocks", None, 12, 0, tmp_path, Talker(say))
    assert (summary["n"], summary["rate"]) == (12, pytest.approx(5 / 12)) and summary["failed"][0]["id"] == "clock/3"
    assert 0 < summary["scores"]["exact"]["mean"] < 1 and "hour right" in abilities_run.table("clocks", summary)
    again = Talker(lambda n: right(3))
    summary = abilities_run.bench("clocks", None, 12, 0, tmp_path, again)
    assert again.calls == 1 and summary["rate"] == 0.5 and summary["failed"] == [], (
        "only what had no answer is asked again"
    )


def test_a_run_of_counting_by_pointing(tmp_path: Path) -> None:
    def say(n: int) -> str:
        points = scene(n).points
        if not points:
            return "There are none."
        places = " ".join(f'x{i}="{100 * p.x / 640:.1f}" y{i}="{100 * p.y / 480:.1f}"' for i, p in enumerate(points, 1))
        return (
            f'<points {places} alt="them">them</points>'
            if len(points) > 1
            else f'<point x="{points[0].x / 6.4:.1f}" y="{points[0].y / 4.8:.1f}" alt="it">it</point>'
        )

    summary = abilities_run.bench("counting", None, 20, 0, tmp_path, Talker(say))
    assert summary["scores"]["f1"]["mean"] > 0.9 and summary["scores"]["f1"]["n"] == 20
    assert summary["rate"] == 1 and "there: 100.0%" in abilities_run.table("counting", summary)


def test_a_model_that_counts_in_words_has_no_figure_for_pointing(tmp_path: Path) -> None:
    summary = abilities_run.bench("counting", None, 4, 0, tmp_path, Talker(lambda n: "3", "Qwen2.5-VL-7B-Instruct"))
    assert "f1" not in summary["scores"] and "pointing: -" in abilities_run.table("counting", summary)


@pytest.mark.parametrize("task", ["clocks", "counting"])
def test_a_model_without_words_has_a_dash(task: str, tmp_path: Path) -> None:
    summary = abilities_run.bench(task, None, 4, 0, tmp_path, FixedPointer({}))
    assert abilities_run.table(task, summary).startswith(f"{task}: -")
    assert (
        json.loads((tmp_path / "summary.json").read_text())["rate"] is None
        and not (tmp_path / "results.jsonl").exists()
    )
