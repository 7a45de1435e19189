"""The command line as people meet it: results on standard output, one sentence and a status for what goes wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from deixis.agent.cli import main
from deixis.agent.journal import read_journal
from deixis.agent.state import Outcome
from deixis.browser import launch

DATA = Path(__file__).parent / "data"
FORM = (DATA / "pages" / "form.html").as_uri()


def deixis(*words: str, timeout: float = 100, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deixis.agent.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=os.environ | (env or {}))


def test_version_and_help() -> None:
    assert deixis("--version").stdout.startswith("deixis 0.")
    assert "run" in deixis("--help").stdout


def test_point_prints_one_line_a_target_in_order(tmp_path: Path) -> None:
    saved = tmp_path / "a.png"
    done = deixis("point", str(DATA / "login.png"), "Password", "Username", "--json", "--save", str(saved))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["target"] for row in rows] == ["Password", "Username"]
    assert set(rows[0]) == {"target", "found", "x", "y", "box", "confidence", "seconds", "model"}
    assert done.returncode == (0 if all(row["found"] for row in rows) else 1)
    assert Image.open(saved).size == Image.open(DATA / "login.png").size


def test_scale_divides_coordinates(tmp_path: Path) -> None:
    image = Image.open(DATA / "login.png")
    twice = tmp_path / "twice.png"
    image.resize((image.width * 2, image.height * 2)).save(twice)
    one, two = (
        json.loads(deixis("point", *words, "--json").stdout)
        for words in ((str(DATA / "login.png"), "Password"), (str(twice), "Password", "--scale", "2"))
    )
    assert one["found"] == two["found"]
    if one["found"]:
        assert abs(one["x"] - two["x"]) <= 24 and abs(one["y"] - two["y"]) <= 24


def test_a_target_that_is_not_there_has_no_point() -> None:
    done = deixis("point", str(DATA / "login.png"), "Quarterly zebra statistics", "--json")
    row = json.loads(done.stdout)
    assert done.returncode == 1 and not row["found"] and row["x"] is row["y"] is row["box"] is None


def test_run_does_a_task_and_leaves_journal_and_report(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = deixis(
        "run", "type Grace into Name, press Save, read the message", "--url", FORM, "--out", str(out), "--json"
    )
    episode = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert episode["outcome"] == "finished" and episode["answer"] == "Message: saved Grace"
    assert {"planned", "performed", "pointing", "changed", "seconds", "error"} <= set(episode["steps"][0])
    assert read_journal(out).outcome is Outcome.FINISHED and (out / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["run", "frobnicate it", "--url", FORM], 2, "not understood"),
        (["run", "type into Name", "--url", FORM], 2, "missing"),
        (["run", "click {what}", "--url", FORM], 2, "--var what=VALUE"),
        (["run", "click A", "--url", FORM, "--var", "a"], 2, "NAME=VALUE"),
        (["run", "click A"], 2, "--url is missing"),
        (["run", "--url", FORM], 2, "either a task"),
        (["run", "click A", "--url", FORM, "--viewport", "wide"], 2, "1280x720"),
        (["run", "click A", "--url", FORM, "--model", "none.safetensors"], 3, "no weights"),
        (["run", "click A", "--url", "http://127.0.0.1:34567/"], 1, "127.0.0.1:34567"),
        (["run", "click A", "--url", FORM, "--viewport", "20001x10"], 2, "20000"),
        (["run", "click A", "--url", FORM, "--viewport", "0x0"], 2, "viewport"),
        (["run", "--script", "none.yaml", "--url", FORM], 2, "cannot be read"),
        (["point", "none.png", "A"], 2, "neither an image"),
        (["point", __file__, "A"], 2, "not an image"),
        (["show", "/nowhere"], 2, "no folder of a run"),
        (["point", str(DATA / "login.png")], 2, "TARGET"),
        (["frobnicate"], 2, "No such command"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_input_gets_a_sentence_and_a_status(words: list[str], status: int, sentence: str, tmp_path: Path) -> None:
    extra = ["--out", str(tmp_path / "run")] if words[0] == "run" else []
    done = deixis(*words, *extra)
    told = " ".join(done.stderr.split())
    assert done.returncode == status and sentence in told and "Traceback" not in told, done.stderr


def test_images_of_no_or_giant_size_are_refused(tmp_path: Path) -> None:
    for size in ((1, 1), (20_001, 9)):
        path = tmp_path / f"{size[0]}.png"
        Image.new("RGB", size).save(path)
        done = deixis("point", str(path), "A")
        assert done.returncode == 2 and "pixels" in done.stderr


def test_no_browser_is_status_3(tmp_path: Path) -> None:
    done = deixis(
        "run", "click A", "--url", FORM, "--out", str(tmp_path / "run"), env={"DEIXIS_BROWSER": "/nowhere/chrome"}
    )
    assert done.returncode == 3 and "deixis setup" in " ".join(done.stderr.split())
    assert read_journal(tmp_path / "run").outcome is Outcome.CRASHED


def test_setup_without_the_right_to_install_says_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch, "install", lambda: None)
    monkeypatch.setattr(launch, "is_root", lambda: False)
    monkeypatch.setattr(sys, "argv", ["deixis", "setup"])
    with pytest.raises(SystemExit) as leave:
        main()
    assert leave.value.code == 3
    assert "apt-get install -y chromium" in capsys.readouterr().err or shutil.which("apt-get") is None


def test_models_and_doctor() -> None:
    assert "deixis-nano" in deixis("models").stdout
    done = deixis("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 0 and set(checks) == {"browser", "fonts", "weights", "calibration", "latency"}
    assert "25 of 25 clicks arrived" in checks["calibration"]["detail"]


@pytest.fixture
def running(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A run that waits for something that never comes, past its first step."""
    command = [
        sys.executable,
        "-m",
        "deixis.agent.cli",
        "run",
        "type Grace into Name, wait for 'Quarterly zebra statistics' up to 300 s",
        "--url",
        FORM,
        "--out",
        str(tmp_path / "run"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        journal = tmp_path / "run" / "journal.jsonl"
        if journal.exists() and journal.read_text().count("\n") >= 2:
            break
        time.sleep(0.1)  # another process's file: there is no event to wait on
    yield process
    process.kill()


def test_ctrl_c_keeps_journal_and_report(running: "subprocess.Popen[str]", tmp_path: Path) -> None:
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 130 and "interrupted" in told
    episode = read_journal(tmp_path / "run")
    assert (
        episode.outcome is Outcome.INTERRUPTED
        and len(episode.steps) >= 1
        and (tmp_path / "run" / "report.html").exists()
    )


def test_a_browser_killed_in_the_middle_is_status_3(running: "subprocess.Popen[str]", tmp_path: Path) -> None:
    _kill_browsers(running.pid)
    _, told = running.communicate(timeout=90)
    assert running.returncode == 3 and "gone" in told and "Traceback" not in told, told
    assert read_journal(tmp_path / "run").outcome is Outcome.CRASHED and (tmp_path / "run" / "report.html").exists()


def _kill_browsers(root: int) -> None:
    """Kills every descendant of a process that is a Chromium."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
    family = {root}
    for _ in range(6):
        family |= {child for child, parent in parents.items() if parent in family}
    for process in family - {root}:
        name = Path(f"/proc/{process}/comm")
        if name.exists() and "chrom" in name.read_text():
            os.kill(process, signal.SIGKILL)
