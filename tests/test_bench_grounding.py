"""`deixis bench grounding` on tiny sets drawn here: results, resuming, figures, report, exit status."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from deixis.agent.cli import main
from deixis.benchmarks import baselines, runner, sets
from deixis.benchmarks.report import LEAST, selected, view_of
from deixis.benchmarks.summary import Result
from deixis.browser.errors import ServerError, UsageError
from deixis.browser.types import Point, Pointing, Reading, Screenshot
from tests.fakes import FixedPointer

SAVE = [20, 30, 100, 60]
KEYS = {
    "id", "kind", "family", "page", "instruction", "x", "y", "found", "confidence", "hit", "in_four", "seconds",
}  # fmt: skip


def page(path: Path, scale: int = 1) -> None:
    image = Image.new("RGB", (400 * scale, 300 * scale), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle([v * scale for v in SAVE], fill="#ddd")
    draw.text((40 * scale, 38 * scale), "Save", fill="black", font_size=12 * scale)
    image.save(path)


def line(name: str, **more: Any) -> dict[str, Any]:
    row = {"id": name, "image": "a.png", "width": 400, "height": 300, "instruction": name, "box": SAVE}
    return row | {"kind": "button", "family": "hand", "half": "first"} | more


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    """A set with its pictures."""
    for row in rows:
        page(folder / row["image"], 1 + (row["image"] == "twice.png"))
    path = folder / "set.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def results(out: Path) -> dict[str, dict[str, Any]]:
    rows = [json.loads(text) for text in (out / "results.jsonl").read_text().splitlines()]
    assert len({row["id"] for row in rows}) == len(rows), "an item was asked twice"
    return {row["id"]: row for row in rows}


class SurePointer(FixedPointer):
    """A FixedPointer with a confidence of its own for each target; counts its calls."""

    def __init__(self, answers: dict[str, Any], confidence: dict[str, float] | None = None) -> None:
        super().__init__(answers)
        self.confidence, self.calls = confidence or {}, 0
        self.dtype: str | None = None

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        self.calls += 1
        plain = super().point_many(screenshot, targets)
        return [p.model_copy(update={"confidence": self.confidence.get(p.target, p.confidence)}) for p in plain]


class ReadingPointer(SurePointer):
    def read(self, screenshot: Screenshot, question: str) -> Reading:
        return Reading(text="Total:\n 12 EUR" if question == "the total" else "13 EUR", confidence=0.7)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs a set with a pointer into tmp_path/out; the summary."""

    def run(path: Path, pointer: Any) -> dict[str, Any]:
        monkeypatch.setattr(baselines, "load", lambda model, threads=None, dtype=None: pointer)
        return runner.bench(path, out=tmp_path / "out")

    return run


