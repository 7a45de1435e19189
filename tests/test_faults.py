"""Whatever breaks, a run ends in time, with the right outcome, and with every step in its journal; then it can go on."""

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from deixis.agent.api import Agent, Run
from deixis.agent.journal import Journal, read_journal
from deixis.agent.loop import Limits
from deixis.agent.planner import InstructionPlanner
from deixis.agent.state import Outcome, TaskState
from deixis.browser.errors import SetupError, UsageError
from tests.faults import FAULTS, POINTER, Case, run, serve
from tests.hostile import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
RUNS = 500
SAMPLE = (1, 2, 4, 8, 13, 17, 31)
"""Seeds of the quick sample: each of another fault."""
seeds = [
    pytest.param(seed, id=f"{seed}-{Case.of(seed).name}", marks=() if seed in SAMPLE else pytest.mark.slow)
    for seed in range(RUNS)
]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    started = serve()
    yield started
    started.end()


@pytest.mark.parametrize("seed", seeds)
async def test_a_run_with_a_fault_ends_well(seed: int, browser: Browser, site: Site, tmp_path: Path) -> None:
    case = Case.of(seed)
    begun = time.monotonic()
    outcome, reason, done, written = await run(case, browser, site, tmp_path / "run")
    assert time.monotonic() - begun < 60, case
    reached = len(done) >= case.at or outcome not in {Outcome.FINISHED}
    assert outcome in FAULTS[case.name].outcomes or (not reached and outcome is Outcome.FINISHED), (
        case,
        outcome,
        reason,
    )
    assert done == written == list(range(len(done))), (case, done, written)
    assert outcome is Outcome.FINISHED or reason
    for line in (tmp_path / "run" / "journal.jsonl").read_text().splitlines():
        json.loads(line)


# signals, anywhere

COMMAND = [sys.executable, "-m", "deixis.agent.cli", "run"]
TASK = "press Tab 9 times, scroll down, scroll up, press Tab 9 times, wait for 'Quarterly zebra statistics' up to 60 s"


@pytest.mark.parametrize("how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
@pytest.mark.parametrize("seed", [0, *[pytest.param(n, marks=pytest.mark.slow) for n in range(1, 6)]])
async def test_a_signal_at_any_point_leaves_a_whole_journal(
    how: signal.Signals, seed: int, site: Site, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    process = subprocess.Popen(
        [*COMMAND, TASK, "--url", site.at("127.0.0.1"), "--out", str(out)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    wanted = random.Random(seed).randint(1, 14)
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        journal = out / "journal.jsonl"
        if journal.exists() and journal.read_text().count("\n") >= wanted:
            break
        await asyncio.sleep(0.02)  # another process's file: there is no event to wait on
    process.send_signal(how)
    _, said = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 130 and "interrupted" in said and "Traceback" not in said, said
    episode = read_journal(out)
    assert episode.outcome is Outcome.INTERRUPTED and [s.index for s in episode.steps] == list(
        range(len(episode.steps))
    )
    assert len(episode.steps) >= wanted - 1 and (out / "report.html").exists()


# two runs in one folder, a full disk


async def test_two_runs_in_one_folder(site: Site, tmp_path: Path) -> None:
    state = TaskState(goal="first")
    with Journal.open(tmp_path / "run") as first:
        first.header(state, url="", model="", weights_sha256="", started="")
        with pytest.raises(UsageError, match="already holds a run"):
            Journal.open(tmp_path / "run")
        with pytest.raises(UsageError, match="another run is writing"):
            Journal.resume(tmp_path / "run")
    with Journal.resume(tmp_path / "run") as second:
        second.resumed(state, started="")
    assert read_journal(tmp_path / "run").state.goal == "first"


async def test_a_full_disk_is_told_as_such(site: Site, tmp_path: Path) -> None:
    with Journal.open(tmp_path / "run") as journal:
        journal.header(TaskState(goal="g"), url="", model="", weights_sha256="", started="")
        journal._handle = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115
        with pytest.raises(SetupError, match=r"No space left on device.*--resume"):
            journal.header(TaskState(goal="g"))
    assert read_journal(tmp_path / "run").outcome is Outcome.INTERRUPTED


# going on

STEPS = "type Ada into Name, press Save, check Box, press Save, read the message"


async def test_a_run_goes_on_from_its_journal(site: Site, tmp_path: Path) -> None:
    """Stopped after each number of steps, resumed, done: every line of the plan once."""
    for stop in (1, 3):
        out = tmp_path / f"run-{stop}"
        first = await Agent(POINTER, run=Run(out=out, limits=Limits(max_steps=stop), report=False)).run(
            STEPS, site.at("127.0.0.1")
        )
        assert first.outcome is Outcome.STEP_LIMIT and len(first.steps) == stop
        with (out / "journal.jsonl").open("a") as journal:
            journal.write('{"kind": "step", "ste')  # and the last line was cut off
        again = await Agent(POINTER, run=Run(out=out, resume=True, report=False)).run(STEPS, site.at("127.0.0.1"))
        assert again.outcome is Outcome.FINISHED, again.reason
        assert [step.planned.kind for step in again.steps] == ["type", "click", "check", "click", "read", "finish"]
        assert read_journal(out).outcome is Outcome.FINISHED and len(read_journal(out).steps) == 6
        assert {item.status for item in again.state.plan} == {"done"}


async def test_what_is_done_or_another_plan_is_not_resumed(site: Site, tmp_path: Path) -> None:
    options = Run(out=tmp_path / "run", report=False)
    await Agent(POINTER, run=options).run("press Tab", site.at("127.0.0.1"))
    with pytest.raises(UsageError, match="is finished"):
        await Agent(POINTER, run=options.model_copy(update={"resume": True})).run("press Tab", site.at("127.0.0.1"))
    with pytest.raises(UsageError, match="no folder of a run"):
        await Agent(POINTER, run=Run(out=tmp_path / "none", resume=True)).run("press Tab", site.at("127.0.0.1"))


async def test_the_command_line_goes_on(site: Site, tmp_path: Path) -> None:
    out = str(tmp_path / "run")
    begin = [
        *COMMAND,
        "press Tab, press Tab, press Tab",
        "--url",
        site.at("127.0.0.1"),
        "--out",
        out,
        "--max-steps",
        "2",
    ]
    first = subprocess.run(begin, capture_output=True, text=True, timeout=100)
    assert first.returncode == 1 and "step_limit" in first.stderr
    then = subprocess.run([*COMMAND, "--resume", "--out", out, "--json"], capture_output=True, text=True, timeout=100)
    assert then.returncode == 0, then.stderr
    assert json.loads(then.stdout)["outcome"] == "finished" and len(json.loads(then.stdout)["steps"]) == 4


async def test_a_plan_with_loops_remembers_where_it_was() -> None:
    planner = InstructionPlanner.from_text("try 3 times: click Save, click Next until 'Done' is visible")
    planner.at, planner.passed[1], planner.named = 2, 4, {"a": "b"}
    planner.program.retries[0][2] = 1
    other = InstructionPlanner.from_text("try 3 times: click Save, click Next until 'Done' is visible")
    other.recall(json.loads(json.dumps(planner.memo())))
    assert (other.at, other.passed[1], other.named, other.program.retries[0][2]) == (2, 4, {"a": "b"}, 1)
    with pytest.raises(UsageError, match="not the plan"):
        InstructionPlanner.from_text("click Save").recall(planner.memo())
