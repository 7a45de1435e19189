"""Nothing that was written to a journal is lost."""

import stat
from pathlib import Path

import pytest

from deixis.agent.journal import FILE, Journal, default_folder, read_journal
from deixis.agent.state import Episode, Outcome, PlanItem, Step, TaskState
from deixis.browser.actions import Click, Finish, Read, Type
from deixis.browser.errors import UsageError
from deixis.browser.types import Change, Point, Pointing, Reading


def write(folder: Path, steps: int, end: bool = True) -> Episode:
    state = TaskState(goal="do it", plan=[PlanItem(text="click 'Save'", status="done")], answer="42", notes=["a: 42"])
    with Journal.open(folder) as journal:
        journal.header(
            state, url="http://127.0.0.1/", model="fixed", weights_sha256="ab", started="2026-01-01T00:00:00"
        )
        for index in range(steps):
            pointing = Pointing(target="Save", point=Point(x=1.5, y=2), confidence=0.7, found=True)
            step = Step(
                index=index,
                planned=Click(target="Save"),
                performed=Click(target=Point(x=1.5, y=2)),
                pointing=pointing,
                changed=True,
                change=Change(url=True),
            )
            state.steps.append(journal.step(step, b"picture"))
            assert len(read_journal(folder).steps) == index + 1  # on disk before the next step begins
        episode = Episode(
            task_id=folder.name,
            model="fixed",
            weights_sha256="ab",
            url="http://127.0.0.1/",
            outcome=Outcome.FINISHED,
            state=state,
            seconds=3,
            started="2026-01-01T00:00:00",
        )
        if end:
            journal.end(episode)
    return episode


def test_round_trip(tmp_path: Path) -> None:
    assert write(tmp_path / "run", 3) == read_journal(tmp_path / "run")
    assert (tmp_path / "run" / "step-002.png").read_bytes() == b"picture"


def test_a_missing_end_means_interrupted(tmp_path: Path) -> None:
    write(tmp_path / "run", 2, end=False)
    episode = read_journal(tmp_path / "run")
    assert episode.outcome is Outcome.INTERRUPTED and len(episode.steps) == 2 and episode.state.plan[0].status == "done"
    assert episode.model == "fixed" and episode.url == "http://127.0.0.1/"


@pytest.mark.parametrize("cut", [1, 7, 100])
def test_a_line_cut_in_two_is_passed_over(tmp_path: Path, cut: int) -> None:
    write(tmp_path / "run", 3, end=False)
    file = tmp_path / "run" / FILE
    file.write_bytes(file.read_bytes()[:-cut])
    assert len(read_journal(tmp_path / "run").steps) == (3 if cut == 1 else 2)


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "run", 1)
    with pytest.raises(UsageError, match="already holds a run"):
        Journal.open(tmp_path / "run")


def test_the_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    write(tmp_path / "below" / "run", 0)
    assert stat.S_IMODE((tmp_path / "below" / "run").stat().st_mode) == 0o700


def test_folders_that_hold_no_run_or_a_foreign_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder of a run"):
        read_journal(tmp_path)
    (tmp_path / FILE).write_text('{"kind": "step", "step": {"colour": "red"}}\n')
    with pytest.raises(UsageError, match="another version"):
        read_journal(tmp_path)


@pytest.mark.parametrize("text", ["a\u2028b", "a\x85b", "a\x0c\x1cb", "a\r\nb", "a\x00b", "half \ud83d", "\U0001f600"])
def test_no_character_can_break_a_line(tmp_path: Path, text: str) -> None:
    with Journal.open(tmp_path / "run") as journal:
        journal.header(TaskState(goal=text))
        for index in range(2):
            journal.step(Step(index=index, planned=Type(text=text), title=text), b"")
    assert [(step.title, step.planned) for step in read_journal(tmp_path / "run").steps] == 2 * [
        (text, Type(text=text))
    ]


@pytest.mark.parametrize(
    "line", ['{"kind": "end", "episode": 3, "state": []}', '{"kind": "end"}', '{"kind": "run", "plan": 3}']
)
def test_a_line_of_another_shape_is_a_usage_error(tmp_path: Path, line: str) -> None:
    (tmp_path / FILE).write_text(line + "\n")
    with pytest.raises(UsageError, match="another version"):
        read_journal(tmp_path)


def test_what_was_read_before_the_cut_is_kept(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "run") as journal:
        journal.header(TaskState(goal="read"))
        journal.step(Step(index=0, planned=Read(question="the total"), reading=Reading(text="42")), b"")
    assert read_journal(tmp_path / "run").state.notes == ["the total: 42"]


def test_a_folder_that_cannot_be_written_is_named() -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        Journal.open(Path("/proc/run"))


def test_default_folders_do_not_collide(tmp_path: Path) -> None:
    first = default_folder("Click 'Save' & go!", tmp_path)
    assert first.name.endswith("click-save-go")
    first.mkdir()
    assert default_folder("Click 'Save' & go!", tmp_path) != first


def test_kinds_of_actions_survive(tmp_path: Path) -> None:
    state = TaskState(goal="x")
    with Journal.open(tmp_path / "run") as journal:
        journal.header(state)
        journal.step(Step(index=0, planned=Finish(answer="a")), b"")
    assert read_journal(tmp_path / "run").steps[0].planned == Finish(answer="a")
