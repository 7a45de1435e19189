"""Text benchmarks: GSM8K, MMLU and IFEval as questions, and what counts as a right answer.

Files as published, from a folder (the environment's DEIXIS_TEXT_DATA names it), or else through the `datasets` package:
`gsm8k_test.jsonl`; `mmlu/{dev,test}/SUBJECT_{dev,test}.csv` with the columns question, choice0 to choice3 and answer (0-3);
`ifeval_input_data.jsonl`. A part of a task is drawn by a seed and is the same every time. Knows no model.
"""

import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from pydantic import ValidationError

from deixis.benchmarks import ifeval
from deixis.benchmarks.tables import from_hub
from deixis.browser.errors import UsageError
from deixis.browser.types import Frozen

DATA = "DEIXIS_TEXT_DATA"
LETTERS = "ABCD"
TASKS = ("gsm8k", "mmlu", "ifeval")
MOST = {"gsm8k": 320, "mmlu": 16, "ifeval": 640}
"""Tokens of an answer."""
SHOTS = 5
"""Solved examples before a question of MMLU."""


class Question(Frozen):
    """One item."""

    id: str
    task: str
    subject: str
    text: str
    """What is asked, for a model that answers in words."""
    solved: str = ""
    """What stands before the question for a model whose likelihoods can be read: the same for a whole subject."""
    posed: str = ""
    """The question with its choices."""
    gold: str = ""
    instructions: tuple[str, ...] = ()
    arguments: tuple[dict[str, Any], ...] = ()

    @property
    def plain(self) -> str:
        """A text that goes on with the answer's letter."""
        return f"{self.solved}{self.posed}\nAnswer:"

    def worded(self, wording: str) -> "Question":
        """The same question in other words around it."""
        return self.model_copy(update={"text": wording.format(self.text), "posed": wording.format(self.posed)})


class Grade(Frozen):
    """How an answer was."""

    correct: bool
    chosen: str
    """What was taken for the answer."""
    parts: tuple[bool, ...] = ()
    """Of each instruction, strictly."""
    loose: tuple[bool, ...] = ()


def folder() -> Path | None:
    """Where the data lies; None when the environment names no folder. UsageError when it names one that is not there."""
    named = os.environ.get(DATA)
    if named and not Path(named).is_dir():
        raise UsageError(f"{DATA} names {named!r}, which is no folder")
    return Path(named) if named else None


def questions(
    task: str, count: int | None = None, seed: int = 0, data: Path | None = None, solved: bool = True
) -> tuple[list[Question], list[str]]:
    """The questions of a task, or a seeded part of them; and what in the data is broken, named by line.

    solved: whether solved examples stand before MMLU's questions.
    """
    if task not in TASKS:
        raise UsageError(f"--task {task!r} is none of {', '.join(TASKS)}")
    data = data or folder()
    broken: list[str] = []
    found = list({"gsm8k": _gsm8k, "mmlu": _mmlu, "ifeval": _ifeval}[task](data, broken))
    if not found:
        raise UsageError(f"no questions of {task} in {str(data)!r}" + (f": {broken[0]}" if broken else ""))
    if count is not None and count < len(found):
        chosen = sorted(Random(seed).sample(range(len(found)), count))
        found = [found[i] for i in chosen]
    return [question if solved else question.model_copy(update={"solved": ""}) for question in found], broken


def digest(found: Sequence[Question]) -> str:
    """A hash of what is asked."""
    return hashlib.sha256("\n".join(question.model_dump_json() for question in found).encode()).hexdigest()


