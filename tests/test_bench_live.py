"""Tasks on the live web: lists in their published layouts, runs on a local site, a scripted judge, budgets."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deixis.agent.cli import main
from deixis.benchmarks import live_run
from deixis.benchmarks.judge import judge, stacked, verdict
from deixis.benchmarks.live import LiveTask, read_list
from deixis.browser.actions import Click, Finish
from deixis.browser.errors import OutputError, UsageError
from deixis.browser.types import Point
from deixis.vlm.remote import Budget, Chat
from tests.fakes import ScriptedPlanner
from tests.servers import Server, said


def voyager(folder: Path, url: str, *goals: str) -> Path:
    path = folder / "list.jsonl"
    rows = [
        {"web_name": "Form", "id": f"Form--{n}", "ques": goal, "web": f"{url}/form.html"}
        for n, goal in enumerate(goals)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_lists_in_their_published_layouts(tmp_path: Path) -> None:
    found = read_list(voyager(tmp_path, "http://a.com", "Find it", "Buy it"))
    assert found.format == "webvoyager" and found.tasks[1] == LiveTask(
        id="Form--1", goal="Buy it", url="http://a.com/form.html", site="Form"
    )
    path = tmp_path / "mind2web.json"
    row = {
        "task_id": "ab12",
        "confirmed_task": "Book it",
        "website": "https://www.b.com/",
        "reference_length": 6,
        "level": "hard",
    }
    path.write_text(json.dumps([row, row, {"task_id": "x"}, 7]))
    found = read_list(path)
    assert found.format == "online-mind2web" and found.tasks == [
        LiveTask(id="ab12", goal="Book it", url="https://www.b.com/", site="www.b.com", level="hard")
    ]
    assert [broken.where for broken in found.broken] == [
        "entry 1",
        "entry 2",
        "entry 3",
    ] and "two tasks" in found.broken[0].reason
    path.write_text(
        json.dumps(
            [{"id": 3, "ques": "Cheapest?", "web": "https://shop.com", "web_name": "Shop", "difficulty": "easy"}]
        )
    )
    assert read_list(path).format == "deepshop" and read_list(path).tasks[0].level == "easy"
    path.write_text("{half\n")
    with pytest.raises(UsageError, match="line 1"):
        read_list(path)


def test_verdicts() -> None:
    assert verdict("It found the price.\nSUCCESS").success
    assert not verdict("Whether this is a SUCCESS: no.\nNOT SUCCESS").success
    with pytest.raises(OutputError, match="no verdict"):
        verdict("I cannot say.")


def test_the_judge_sees_the_last_three_pictures_in_one(serve: Callable[..., Server], tmp_path: Path) -> None:
    pictures = []
    for n in range(5):
        Image.new("RGB", (200, 100), (50 * n, 0, 0)).save(tmp_path / "a.png")
        pictures.append((tmp_path / "a.png").read_bytes())
    server = serve(said("fine\nSUCCESS"))
    url = f"http://127.0.0.1:{server.server_port}/v1"
    assert judge(Chat(url, "judge"), "Find it", ["click 'Save'"], "42", pictures).success
    asked = server.asked[0]["messages"]
    words = json.dumps(asked)
    assert "Find it" in words and "click 'Save'" in words and "42" in words and "never instructions" in words
    (tmp_path / "b.png").write_bytes(stacked(pictures[-3:]) or b"")
    whole = Image.open(tmp_path / "b.png")
    assert (
        whole.size == (200, 324) and whole.getpixel((5, 5)) == (100, 0, 0) and whole.getpixel((5, 300)) == (200, 0, 0)
    )


def test_a_list_is_done_judged_and_resumed(serve: Callable[..., Server], pages_url: str, tmp_path: Path) -> None:
    path = voyager(tmp_path, pages_url, "click Save", "stand on your head", "do it again")
    with path.open("a") as file:
        file.write(
            "{half\n"
            + json.dumps({"web_name": "Gone", "id": "gone", "ques": "look", "web": "http://127.0.0.1:9/"})
            + "\n"
        )

    def planned(task: LiveTask) -> Any:
        if "head" in task.goal:
            raise UsageError("'stand' is no verb I know")
        return ScriptedPlanner(Click(target=Point(x=60, y=200)), Finish(answer="saved"))

    server = serve(said("yes\nSUCCESS"), said("hm"), said("no\nNOT SUCCESS"))
    judged_by = Chat(f"http://127.0.0.1:{server.server_port}/v1", "judge", budget=Budget(requests=10))
    options, out = live_run.Options(max_steps=5, max_seconds=60), tmp_path / "out"
    summary = live_run.bench(path, options, judged_by, None, out, planned)
    assert summary["outcomes"] == {"finished": 2, "not understood": 1, "did not begin": 1}
    assert (summary["n"], summary["rate"]) == (3, pytest.approx(1 / 3)) and [
        row["id"] for row in summary["not_judged"]
    ] == ["Form--2"]
    text = live_run.table(summary)
    assert "not judged, counted apart: Form--2" in text and "line 4" in text
    assert (out / "tasks" / "Form--0" / "report.html").exists()
    summary = live_run.bench(path, options, judged_by, None, out, planned)
    assert (summary["n"], summary["not_judged"]) == (4, []) and len(server.asked) == 3, (
        "only what was not judged is done again"
    )
    assert (out / "tasks" / "Form--2-1").exists()


def test_the_judges_budget_ends_the_run(serve: Callable[..., Server], pages_url: str, tmp_path: Path) -> None:
    path = voyager(tmp_path, pages_url, "one", "two", "three")
    server = serve(said("SUCCESS"))
    judged_by = Chat(f"http://127.0.0.1:{server.server_port}/v1", "judge", budget=Budget(requests=1))
    summary = live_run.bench(
        path, live_run.Options(max_steps=3), judged_by, None, tmp_path / "out", lambda task: ScriptedPlanner()
    )
    assert (summary["n"], summary["left"]) == (1, 2) and "2 tasks are left" in live_run.table(summary)


def test_the_command(
    serve: Callable[..., Server],
    pages_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = voyager(tmp_path, pages_url, "press Save")
    server = serve(said("SUCCESS"))
    words = [
        "deixis",
        "bench",
        "live",
        str(path),
        "--judge",
        f"judge@http://127.0.0.1:{server.server_port}/v1",
        "--max-steps",
        "3",
        "--out",
        str(tmp_path / "out"),
    ]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as leave:
        main()
    assert leave.value.code == 0 and "judged done: 100.0%" in capsys.readouterr().out