def test_results_and_summary(tmp_path: Path, bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    in_box, beside = Point(x=60, y=45), Point(x=300, y=200)
    path = written(
        tmp_path,
        line("right"), line("wrong", kind="link"), line("second", kind="link", family="other", image="b.png"),
        line("gone", box=None, image="b.png"), line("ghost", box=None), line("twice", image="twice.png"),
    )  # fmt: skip
    pointer = SurePointer(
        {"right": in_box, "wrong": beside, "second": [beside, in_box], "ghost": in_box, "twice": in_box}
    )
    summary = bench(path, pointer)
    rows = results(tmp_path / "out")
    assert set(rows["right"]) - {"text", "unreadable", "credit", "failed"} == KEYS
    assert (rows["right"]["x"], rows["right"]["y"], rows["right"]["hit"]) == (60, 45, True)
    assert {name for name, row in rows.items() if row["hit"]} == {"right", "gone", "twice"}
    assert {name for name, row in rows.items() if row["in_four"]} == {"right", "second", "gone", "twice"}
    assert (summary["n"], summary["rate"], summary["in_four"]["rate"]) == (6, 0.5, pytest.approx(4 / 6))
    assert {kind: (by["n"], by["rate"]) for kind, by in summary["by"]["kind"].items()} == {
        "button": (4, 0.75), "link": (2, 0.0),
    }  # fmt: skip
    assert summary["by"]["family"]["other"]["n"] == 1 and summary["by"]["family"]["hand"]["stderr"] > 0
    assert summary["model"] == "fixed" and summary["weights_sha256"] == "0" * 64
    assert summary["seconds_1"] is not None and summary["seconds_20"] is not None
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == json.loads(json.dumps(summary))
    told = capsys.readouterr()
    assert "kind link" in told.out and "n=6" in told.out and "report" not in told.out and "report" in told.err


def test_one_call_a_picture(tmp_path: Path) -> None:
    path = written(tmp_path, line("a"), line("b", image="b.png"), line("c"))
    found = sets.read_set(path)
    pointer = SurePointer({})
    work = sets.jobs(found, found.items)
    assert len([runner.answer(job, pointer) for job in work]) == pointer.calls == 2
    assert pointer.asked == ["a", "c", "b"]


def test_the_pointer_sees_css_size_and_the_whole_picture(tmp_path: Path) -> None:
    found = sets.read_set(written(tmp_path, line("a", image="twice.png")))
    shot = sets.screenshot(sets.jobs(found, found.items)[0])
    assert (shot.width, shot.height, shot.scale) == (400, 300, 2)


def test_other_formats_become_png(tmp_path: Path) -> None:
    found = sets.read_set(written(tmp_path, line("a", image="a.jpg")))
    assert sets.screenshot(sets.jobs(found, found.items)[0]).image_size == (400, 300)


def test_absent_figures(tmp_path: Path, bench: Any) -> None:
    """20 present, all hit but p0; 20 absent, a0 of them found. All but the 2 least sure of 40 are answered."""
    rows = [line(f"p{i}", page=f"{i % 5}") for i in range(20)]
    rows += [line(f"a{i}", box=None, page=f"{i % 5}") for i in range(20)]
    confidence = {f"p{i}": 0.5 + i / 100 for i in range(20)} | {f"a{i}": 0.1 + i / 100 for i in range(20)}
    confidence["a0"] = 0.595  # above p0 .. p9, below p10 .. p19
    answers = {f"p{i}": Point(x=60, y=45) for i in range(20)} | {"p0": Point(x=5, y=5), "a0": Point(x=5, y=5)}
    summary = bench(written(tmp_path, *rows), SurePointer(answers, confidence))
    assert summary["rate"] == pytest.approx(38 / 40)
    absent, sure = summary["absent"], summary["confidence"]
    assert absent["auroc"] == pytest.approx(1 - 10 / 400) and absent["auroc_stderr"] > 0
    assert (absent["n"], absent["present"], absent["found"]["rate"]) == (20, 20, 0.05)
    # The two least sure are absent ones: of 38 clicks 18 are on what is not there, and p0 is beside.
    assert (sure["wrong_clicks"]["n"], sure["wrong_clicks"]["rate"]) == (38, pytest.approx(19 / 38))
    landed = {name: name[0] == "p" and name != "p0" for name in confidence}
    order = sorted(confidence, key=lambda name: confidence[name])
    cuts = [order[:3], *(order[3 * k : 3 * k + 3] for k in range(1, 10)), *(order[30 + 2 * k :][:2] for k in range(5))]
    gaps = [abs(sum(confidence[n] - landed[n] for n in part)) for part in cuts]
    assert sure["calibration_error"] == pytest.approx(sum(gaps) / 40)


def test_a_set_without_absent_targets_has_no_such_figures(tmp_path: Path, bench: Any) -> None:
    summary = bench(written(tmp_path, line("a")), SurePointer({"a": Point(x=60, y=45)}))
    assert summary["absent"] is None and summary["confidence"]["wrong_clicks"]["rate"] == 0


def test_a_second_start_asks_only_what_is_left(tmp_path: Path, bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, line("a"), line("b", image="b.png"), line("c", image="c.png"))
    whole = bench(path, SurePointer({"a": Point(x=60, y=45)}))
    kept = tmp_path / "out" / "results.jsonl"
    lines = kept.read_text().splitlines(keepends=True)
    kept.write_text(lines[0] + lines[1][:40])
    pointer = SurePointer({})
    again = bench(path, pointer)
    assert "half written" in capsys.readouterr().err
    assert pointer.asked[:2] == ["b", "c"], "a was done, b was half written"
    assert (again["n"], again["rate"]) == (whole["n"], whole["rate"]) and results(tmp_path / "out").keys() == set("abc")
    idle = SurePointer({})
    third = bench(path, idle)
    assert idle.calls == 0 and third["seconds_20"] == again["seconds_20"]


def test_a_complete_last_line_without_its_end_is_kept(tmp_path: Path, bench: Any) -> None:
    path = written(tmp_path, line("a"), line("b", image="b.png"))
    bench(path, SurePointer({}))
    kept = tmp_path / "out" / "results.jsonl"
    kept.write_text(kept.read_text().splitlines()[0])
    bench(path, SurePointer({}))
    assert results(tmp_path / "out").keys() == set("ab")


def test_results_of_another_model_or_set_are_not_mixed(tmp_path: Path, bench: Any) -> None:
    path = written(tmp_path, line("a"))
    bench(path, SurePointer({}))
    other = SurePointer({})
    other.weights_sha256 = "1" * 64
    with pytest.raises(UsageError, match="another --out"):
        bench(path, other)
    with pytest.raises(UsageError, match="another --out"):
        bench(written(tmp_path, line("a", instruction="b")), SurePointer({}))


def test_a_second_start_runs_in_the_number_format_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bench: Any
) -> None:
    """What is fast may be timed otherwise the next time."""

    def load(model: str | None, threads: int | None = None, dtype: str | None = None) -> SurePointer:
        pointer = SurePointer({})
        pointer.dtype = dtype or fast
        return pointer

    path, fast = written(tmp_path, line("a")), "int8"
    monkeypatch.setattr(baselines, "load", load)
    first = runner.bench(path, out=tmp_path / "out")
    fast = "float32"
    assert runner.bench(path, out=tmp_path / "out")["dtype"] == first["dtype"] == "int8"
    with pytest.raises(UsageError, match="fixed 00000000 int8 on .*, not of fixed 00000000 on"):
        bench(path, SurePointer({}))


