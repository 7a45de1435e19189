"""`deixis bench text`: tasks from files, answers and grades, image modes, paired statistics; no real model is needed.

The tiny random vision-language model checks the plumbing only: what it answers is nonsense, and no figure of it is kept.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from deixis.agent.cli import main
from deixis.benchmarks import text_images, text_run, text_tasks
from deixis.benchmarks.statistics import paired
from deixis.browser.errors import ServerError, UsageError
from deixis.vlm.prompted import SHORT, Completion, Heard, Turn
from tests.tiny_models import molmo_folder


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    for split, count in (("dev", 5), ("test", 6)):
        (folder / "mmlu" / split).mkdir(parents=True)
        rows = "".join(f'"{split} question {n}, is it?",no,yes,maybe,never,{n % 4}\n' for n in range(count))
        (folder / "mmlu" / split / f"high_school_physics_{split}.csv").write_text(
            "question,choice0,choice1,choice2,choice3,answer\n" + rows
        )
    questions = [{"question": f"What is {n} + 1000?", "answer": f"It is <<{n}+1000>>.\n#### 1,00{n}"} for n in range(5)]
    (folder / "gsm8k_test.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in questions)
        + "{half\n"
        + json.dumps({"question": "?", "answer": "none"})
    )
    prompts: list[dict[str, Any]] = [
        {"key": 1, "prompt": "No commas.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]},
        {"key": 2, "prompt": "Two things.", "instruction_id_list": ["punctuation:no_comma", "detectable_content:number_placeholders"], "kwargs": [{}, {"num_placeholders": 1}]},
        {"key": 3, "prompt": "Rhyme.", "instruction_id_list": ["poetry:rhyme"], "kwargs": [{}]},
    ]  # fmt: skip
    (folder / "ifeval_input_data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in prompts))
    monkeypatch.setenv(text_tasks.DATA, str(folder))
    return folder


class Scripted:
    """Says what a function makes of the turn."""

    at_once = 2
    weights_sha256 = "0" * 64

    def __init__(self, say: Any, model: str = "scripted") -> None:
        self.say, self.model = say, model
        self.turns: list[Turn] = []

    def answer(self, turn: Turn, most: int = SHORT, heard: Heard | None = None) -> Completion:
        self.turns.append(turn)
        return Completion(self.say(turn), True, 3)


class Likely(Scripted):
    """Likes the second letter best."""

    sees = False

    def likelihoods_many(
        self, texts: Sequence[str], options: Sequence[str], png: bytes | None = None
    ) -> list[list[float]]:
        self.turns += [Turn(text) for text in texts]
        return [[0.0 if option == " B" else -1.0 for option in options] for _ in texts]


def test_tasks_come_from_files_and_what_is_broken_is_named(data: Path) -> None:
    found, broken = text_tasks.questions("gsm8k")
    assert [question.gold for question in found] == ["1000", "1001", "1002", "1003", "1004"]
    assert broken[0].startswith("line 6 of gsm8k_test.jsonl") and "line 7" in broken[1]
    found, broken = text_tasks.questions("mmlu")
    assert (
        len(found) == 6
        and found[1].gold == "B"
        and found[1].plain.count("Answer:") == 6
        and found[1].plain.endswith("Answer:")
    )
    assert "(with answers) about high school physics" in found[0].plain and "test question 0" not in found[1].plain
    found, broken = text_tasks.questions("ifeval")
    assert [question.id for question in found] == ["ifeval/1", "ifeval/2"] and "poetry:rhyme" in broken[0]


def test_what_is_no_question_is_named_by_line(data: Path) -> None:
    """Lines that are no objects, prompts without their arguments, keys that come twice, tables that are no text."""
    prompt = {"key": 1, "prompt": "No commas.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
    rows = [prompt, [1], prompt, prompt | {"key": 2, "kwargs": ["x"]}, {"key": 3}, prompt | {"key": 4, "prompt": None}]
    (data / "ifeval_input_data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found, broken = text_tasks.questions("ifeval")
    assert [question.id for question in found] == ["ifeval/1"] and len(broken) == 5
    assert (
        all(line.startswith("line ") and "\n" not in line for line in broken)
        and "two prompts have the key 1" in broken[1]
    )
    (data / "gsm8k_test.jsonl").write_text('[1]\n"x"\n' + json.dumps({"question": "1 + 1?", "answer": "#### 2"}))
    assert text_tasks.questions("gsm8k")[1] == [
        "line 1 of gsm8k_test.jsonl: no object",
        "line 2 of gsm8k_test.jsonl: no object",
    ]
    (data / "mmlu" / "test" / "law_test.csv").write_bytes(b"\xff\xfe\x00")
    (data / "mmlu" / "dev" / "high_school_physics_dev.csv").unlink()
    found, broken = text_tasks.questions("mmlu")
    assert len(found) == 6 and not any("Answer: " in question.plain for question in found)
    assert "high_school_physics is asked without" in broken[0] and any(
        "law_test.csv cannot be read" in line for line in broken
    )


def test_a_part_is_the_same_every_time(data: Path) -> None:
    first, second = (text_tasks.questions("mmlu", 3)[0] for _ in range(2))
    assert first == second and len(first) == 3 and text_tasks.digest(first) == text_tasks.digest(second)


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("so 12 and then\n#### $1,234.00", "1234"),
        ("It costs 3.50 dollars", "3.5"),
        ("from 5 to -7", "-7"),
        ("none", None),
    ],
)
def test_numbers(said: str, number: str | None) -> None:
    assert text_tasks.number_of(said) == number


@pytest.mark.parametrize(
    ("said", "letter"),
    [("B", "B"), ("The answer is (c).", "C"), ("A dog? No: D", "A"), ("b", ""), ("Both.", ""), ("**D**", "D")],
)
def test_letters(said: str, letter: str) -> None:
    assert text_tasks.letter_of(said) == letter


def test_likelihoods_are_used_where_there_are_some(data: Path, tmp_path: Path) -> None:
    summary = text_run.bench("mmlu", ["none"], Likely(str), None, tmp_path / "out")["none"]
    assert (summary["n"], summary["rate"]) == (6, pytest.approx(2 / 6)) and summary["set"] == "mmlu, likelihood"
    model = Likely(lambda turn: "B")
    text_run.bench("mmlu", ["none", "blank"], model, None, tmp_path / "both")
    assert {turn.png is None for turn in model.turns} == {True, False}, "with a picture both are asked in words"


def test_a_picture_is_shown_and_what_changes_is_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def say(turn: Turn) -> str:
        n = int(turn.text.split()[2])
        return f"#### {1000 + n}" if turn.png is None or n == 0 else "#### 7"

    model = Scripted(say)
    found = text_run.bench("gsm8k", ["none", "blank", "noise"], model, None, tmp_path / "out")
    assert found["none"]["rate"] == 1 and found["blank"]["rate"] == 0.2
    pair = found["noise"]["against_none"]
    assert pair["only_first"] == 4 and pair["p_items"] == pytest.approx(0.125) and pair["answers_changed"] == 0.8
    assert len({turn.png for turn in model.turns}) == 3
    assert "4 lost and 0 won" in text_run.table(found) and "line 6 of gsm8k" in capsys.readouterr().err
    again = Scripted(say)
    text_run.bench("gsm8k", ["none", "blank"], again, None, tmp_path / "out")
    assert not again.turns, "a second start asks nothing again"


def test_a_page_is_a_screenshot_to_ignore(data: Path, tmp_path: Path) -> None:
    model = Scripted(lambda turn: "a plain answer [x]")
    found = text_run.bench("ifeval", ["page"], model, None, tmp_path / "out")["page"]
    assert all(turn.text.startswith("Ignore the image") and turn.png and len(turn.png) > 4000 for turn in model.turns)
    assert found["prompts_strict"]["rate"] == 1 and found["instructions_strict"]["n"] == 3


def test_four_figures_of_ifeval(data: Path, tmp_path: Path) -> None:
    found = text_run.bench(
        "ifeval", ["none"], Scripted(lambda turn: "Sure, here:\nall well [x]"), None, tmp_path / "out"
    )["none"]
    assert found["prompts_strict"]["rate"] == 0 and found["instructions_strict"]["rate"] == pytest.approx(1 / 3)
    assert found["prompts_loose"]["rate"] == 1 and found["instructions_loose"]["rate"] == 1


def test_a_model_without_an_answer_is_counted_apart_and_asked_again(data: Path, tmp_path: Path) -> None:
    def say(turn: Turn) -> str:
        if "3 +" in turn.text:
            raise ServerError("timed out")
        return "#### 1000"

    found = text_run.bench("gsm8k", ["none"], Scripted(say), None, tmp_path / "out")["none"]
    assert found["n"] == 5 and [row["id"] for row in found["failed"]] == ["gsm8k/3"] and found["cut_off"] == 0
    assert "counted as wrong: gsm8k/3: ServerError: timed out" in text_run.table({"none": found})
    again = Scripted(lambda turn: "#### 1003")
    found = text_run.bench("gsm8k", ["none"], again, None, tmp_path / "out")["none"]
    assert len(again.turns) == 1 and found["failed"] == [] and found["rate"] == 0.4


def test_a_model_that_never_answers_ends_the_run(data: Path, tmp_path: Path) -> None:
    def say(turn: Turn) -> str:
        raise ServerError("timed out")

    model = Scripted(say)
    with pytest.raises(ServerError, match="5 questions in a row have no answer, the last: ServerError: timed out"):
        text_run.bench("gsm8k", ["none"], model, None, tmp_path / "out")
    with pytest.raises(ServerError, match="none of 2 questions has an answer"):
        text_run.bench("ifeval", ["none"], model, None, tmp_path / "two")
    assert not (tmp_path / "two" / "none" / "summary.json").exists()


def test_a_search_is_judged_on_what_it_was_not_chosen_by(data: Path, tmp_path: Path) -> None:
    """A model that only the third picture upsets, on every question; and a re-wording, on none."""
    upset = text_images.candidate(2)

    def say(turn: Turn) -> str:
        return "#### 7" if turn.png == upset else "#### 1000"

    found = text_run.bench("gsm8k", ["search"], Scripted(say), None, tmp_path / "out", text_run.How(4))["search"]
    assert found["image"]["most_flipping"] == "image2" and found["image"]["on_the_other_half"]["rate"] == 1
    assert found["image"]["flipped_by_some"]["rate"] == 1 and found["words"]["flipped_by_some"]["rate"] == 0
    assert found["image_against_words"]["difference"] == 1 and found["images"] == 4
    assert "image2 flips 100.0%" in text_run.table({"search": found})


def test_a_search_leaves_out_what_has_no_answer(data: Path, tmp_path: Path) -> None:
    """A question that one picture leaves without an answer is no flip, and is asked again."""

    def say(turn: Turn) -> str:
        if turn.png and "3 +" in turn.text:
            raise ServerError("timed out")
        return "#### 1000"

    found = text_run.bench("gsm8k", ["search"], Scripted(say), None, tmp_path / "out", text_run.How(2))["search"]
    assert found["n"] == 4 and found["image"]["flipped_by_some"]["rate"] == 0 and len(found["failed"]) == 1
    assert "not answered in every way: 1" in text_run.table({"search": found})
    again = Scripted(lambda turn: "#### 1000")
    found = text_run.bench("gsm8k", ["search"], again, None, tmp_path / "out", text_run.How(2))["search"]
    assert found["n"] == 5 and len(again.turns) == 2 and found["failed"] == []


def test_a_search_goes_by_likelihood_where_pictures_can_be_shown(data: Path, tmp_path: Path) -> None:
    class Sees(Likely):
        sees = True

    model = Sees(str)
    found = text_run.bench("mmlu", ["search"], model, None, tmp_path / "out", text_run.How(2, solved=False))["search"]
    texts = {turn.text for turn in model.turns}
    assert found["set"] == "mmlu, search, likelihood" and found["rate"] == pytest.approx(2 / 6)
    assert all(text.endswith("\nAnswer:") and "solved" not in text and text.count("Answer:") == 1 for text in texts)
    assert any(text.startswith("Question: test question 0") for text in texts), (
        "re-worded, with the letter still to come"
    )


def test_candidates_are_seeded_and_differ() -> None:
    assert len({text_images.candidate(k) for k in range(12)}) == 12 and text_images.candidate(
        3
    ) == text_images.candidate(3)
    assert paired([True], [True], ["a"]).difference == 0


def test_the_plumbing_with_a_tiny_random_model(data: Path, tmp_path: Path) -> None:
    from deixis.vlm.local import load

    talker = load(str(molmo_folder(tmp_path / "Molmo2-4B"))).talker
    found = text_run.bench("mmlu", ["none", "blank", "search"], talker, 2, tmp_path / "out", text_run.How(2))
    assert (
        found["none"]["n"] == found["blank"]["n"] == 2
        and found["blank"]["against_none"]["n"] == 2
        and found["search"]["images"] == 2
    )


def test_a_text_model_is_shown_no_picture(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def blind(turn: Turn) -> str:
        if turn.png:
            raise UsageError("it cannot be shown a picture")
        return "A"

    monkeypatch.setattr(text_run, "load", lambda model: Scripted(blind))
    for words, code in (
        (["--task", "gsm8k", "--image", "blank"], 2),
        (["--task", "gsm8k"], 0),
        (["--task", "sums"], 2),
        (["--task", "mmlu", "--image", "film"], 2),
    ):
        monkeypatch.setattr(
            sys, "argv", ["deixis", "bench", "text", *words, "--out", str(tmp_path / "out" / words[-1])]
        )
        with pytest.raises(SystemExit) as leave:
            main()
        assert leave.value.code == code, words
    assert "image none: 0.0%" in capsys.readouterr().out


def test_without_data_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(text_tasks.DATA, str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="which is no folder"):
        text_tasks.questions("gsm8k")
    monkeypatch.setenv(text_tasks.DATA, str(tmp_path))
    with pytest.raises(UsageError, match="cannot be read"):
        text_tasks.questions("gsm8k")
