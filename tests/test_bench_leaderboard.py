"""Runs side by side: paired statistics, the page that `deixis bench report` writes, opened in a real browser."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Browser

from deixis.agent.cli import main
from deixis.benchmarks import baselines, leaderboard, miniwob_report, runner
from deixis.benchmarks.results import Run
from deixis.benchmarks.statistics import mcnemar, paired
from deixis.browser.errors import UsageError
from deixis.browser.types import Point, Pointing, Screenshot
from tests.fakes import FixedPointer

pytestmark = pytest.mark.asyncio(loop_scope="session")
NAMES = [f"target {n}" for n in range(8)]


async def test_mcnemar_is_the_exact_sign_test() -> None:
    assert mcnemar(0, 0) == 1 and mcnemar(3, 3) == 1
    assert mcnemar(0, 5) == pytest.approx(2 / 32) and mcnemar(1, 7) == pytest.approx(2 * (1 + 8) / 256)


async def test_pages_that_go_together_make_a_difference_less_sure() -> None:
    first, second = [False] * 40, [True] * 30 + [False] * 10
    alone = paired(first, second, [str(n) for n in range(40)])
    together = paired(first, second, [str(n // 10) for n in range(40)])
    assert alone.difference == together.difference == 0.75 and alone.only_second == 30
    assert alone.p_items == together.p_items < 1e-6
    assert alone.p_pages < 0.001 < 0.1 < together.p_pages, "three pages of one mind are no proof"
    assert together.stderr > 2 * alone.stderr and alone.interval[0] > 0.5


async def test_the_same_answers_differ_by_nothing() -> None:
    same = paired([True, False] * 5, [True, False] * 5, list("abcdefghij"))
    assert (same.difference, same.p_items, same.p_pages, same.interval) == (0, 1, 1, (0, 0))


def grounding(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (400, 300), "white").save(folder / "a.png")
    rows = [{"id": n, "image": "a.png", "width": 400, "height": 300, "instruction": n, "box": [20, 30, 100, 60], "kind": "ab"[i % 2], "family": "f", "page": n} for i, n in enumerate(NAMES)]  # fmt: skip
    path = folder / "set.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


class Timed(FixedPointer):
    """A FixedPointer that takes its time."""

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        found = super().point_many(screenshot, targets)
        return [pointing.model_copy(update={"seconds": 0.25}) for pointing in found]


def run(monkeypatch: pytest.MonkeyPatch, path: Path, out: Path, name: str, right: int) -> None:
    pointer = Timed({n: Point(x=50, y=40) if i < right else Point(x=300, y=200) for i, n in enumerate(NAMES)})
    pointer.name = name
    monkeypatch.setattr(baselines, "load", lambda model, threads=None: pointer)
    runner.bench(path, out=out, quiet=True)


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = grounding(tmp_path / "set")
    run(monkeypatch, path, tmp_path / "runs" / "good", "good one", 7)
    run(monkeypatch, path, tmp_path / "runs" / "bad", "bad one", 2)
    return tmp_path / "runs"


async def test_the_page_in_a_browser(two: Path, browser: Browser, tmp_path: Path) -> None:
    page = await browser.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(request.url))
    await page.goto(leaderboard.report([two], tmp_path / "page" / "report.html").as_uri())
    rows = await page.locator("table.ranking tr").all_inner_texts()
    assert len(rows) == 3 and rows[1].split("\t")[:2] == ["good one 00000000", "87.5"], "the best comes first"
    pair = (await page.locator("table.pairs tr").nth(1).inner_text()).split("\t")
    assert pair[:3] == ["good one and bad one", "8", "-62.5"] and pair[4:6] == ["5", "0"] and pair[6] == "0.062"
    assert await page.locator(".plot svg").count() == 1 and "bad one" in await page.content()
    assert await page.locator("h3", has_text="hit by some").count() == 1
    first = page.locator("figure.miss").first.locator(".cell")
    assert [text.split("\n")[0].strip() for text in await first.all_inner_texts()] == ["good one: hit", "bad one: miss"]
    shown = await first.locator(".picture").evaluate_all(
        "(all) => all.map((e) => [getComputedStyle(e).backgroundImage.slice(0, 27), e.getBoundingClientRect().height > 50])"
    )
    assert shown == [['url("data:image/webp;base64', True]] * 2, "both beside each other, on one picture"
    tops = await first.evaluate_all("(all) => all.map((e) => e.getBoundingClientRect().top)")
    assert tops[0] == tops[1] and not faults
    await page.close()


async def test_a_learning_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = grounding(tmp_path / "set")
    for step, right in ((100, 2), (200, 5), (300, 7)):
        run(monkeypatch, path, tmp_path / "runs" / f"step-{step}", "nano", right)
    entries = leaderboard.named(leaderboard.runs(tmp_path / "runs"))
    ((name, points),) = leaderboard.curves_of(entries)
    assert name == "set.jsonl: step" and [number for number, _ in points] == [100, 200, 300]
    text = leaderboard.report([tmp_path / "runs"], tmp_path / "report.html").read_text()
    assert 'id="curves"' in text and "nano (step-300)" in text


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("step-100", ("step", 100)),
        ("200", ("runs", 200)),
        ("a_b_3.5", ("a_b", 3.5)),
        ("named-1280x720", None),
        ("named-390x844@2", None),
        ("nano", None),
    ],
)
async def test_a_size_is_no_place_on_a_curve(name: str, place: tuple[str, float] | None) -> None:
    run = Run(set="s", set_sha256="0", model="m", weights_sha256="")
    assert leaderboard.Entry(Path("runs") / name, run, {}, {}, "m").place == place


async def test_many_sets_have_an_overview(
    two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: Browser
) -> None:
    """Sets of one name are told apart, one run alone has no plot of speed, and items are shown when asked for."""
    other = grounding(tmp_path / "other")
    other.write_text(other.read_text().replace("target 7", "target 9"))
    run(monkeypatch, other, two / "third", "good one", 7)
    page = await browser.new_page()
    await page.goto(leaderboard.report([two], tmp_path / "report.html").as_uri())
    rows = (await page.locator("#all tr").all_inner_texts())[1:]
    assert {row.split("\t")[0] for row in rows} == {"set/set.jsonl", "other/set.jsonl"}
    assert await page.locator(".plot.latency").count() == 1
    assert not await page.locator("figure.miss").first.is_visible()
    await page.locator("summary").first.click()
    assert await page.locator("figure.miss").first.is_visible()
    await page.close()


async def test_a_set_that_changed_has_no_pictures(two: Path, tmp_path: Path) -> None:
    with (tmp_path / "set" / "set.jsonl").open("a") as file:
        file.write("\n")
    text = leaderboard.report([two], tmp_path / "report.html").read_text()
    assert "is not the set any more" in text and "target 3" in text and "data:image/webp" not in text


async def test_runs_of_other_sets_stay_apart(two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = grounding(tmp_path / "other")
    other.write_text(other.read_text().replace("target 7", "target 9"))
    run(monkeypatch, other, two / "third", "good one", 7)
    entries = [entry for entry in leaderboard.runs(two)]
    assert sorted(len(some) for some in leaderboard.by_set(entries)) == [1, 2]


async def test_folders_without_runs(
    tmp_path: Path, two: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no run"):
        leaderboard.report([tmp_path / "empty"], tmp_path / "report.html")
    (two / "bad" / "results.jsonl").write_text("{half")
    monkeypatch.setattr(sys, "argv", ["deixis", "bench", "report", str(two)])
    with pytest.raises(SystemExit) as leave:
        main()
    assert leave.value.code == 2 and "bad" in capsys.readouterr().err


async def test_failed_episodes_are_shown(tmp_path: Path, browser: Browser) -> None:
    rate: dict[str, Any] = {"n": 2, "rate": 0.5, "stderr": 0.3, "interval": (0.1, 0.9)}
    summary = rate | {
        "set": "miniwob browsergym", "model": "scripted", "weights_sha256": "", "tasks": 1, "seconds_p50": 0.1, "seconds_p95": 0.2,
        "solved": rate, "by": {"task": {"click-test": rate}},
    }  # fmt: skip
    row = {
        "task": "click-test",
        "seed": "7",
        "goal": "Click <b>",
        "solved": False,
        "steps": 3,
        "seconds": 1.0,
        "raw": -1.0,
        "error": "gone",
    }
    Image.new("RGB", (16, 16), "red").save(miniwob_report.picture_of(tmp_path / "pictures", "click-test/1"))
    rows = [row | {"id": "click-test/0", "success": True}, row | {"id": "click-test/1", "success": False}]
    page = await browser.new_page()
    await page.goto(miniwob_report.write_report(tmp_path, rows, summary).as_uri())
    figure = page.locator("figure.miss")
    assert (
        await figure.count() == 1 and "Click <b>" in await figure.inner_text() and "gone" in await figure.inner_text()
    )
    assert await figure.locator("img").evaluate("(e) => e.naturalWidth") == 16
    await page.close()