def _rows(
    data: Path | None, file: str, hub: tuple[str, str, str], broken: list[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of a JSON lines file in the folder, else of the set on the hub."""
    if data is None:
        for number, row in enumerate(_hub(*hub)):
            yield f"row {number}", row
        return
    path = data / file
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{str(path)!r} cannot be read ({error}): {DATA} names the folder") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                broken.append(f"line {number} of {file}: {error}")
                continue
            if not isinstance(row, dict):
                broken.append(f"line {number} of {file}: no object")
                continue
            yield f"line {number} of {file}", row


def _hub(name: str, config: str, split: str) -> Any:
    return from_hub(name, config, split, f"put its files in a folder and name that in {DATA}")


# GSM8K


def _gsm8k(data: Path | None, broken: list[str]) -> Iterator[Question]:
    for number, (where, row) in enumerate(_rows(data, "gsm8k_test.jsonl", ("openai/gsm8k", "main", "test"), broken)):
        gold = number_of(str(row.get("answer", "")).rpartition("####")[2])
        if gold is None or not row.get("question"):
            broken.append(f"{where}: no question, or no number after ####")
            continue
        text = f"{row['question']}\nThink step by step. End with the answer, a number, after ####."
        yield Question(id=f"gsm8k/{number}", task="gsm8k", subject="gsm8k", text=text, gold=gold)


NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?")


def number_of(text: str) -> str | None:
    """The number a text ends with, written the same way whatever its commas, dollars and trailing zeros."""
    found = NUMBER.findall(text)
    if not found:
        return None
    value = float(found[-1].replace(",", "").replace("$", ""))
    return str(int(value)) if value.is_integer() else repr(value)


# MMLU


def _mmlu(data: Path | None, broken: list[str]) -> Iterator[Question]:
    for subject, dev, test in _subjects(data, broken):
        name = subject.replace("_", " ")
        head = f"The following are multiple choice questions (with answers) about {name}.\n\n"
        solved = "".join(f"{_posed(row)}\nAnswer: {LETTERS[int(row['answer'])]}\n\n" for row in dev[:SHOTS])
        for number, row in test:
            text = f"{_posed(row)}\nAnswer with the letter alone: A, B, C or D."
            yield Question(
                id=f"mmlu/{subject}/{number}", task="mmlu", subject=subject, text=text, solved=f"{head}{solved}", posed=_posed(row),
                gold=LETTERS[int(row["answer"])],
            )  # fmt: skip


Rows = list[dict[str, str]]


def _subjects(data: Path | None, broken: list[str]) -> Iterator[tuple[str, Rows, list[tuple[int, dict[str, str]]]]]:
    if data is None:
        yield from _hub_subjects()
        return
    for path in sorted((data / "mmlu" / "test").glob("*_test.csv")):
        subject = path.stem.removesuffix("_test")
        shots = data / "mmlu" / "dev" / f"{subject}_dev.csv"
        dev = [row for _, row in _csv(shots, broken)] if shots.exists() else []
        if not dev:
            broken.append(f"{shots.name} has no solved examples: {subject} is asked without")
        yield subject, dev, _csv(path, broken)


def _csv(path: Path, broken: list[str]) -> list[tuple[int, dict[str, str]]]:
    found = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        broken.append(f"{path.name} cannot be read: {error}")
        return []
    with io.StringIO(text, newline="") as file:
        reader = csv.DictReader(file)
        for number, row in enumerate(reader):
            if row.get("answer") in {"0", "1", "2", "3"} and all(row.get(f"choice{i}") is not None for i in range(4)):
                found.append((number, row))
            else:
                broken.append(
                    f"line {reader.line_num} of {path.name}: four choices and an answer from 0 to 3 are needed"
                )
    return found


def _hub_subjects() -> Iterator[tuple[str, Rows, list[tuple[int, dict[str, str]]]]]:
    def flat(row: dict[str, Any]) -> dict[str, str]:
        return {"question": row["question"], "answer": str(row["answer"])} | {
            f"choice{i}": c for i, c in enumerate(row["choices"])
        }

    sets = {
        split: [(row["subject"], flat(row)) for row in _hub("cais/mmlu", "all", split)] for split in ("dev", "test")
    }
    for subject in sorted({subject for subject, _ in sets["test"]}):
        dev, test = ([row for name, row in sets[split] if name == subject] for split in ("dev", "test"))
        yield subject, dev, list(enumerate(test))


def _posed(row: dict[str, str]) -> str:
    return "\n".join([row["question"], *(f"{letter}. {row[f'choice{i}']}" for i, letter in enumerate(LETTERS))])


def letter_of(text: str) -> str:
    """The letter that an answer names; "" when it names none."""
    found = re.search(r"answer(?: is|:)?\s*\(?([A-D])\b", text, re.IGNORECASE) or re.search(
        r"(?<![\w'])\(?([A-D])(?![\w'])", text
    )
    return found[1].upper() if found else ""


# IFEval


def _ifeval(data: Path | None, broken: list[str]) -> Iterator[Question]:
    seen: set[str] = set()
    for where, row in _rows(data, "ifeval_input_data.jsonl", ("google/IFEval", "", "train"), broken):
        try:
            if str(row["key"]) in seen:
                raise UsageError(f"two prompts have the key {row['key']!r}")
            names, arguments = row["instruction_id_list"], row["kwargs"]
            unknown = [name for name in names if name not in ifeval.CHECKS]
            if unknown or len(names) != len(arguments):
                raise UsageError(
                    f"unknown instructions {unknown}" if unknown else "instructions and arguments do not go together"
                )
            question = Question(
                id=f"ifeval/{row['key']}", task="ifeval", subject=names[0], text=row["prompt"], instructions=tuple(names),
                arguments=tuple({k: v for k, v in given.items() if v is not None} for given in arguments),
            )  # fmt: skip
        except KeyError as error:
            broken.append(f"{where}: no {error}")
            continue
        except (AttributeError, TypeError, ValidationError, UsageError) as error:
            broken.append(f"{where}: {str(error).splitlines()[0]}")
            continue
        seen.add(str(row["key"]))
        yield question


def graded(question: Question, said: str) -> Grade:
    """Whether an answer in words is right."""
    if question.task == "ifeval":
        parts = ifeval.strict(question.instructions, question.arguments, said)
        ease = ifeval.loose(question.instructions, question.arguments, said)
        return Grade(correct=all(parts), chosen="", parts=tuple(parts), loose=tuple(ease))
    if question.task == "gsm8k":
        after = said.rpartition("####")[2] if "####" in said else said
        chosen = number_of(after) or number_of(said) or ""
    else:
        chosen = letter_of(said)
    return Grade(correct=chosen == question.gold, chosen=chosen)
