"""IFEval's checkers: for every kind, a response that follows and one that does not; and the whole published file."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from deixis.benchmarks import ifeval
from deixis.browser.errors import UsageError

GERMAN = "Das ist ein ganz gewöhnlicher deutscher Satz über das Wetter von morgen und übermorgen."
ENGLISH = "this is quite an ordinary english sentence about the weather of tomorrow"
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("keywords:existence", {"keywords": ["cat", "dog"]}, "A Cat and a dog.", "A cat."),
    ("keywords:frequency", {"keyword": "cat", "frequency": 2, "relation": "at least"}, "cat CAT", "cat"),
    ("keywords:frequency", {"keyword": "cat", "frequency": 2, "relation": "less than"}, "cat", "cat cat"),
    ("keywords:forbidden_words", {"forbidden_words": ["cat"]}, "category", "The Cat."),
    ("keywords:letter_frequency", {"letter": "E", "let_frequency": 3, "let_relation": "at least"}, "eEe", "ee"),
    ("language:response_language", {"language": "de"}, GERMAN, ENGLISH),
    ("length_constraints:number_sentences", {"num_sentences": 3, "relation": "at least"}, "One. Two! Three?", "One of Mr. Smith. Two at 3.5 kg."),
    ("length_constraints:number_sentences", {"num_sentences": 3, "relation": "less than"}, "One. Two.", "One. Two. Three."),
    ("length_constraints:number_words", {"num_words": 3, "relation": "at least"}, "one two three", "one two"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb", "a\n***\nb\n***\nc"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "***\na\n***\nb\n***", "a\n***\n***\nb"),
    ("length_constraints:nth_paragraph_first_word", {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Weather"}, "a\n\n\"weather, as", "weather\n\nb"),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[name] [address]", "[name]"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Hello\nP. S. bye", "Hello PS bye"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "Hello\nP.P.S bye", "Hello P.S. bye"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n- b", "* a\n* b\n- c"),
    ("detectable_format:constrained_response", {}, "  My answer is maybe.", "maybe"),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* and *b*", "*a* and **"),
    ("detectable_format:multiple_sections", {"section_spliter": "SECTION", "num_sections": 2}, "SECTION 1\na\nSECTION 2\nb", "SECTION 1\na"),
    ("detectable_format:json_format", {}, '```json\n{"a": [1]}\n```', "{a: 1}"),
    ("detectable_format:title", {}, "<<poem of joy>>\nx", "<< >>\nx"),
    ("combination:two_responses", {}, "a\n******\nb", "a\n******\na"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it."}, "say it. It.", "It. Say it."),
    ("startend:end_checker", {"end_phrase": "Any other questions?"}, 'No. any other questions?"', "Any other questions? No."),
    ("startend:quotation", {}, ' "all of it" ', '"half" of it'),
    ("change_case:capital_word_frequency", {"capital_frequency": 2, "capital_relation": "at least"}, "NEW YORK city", "NEW York"),
    ("change_case:english_capital", {}, ENGLISH.upper(), ENGLISH),
    ("change_case:english_lowercase", {}, ENGLISH, ENGLISH.capitalize()),
    ("punctuation:no_comma", {}, "a b", "a, b"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "good", "bad"), CASES)
def test_followed_and_not(name: str, arguments: dict[str, Any], good: str, bad: str) -> None:
    assert ifeval.followed(name, arguments, good)
    assert not ifeval.followed(name, arguments, bad)


def test_all_25_kinds_are_here() -> None:
    assert len(ifeval.CHECKS) == 25 and {case[0] for case in CASES} == set(ifeval.CHECKS)


def test_nothing_is_followed_by_saying_nothing() -> None:
    assert not any(ifeval.followed(name, arguments, " \n") for name, arguments, _, _ in CASES)


def test_loose_forgives_a_preamble_and_markdown() -> None:
    said = "Sure, here it is:\nall is well\nbye, now"
    assert ifeval.strict(["punctuation:no_comma"], [{}], said) == [False]
    assert ifeval.loose(["punctuation:no_comma"], [{}], said) == [True]
    assert ifeval.loose(["startend:quotation"], [{}], '*"quoted"*') == [True]


def test_an_instruction_that_is_not_known() -> None:
    with pytest.raises(UsageError, match="no instruction of IFEval"):
        ifeval.followed("keywords:rhyme", {}, "x")


@pytest.mark.skipif("DEIXIS_TEXT_DATA" not in os.environ, reason="DEIXIS_TEXT_DATA names no folder")
def test_every_prompt_of_the_published_file_can_be_checked() -> None:
    path = Path(os.environ["DEIXIS_TEXT_DATA"]) / "ifeval_input_data.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert {name for row in rows for name in row["instruction_id_list"]} == set(ifeval.CHECKS)
    for row in rows:
        assert len(ifeval.loose(row["instruction_id_list"], row["kwargs"], "A plain answer.\nOf two lines.")) == len(
            row["kwargs"]
        )