def test_what_is_done_survives_an_interrupt(tmp_path: Path, bench: Any) -> None:
    class Stopped(SurePointer):
        def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
            if "b" in targets:
                assert results(tmp_path / "out").keys() == {"a"}, "written at once, not at the end"
                raise KeyboardInterrupt
            return super().point_many(screenshot, targets)

    path = written(tmp_path, line("a"), line("b", image="b.png"))
    with pytest.raises(KeyboardInterrupt):
        bench(path, Stopped({}))
    assert results(tmp_path / "out").keys() == {"a"} and not (tmp_path / "out" / "summary.json").exists()


def test_reading_items(tmp_path: Path, bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    reads = {"kind": "reading", "box": None}
    path = written(
        tmp_path, line("a"), line("1", instruction="the total", text="Total: 12  EUR", **reads),
        line("2", instruction="the tax", text="12 EUR", **reads),
    )  # fmt: skip
    summary = bench(path, ReadingPointer({"a": Point(x=60, y=45)}))
    rows = results(tmp_path / "out")
    assert rows["1"]["hit"] and not rows["2"]["hit"] and rows["2"]["text"] == "13 EUR"
    assert summary["by"]["kind"]["reading"]["rate"] == 0.5 and summary["skipped"] == 0
    assert summary["absent"] is None, "what is read is no absent target, even without a box"
    assert "13 EUR" in (tmp_path / "out" / "report.html").read_text()


def test_reading_items_are_skipped_by_those_who_cannot_read(
    tmp_path: Path, bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, line("a"), line("1", kind="reading", text="Total"))
    summary = bench(path, SurePointer({}))
    assert (summary["n"], summary["skipped"]) == (1, 1) and results(tmp_path / "out").keys() == {"a"}
    assert "1 items to read are skipped" in capsys.readouterr().err


def test_the_report_shows_the_misses(tmp_path: Path, bench: Any) -> None:
    rows = [line("good"), line("<bad> & worse", kind="link"), line("nothing", box=None), line("nowhere")]
    pointer = SurePointer({"good": Point(x=60, y=45), "<bad> & worse": Point(x=310, y=200), "nothing": Point(x=7, y=9)})
    bench(written(tmp_path, *rows), pointer)
    report = (tmp_path / "out" / "report.html").read_text()
    assert "&lt;bad&gt; &amp; worse" in report and "<bad>" not in report
    assert report.count('<figure class="miss"') == 3 and "<p>good</p>" not in report
    assert 'cx="310.0" cy="200.0"' in report and '<rect class="right" x="20.0" y="30.0" width="80.0"' in report
    assert report.count("data:image/webp;base64,") == 3 and "it is not there" in report
    assert "http" not in report.replace("http-equiv", ""), "everything is in the file"


def result(name: str, kind: str, confidence: float, x: float | None = None) -> Result:
    return Result(
        id=name, kind=kind, family="f", page="", instruction=name, x=x, y=x, found=True, confidence=confidence,
        hit=False, in_four=False, seconds=0,
    )  # fmt: skip


def test_few_misses_of_every_kind_are_shown_the_surest_first() -> None:
    missed = [result(f"a{i}", "a", i / 10) for i in range(9)] + [result("b0", "b", 0.1), result("b1", "b", 0.2)]
    assert [r.id for r in selected(missed, 5)] == ["a8", "b1", "a7", "b0", "a6"]


@pytest.mark.parametrize("x", [None, 0, 399])
def test_views_hold_box_and_point_and_stay_on_the_page(x: float | None) -> None:
    item = sets.Item.model_validate(line("a", width=1000, height=800))
    view = view_of(item, result("a", "a", 0, x))
    assert 0 <= view.x0 <= 20 and view.x1 <= 1000 and view.y1 <= 800
    assert view.x1 - view.x0 >= LEAST[0] and view.y1 - view.y0 >= LEAST[1]
    assert x is None or (view.x0 <= x <= view.x1 and view.y0 <= x <= view.y1)


def test_the_embedded_model(tmp_path: Path) -> None:
    from deixis.agent.api import load_pointer

    rows = [line("Save"), line("the Save button", kind="named"), line("Quarterly zebra statistics", box=None)]
    summary = runner.bench(written(tmp_path, *rows), out=tmp_path / "out")
    pointer = load_pointer()
    shot = Screenshot(png=(tmp_path / "a.png").read_bytes(), width=400, height=300)
    expected = pointer.point_many(shot, [row["instruction"] for row in rows])
    kept = results(tmp_path / "out")
    for row, pointing in zip(rows, expected, strict=True):
        assert pointing.point is not None
        assert (kept[row["id"]]["x"], kept[row["id"]]["y"]) == (pointing.point.x, pointing.point.y)
        assert kept[row["id"]]["confidence"] == pytest.approx(pointing.confidence, abs=1e-5)
    assert summary["weights_sha256"] == pointer.weights_sha256 and summary["model"] == pointer.name
    assert summary["seconds_1"] > 0 and summary["seconds_20"] > 0


def deixis(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deixis.agent.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=cwd, env=dict(os.environ))


def test_workers_give_what_one_process_gives(tmp_path: Path) -> None:
    path = written(tmp_path, *(line(f"{i}", image=f"{i % 3}.png") for i in range(7)))
    done = deixis("bench", "grounding", str(path), "--model", "random", "--workers", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("all ") and "n=7" in done.stdout
    there = results(tmp_path / "runs" / "grounding-set-random")
    runner.bench(path, "random", out=tmp_path / "here")
    assert there == results(tmp_path / "here")


def exit_status(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["deixis", "bench", "grounding", *words])
    with pytest.raises(SystemExit) as leave:
        main()
    assert isinstance(leave.value.code, int)
    return leave.value.code


def good(**more: Any) -> str:
    return json.dumps(line("a", **more))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "cannot be read"),
        ("", "holds no items"),
        ("{half", "line 1"),
        (good(box=[1, 2, 3]), "four numbers"),
        (good(box=[9, 2, 3, 4]), "left, top, right, bottom"),
        (good(width=0), "width"),
        (json.dumps({"id": "a"}), "image"),
        (good(box=[500, 2, 600, 4]), "outside the picture of 400x300"),
        (good(image="none.png"), "none.png"),
        (good(image="set.jsonl"), "set.jsonl"),
    ],
)
def test_a_set_that_cannot_be_used_is_status_2(
    text: str | None, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page(tmp_path / "a.png")
    path = tmp_path / "set.jsonl"
    if text is not None:
        path.write_text(text)
    assert exit_status(monkeypatch, str(path), "--model", "centre", "--out", str(tmp_path / "out")) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_what_is_broken_is_named_and_counted_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page(tmp_path / "a.png")
    rows = [
        good(),
        "{half",
        good(id="far", box=[500, 2, 600, 4]),
        good(),
        good(id="lost", image="none.png"),
        good(id="b", box=None),
    ]
    (tmp_path / "set.jsonl").write_text("\n".join(rows))
    assert (
        exit_status(monkeypatch, str(tmp_path / "set.jsonl"), "--model", "centre", "--out", str(tmp_path / "out")) == 0
    )
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["n"] == 2 and [row["where"] for row in summary["broken"]] == ["line 2", "line 3", "line 4", "line 5"]
    reasons = [row["reason"] for row in summary["broken"]]
    assert "outside the picture" in reasons[1] and "the first is line 1" in reasons[2] and "none.png" in reasons[3]
    told = capsys.readouterr()
    assert told.out.count("broken, not asked") == 4 and "line 3" in told.err
    assert "line 4" in (tmp_path / "out" / "report.html").read_text()


def test_a_picture_cut_off_in_the_middle_is_counted_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, line("a"), line("b", image="b.png", box=[190, 140, 210, 160]))
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    assert exit_status(monkeypatch, str(path), "--model", "centre", "--out", str(tmp_path / "out")) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["n"], summary["rate"]) == (2, 0.5) and [row["id"] for row in summary["failed"]] == ["a"]
    assert "a.png" in capsys.readouterr().out and results(tmp_path / "out").keys() == {"b"}


