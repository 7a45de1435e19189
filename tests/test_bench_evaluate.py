"""The table of all validation sets, from results that are known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deixis.benchmarks import baselines, evaluate
from deixis.browser.errors import UsageError
from deixis.browser.types import Point
from tests.fakes import FixedPointer

BOX = [10, 10, 50, 30]


def item(name: str, row: str, **more: Any) -> dict[str, Any]:
    shared = {"id": name, "image": "../a.png", "width": 200, "height": 100, "instruction": name, "box": BOX}
    return shared | {"kind": "link", "family": "f", "page": f"f/{row}/{name[-1]}"} | more


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Two rows, one with an absent target, beside a picture."""
    Image.new("RGB", (200, 100), "white").save(tmp_path / "a.png")
    folder = tmp_path / "report"
    folder.mkdir()
    rows = {
        "named 1280x720": [item("hit 1", "n"), item("miss 2", "n"), item("gone 3", "n", box=None)],
        "people": [item("hit 4", "p"), item("hit 5", "p")],
    }
    for name, items in rows.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in items))
    return folder


def test_every_row_beside_the_baseline(sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, outside = Point(x=20, y=20), Point(x=150, y=90)
    pointers = {
        None: FixedPointer({"hit 1": inside, "miss 2": outside, "hit 4": inside, "hit 5": inside}),
        "ocr": FixedPointer({"hit 1": inside, "miss 2": outside, "hit 4": outside, "hit 5": inside}),
    }
    monkeypatch.setattr(baselines, "load", lambda model, threads=None: pointers[model])
    ours, theirs = evaluate.ask(sets, None, tmp_path / "out"), evaluate.ask(sets, "ocr", tmp_path / "out")
    assert [(part.goal.set, part.rate.n, part.rate.rate) for part in ours] == [
        ("named 1280x720", 2, 0.5),
        ("people", 2, 1),
    ]
    figures = evaluate.confidence(ours)
    assert (figures["absent"], figures["present"], figures["n"]) == (1, 2, 5)
    assert figures["auroc"] == 1.0  # 0.1 for what is gone, 0.9 for the others
    text = evaluate.table(ours, theirs, 0.5)
    assert "pooled, equal weight a row (2): 75.0%, ocr 50.0%, +25.0%" in text
    assert (tmp_path / "out" / "nano" / "people" / "results.jsonl").exists()


def test_memory_is_that_of_a_process_of_its_own(sets: Path) -> None:
    filled = np.ones(1_500_000_000 // 8)
    assert float(filled[-1]) == 1
    assert evaluate.peak_memory(sets, None) < 1.4


def test_nothing_is_timed_where_nothing_is_to_be_pointed_at(sets: Path) -> None:
    (sets / "named 1280x720.jsonl").write_text(json.dumps(item("gone 3", "n", box=None)) + "\n")
    assert evaluate.side_by_side(sets, None) == [] and evaluate.formats(sets, None) == []


def test_no_sets_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no validation sets"):
        evaluate.ask(tmp_path, None, tmp_path / "out")


def test_each_number_format_is_measured(tmp_path: Path) -> None:
    (tmp_path / "login.png").write_bytes((Path(__file__).parent / "data" / "login.png").read_bytes())
    width, height = Image.open(tmp_path / "login.png").size
    row = item("the password field", "n") | {"image": "login.png", "width": width, "height": height}
    (tmp_path / "named 1280x720.jsonl").write_text(json.dumps(row) + "\n")
    lines = evaluate.formats(tmp_path, None)
    assert [line.split(":")[0] for line in lines] == ["float32", "bfloat16", "int8"]
    assert "(n=1), 1 target" in lines[0] and ("(n=1)" in lines[1] or "emulated" in lines[1])
    assert sum(line.endswith("taken here") for line in lines) == 1
