"""Conditions, repetitions, retries and rows in the InstructionPlanner: in words and as YAML, on a real page."""

import json
from pathlib import Path

import pytest

from deixis.agent.api import Agent, Run
from deixis.agent.planner import InstructionPlanner
from deixis.agent.state import Episode, Outcome
from deixis.browser.errors import UsageError
from deixis.browser.types import Point
from tests.fakes import FixedPointer

PAGE = """<!doctype html><meta charset=utf-8><body style="margin:0;font:16px sans-serif"><style>*{box-sizing:border-box;margin:0}button,input,p{position:absolute;width:150px;height:30px}table{position:absolute;left:0;top:300px}</style>
<button style="left:0;top:0" onclick="c.textContent=+c.textContent+1; if(+c.textContent==3) d.textContent='Done'">Next</button>
<p id=c style="left:200px;top:0">0</p><p id=d style="left:400px;top:0">going on</p>
<input id=n style="left:0;top:60px"><button style="left:200px;top:60px" onclick="s.textContent+=n.value+';'">Save</button><p id=s style="left:400px;top:60px;width:300px"></p>
<button style="left:0;top:120px" onclick="t=(window.t||0)+1; if(t>2) w.textContent='works'">Shaky</button><p id=w style="left:200px;top:120px">no</p>
<table><tr><th>Item<th>Unit price<tr><td>Tea<td>3,50 €<tr><td>Cake<td>12 €</table></body>"""
POINTER = FixedPointer({
    "Next": Point(x=40, y=15), "the counter": Point(x=205, y=10), "the end": Point(x=420, y=10), "Name": Point(x=50, y=75), "Save": Point(x=250, y=75),
    "the list": Point(x=410, y=70), "Shaky": Point(x=40, y=135), "the result": Point(x=210, y=130), "the table of items": Point(x=20, y=330),
    "the items": Point(x=20, y=330), "the banner": None,
})  # fmt: skip


def run(folder: Path, planner: InstructionPlanner, schema: object = None) -> Episode:
    page = folder / "page.html"
    page.write_text(PAGE)
    return Agent(POINTER, run=Run(out=folder / "run", answer=schema)).run_sync(planner, str(page))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("if the banner is visible, click 'Nowhere', otherwise click Next, then read the counter", "1"),
        ("if the counter says '0' then click Next, read the counter", "1"),
        ("unless the counter says '0', click Next, then read the counter", "0"),
        ("click Next until the end says 'Done', then read the counter", "3"),
        ("click Next twice, read the counter as clicks, read the end as state", '{"clicks": "2", "state": "going on"}'),
        (
            "extract the table of items as items",
            '{"items": [{"Item": "Tea", "Unit price": "3,50 €"}, {"Item": "Cake", "Unit price": "12 €"}]}',
        ),
    ],
)
def test_in_words(text: str, answer: str, tmp_path: Path) -> None:
    episode = run(tmp_path, InstructionPlanner.from_text(text))
    assert episode.outcome is Outcome.FINISHED and episode.answer == answer, episode.reason
    assert {item.status for item in episode.state.plan} <= {"done", "skipped"}


def test_a_form_is_filled_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "people.json").write_text(json.dumps([{"name": "Ada"}, {"name": "Grace"}]))
    (tmp_path / "people.csv").write_text("name\nAlan\n")
    for name, saved in (("people.json", "Ada;Grace;"), ("people.csv", "Alan;")):
        task = f"for each row in {tmp_path / name}: type {{name}} into Name, press Save"
        planner = InstructionPlanner.from_text(task)
        folder = tmp_path / f"run-{name}"
        folder.mkdir()
        episode = run(folder, planner)
        assert episode.outcome is Outcome.FINISHED
        texts = [step.planned.text for step in episode.steps if step.planned.kind == "type"]
        assert "".join(f"{text};" for text in texts) == saved


SCRIPT = """
vars: {limit: "5"}
steps:
  - if: the banner
    then: [click: Nowhere]
    else: [click: Next]
  - repeat: [click: Next]
    until: {what: the end, text: Done}
    times: "{limit}"
  - retry: [click: Shaky, expect: {what: the result, text: works}]
    times: 4
  - for_each: [{n: Ada}, {n: Alan}]
    do: ["type {n} into Name", click: Save]
  - read: {what: the counter, as: clicks}
  - read: {table: the items, as: items}
"""
SCHEMA = {
    "type": "object", "required": ["clicks", "items"], "additionalProperties": False,
    "properties": {"clicks": {"type": "integer"}, "items": {"type": "array", "items": {"type": "object", "properties": {"item": {"type": "string"}, "unit_price": {"type": "number"}}, "required": ["item", "unit_price"]}}},
}  # fmt: skip


def test_as_a_script_with_a_schema(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCRIPT)
    episode = run(tmp_path, InstructionPlanner.from_script(tmp_path / "s.yaml"), SCHEMA)
    assert episode.outcome is Outcome.FINISHED, episode.reason
    assert json.loads(episode.answer or "") == {
        "clicks": 3,
        "items": [{"item": "Tea", "unit_price": 3.5}, {"item": "Cake", "unit_price": 12}],
    }
    assert any(note.startswith("tried again") for note in episode.state.notes)


def test_what_never_comes_true_gives_up(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "steps:\n  - repeat: [click: Next]\n    until: {what: the end, text: Never}\n    times: 2\n"
    )
    episode = run(tmp_path, InstructionPlanner.from_script(tmp_path / "s.yaml"))
    assert episode.outcome is Outcome.GAVE_UP and "2 turns" in episode.reason


def test_an_answer_that_does_not_fit_is_a_failure(tmp_path: Path) -> None:
    episode = run(
        tmp_path,
        InstructionPlanner.from_text("read the end as count"),
        {"type": "object", "properties": {"count": {"type": "integer"}}},
    )
    assert episode.outcome in {Outcome.GAVE_UP, Outcome.FAILED} and "does not fit the schema at count" in episode.reason


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("if the banner is visible", "what is to be done then"),
        ("for each row in none.json: click A", "cannot be read"),
    ],
)
def test_unfinished_sentences_are_named(text: str, wrong: str) -> None:
    with pytest.raises(UsageError, match=wrong):
        InstructionPlanner.from_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "steps: [{if: A, els: [back]}]",
        "steps: [{repeat: [back]}]",
        "steps: [{for_each: 3, do: [back]}]",
        "steps: [{if: A}]",
    ],
)
def test_unfinished_blocks_are_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(UsageError, match="step 1"):
        InstructionPlanner.from_script(tmp_path / "s.yaml")