class SlowPointer(SurePointer):
    """Times out on some targets."""

    def __init__(self, *slow: str) -> None:
        super().__init__({"a": Point(x=60, y=45), "b": Point(x=60, y=45)})
        self.slow = set(slow)

    def point_many(self, screenshot: Screenshot, targets: Sequence[str]) -> list[Pointing]:
        found = super().point_many(screenshot, targets)
        if self.slow & set(targets):
            raise TimeoutError("no answer in 120 s")
        return found


def test_a_model_that_times_out_on_some_items(tmp_path: Path, bench: Any) -> None:
    path = written(tmp_path, line("a"), line("b"), line("c", image="c.png"))
    summary = bench(path, SlowPointer("b"))
    assert (summary["n"], summary["rate"]) == (3, pytest.approx(1 / 3))
    assert summary["failed"] == [{"id": "b", "reason": "TimeoutError: no answer in 120 s"}]
    assert results(tmp_path / "out").keys() == {"a", "c"}, "what has no answer is no result"
    again = SlowPointer()
    summary = bench(path, again)
    assert again.asked[0] == "b" and (summary["n"], summary["failed"]) == (3, []), "a second start asks it again"
    assert summary["rate"] == pytest.approx(2 / 3)


def test_a_model_that_is_gone_ends_the_run(tmp_path: Path, bench: Any) -> None:
    rows = [line(name, image=f"{name}.png") for name in "abcdefg"]
    pointer = SlowPointer(*"abcdefg")
    with pytest.raises(ServerError, match="5 pictures in a row"):
        bench(written(tmp_path, *rows), pointer)
    assert pointer.asked == list("abcde")


def test_an_unknown_model_is_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status(monkeypatch, str(written(tmp_path, line("a"))), "--model", "gpt") == 2
    assert "none of nano, ocr" in capsys.readouterr().err


def test_ocr_without_its_packages_is_status_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    assert exit_status(monkeypatch, str(written(tmp_path, line("a"))), "--model", "ocr") == 3
    assert "pip install 'deixis[bench]'" in " ".join(capsys.readouterr().err.split())


def test_a_bad_score_is_status_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, line("a"))
    assert exit_status(monkeypatch, str(path), "--model", "centre", "--out", str(tmp_path / "out")) == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["rate"] == 0


def test_an_interrupt_is_status_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(baselines.CentrePointer, "point_many", interrupted)
    path = written(tmp_path, line("a"))
    assert exit_status(monkeypatch, str(path), "--model", "centre", "--out", str(tmp_path / "out")) == 130
