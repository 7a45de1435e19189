"""Data and training: pages are as described, targets are where the DOM says, a step learns, a run resumes."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image

from deixis.browser.types import Box, Point
from deixis.vlm import ask, relation
from deixis.vlm.calibrate import Asked, apply, calibration_error, fit, threshold
from deixis.vlm.config import DecoderConfig, NanoConfig, VitConfig
from deixis.vlm.data import IGNORE, Examples, Limits, Sources, letter_class, letters_map, mask_of
from deixis.vlm.model import Nano
from deixis.vlm.optim import Muon, orthogonal
from deixis.vlm.pages import PageMaker
from deixis.vlm.pointer import Region, in_order
from deixis.vlm.train import Trainer, placed, step

SMALL = NanoConfig(
    vit=VitConfig(stem=(8, 16), width=32, dim=64, heads=2, layers=1, local_blocks=1, row_blocks=1),
    decoder=DecoderConfig(dim=64, heads=2, hidden=64, layers=1),
)


def element(name: str, box: list[float], role: str = "button", **more: object) -> dict[str, object]:
    return {"role": role, "names": [["text", name]], "box": box, "disabled": False, **more}


@pytest.fixture
def screens(tmp_path: Path) -> Path:
    """One screen of coloured boxes with names."""
    names = ["Save", "Cancel", "Delete", "Open file", "Settings", "Profile", "Help me", "Log out"]
    image = Image.new("RGB", (672, 384), "white")
    words, els = [], []
    for i, name in enumerate(names):
        x, y = 40 + 150 * (i % 4), 60 + 160 * (i // 4)
        image.paste((30 * i, 255 - 30 * i, 90), (x, y, x + 120, y + 40))
        els.append(element(name, [x, y, x + 120, y + 40]))
        edges = [x + 10 + 8 * k for k in range(len(name.split()[0]) + 1)]
        words.append([name.split()[0], x + 10, y + 10, edges[-1], y + 28, edges])
    image.save(tmp_path / "a.png")
    (tmp_path / "a.json").write_text(
        json.dumps({"width": 672, "height": 384, "els": els, "words": words, "skip": [], "family": "test", "page": "a"})
    )
    return tmp_path


def test_letters_stand_where_they_are() -> None:
    words, skip = [["Hi", 40, 40, 56, 58, [40, 48, 56]]], [[100, 100, 140, 140]]
    letters = letters_map(words, skip, 48, 84)
    assert letters[5, 10] == letters[5, 11] == letter_class("H") and letters[5, 12] == letter_class("i")
    assert letters[0, 0] == 0 and letters[13, 26] == IGNORE


def test_classes_of_letters() -> None:
    assert (
        letter_class("!") == 2
        and letter_class("~") == 95
        and letter_class("é") == letter_class("e")
        and letter_class("漢") == 96
    )
    assert len({letter_class(chr(c)) for c in range(33, 127)}) == 94


def test_masks_hold_the_cells_inside_a_box_and_never_none() -> None:
    mask = mask_of([[16, 8, 48, 24]], 10, 10)
    assert mask.sum() == 8 and mask[1:3, 2:6].all()
    assert mask_of([[3, 3, 6, 6]], 10, 10).sum() == 1


def line(text: str, x: float, y: float) -> list[list[object]]:
    """Words of 8 px a letter on one line, as collect.js gives them."""
    words: list[list[object]] = []
    for word in text.split():
        edges = [x + 8 * i for i in range(len(word) + 1)]
        words.append([word, x, y, edges[-1], y + 15, edges])
        x = edges[-1] + 6
    return words


def people() -> ask.Scene:
    """Three rows, each a name and its Edit."""
    rows = [element("Edit", [200, 40 * i, 230, 40 * i + 15]) for i in range(3)]
    words = [word for i, name in enumerate(("Alice", "Bob Ray", "Carol")) for word in line(name, 20, 40 * i)]
    return ask.scene(rows, words)


def test_what_fits_several_is_asked_with_what_tells_it_apart() -> None:
    seen = people()
    asked = [q for k in range(80) if (q := ask.about(seen.elements[1], seen, Random(k)))]
    beside = [q for q in asked if q.kind == "relation"]
    counted = [q for q in asked if q.kind == "ordinal"]
    assert beside and counted and len(asked) == len(beside) + len(counted)
    assert all(q.anchor == ((20, 40, 74, 55),) for q in beside)
    assert np.mean(["bob" in q.text.lower() for q in beside]) > 0.8  # the others have a slip of the finger
    assert all(q.ordinal == 2 and len(q.boxes) == 3 for q in counted)


def test_words_on_a_line_belong_together() -> None:
    words = line("Total users", 10, 10) + line("far away", 400, 10) + line("next line", 10, 40)
    assert [run.text for run in ask.runs_of(words)] == ["Total users", "far away", "next line"]


def test_values_are_asked_by_what_stands_beside_them() -> None:
    seen = ask.scene(
        [], line("Blue shoes", 10, 10) + line("$19.99", 10, 30) + line("Red hat", 300, 10) + line("$5.00", 300, 30)
    )
    prices = [q for k in range(60) if (q := ask.value(seen, Random(k))) and q.boxes[0][0] == 10 and q.boxes[0][1] == 30]
    assert any("blue shoes" in q.text.lower() for q in prices)
    assert all(q.anchor != ((300, 10, 350, 25),) for q in prices)


def test_synonyms_are_used_only_where_nothing_else_says_them() -> None:
    seen = ask.scene([element("Trash", [0, 0, 50, 20]), element("Rubbish", [100, 0, 150, 20])], line("Trash", 0, 0))
    table = {"trash": ["rubbish", "garbage"]}
    asked = [q for k in range(60) if (q := ask.about(seen.elements[0], seen, Random(k), table)) and q.kind == "synonym"]
    assert asked and all("garbage" in q.text.lower() or "g" in q.text.lower() for q in asked)
    assert not any("rubbish" in q.text.lower() for q in asked)


def test_absent_names_are_not_on_the_screen() -> None:
    seen = ask.scene(
        [element("Save", [0, 0, 50, 20]), element("Delete user", [60, 0, 150, 20])],
        line("Save", 0, 0) + line("Delete user", 60, 0),
    )
    for k in range(200):
        question = ask.absent(seen, ["Save", "Elsewhere"], Random(k))
        assert question is None or (not question.boxes and question.text.lower() not in {"save", "delete user", "user"})


def test_a_control_is_asked_for_by_the_label_beside_it() -> None:
    field = {"role": "field", "names": [["label", "City *"]], "box": [120, 40, 300, 70], "disabled": False}
    near, far = line("City *", 20, 44), line("City", 20, 900)
    seen = ask.scene([field], near + far)
    asked = [q for k in range(40) if (q := ask.about(field, seen, Random(k))) and q.kind == "field"]
    assert asked and all(q.anchor == ((20, 44, 66, 59),) for q in asked)
    assert ask.label_of(element("City", [120, 40, 300, 70]), "City", seen) == ()  # a button carries its own name


def test_the_stem_learns_only_beside_text(screens: Path, tmp_path: Path) -> None:
    trainer = Trainer(tmp_path / "out", SMALL, 1e-3)
    before = trainer.model.stem.conv1.weight.clone()
    batch = next(iter(Examples(Sources(screens), SMALL, Limits(), seed=0, tiles=1)))
    trainer.learn(batch, 1e-3)
    assert torch.equal(trainer.model.stem.conv1.weight, before)
    text = next(iter(Examples(Sources(screens), SMALL, Limits(), seed=0, tiles=0, dense=1)))
    trainer.learn(text, 1e-3)
    assert not torch.equal(trainer.model.stem.conv1.weight, before)


def test_a_wall_of_icons_is_nothing_else(tmp_path: Path) -> None:
    icons = tmp_path / "lucide-static" / "icons"
    icons.mkdir(parents=True)
    (icons.parent / "tags.json").write_text(json.dumps({"search": ["find", "magnifier"], "bell": ["alarm"]}))
    for name in ("search", "bell"):
        (icons / f"{name}.svg").write_text('<svg stroke="currentColor" viewBox="0 0 24 24"><path d="M1 1h9"/></svg>')
    html, family = PageMaker(tmp_path).page(3, wall="icons")
    buttons = html.count("<button")
    assert family == "icons" and buttons >= 40
    assert html.count('data-icons="search|find|magnifier"') + html.count('data-icons="bell|alarm"') == buttons


def test_namesakes_are_counted_in_reading_order() -> None:
    def region(x: float, y: float, mass: float) -> Region:
        return Region(Point(x=x, y=y), Box(x0=x, y0=y, x1=x + 8, y1=y + 8), mass)

    found = [region(300, 10, 0.3), region(20, 12, 0.28), region(20, 200, 0.26), region(400, 400, 0.01)]
    assert [in_order(found, k)[0].point.y for k in (1, 2, 3, ask.LAST)] == [12, 10, 200, 200]
    assert in_order(found, 1)[0].mass == pytest.approx(0.84)
    assert in_order(found, 5)[0].mass < 0.4  # there is no fifth


def test_a_relation_moves_mass_to_where_it_says() -> None:
    anchor = torch.full((1, 30 * 40), -9.0)
    anchor[0, 10 * 40 + 5] = 9.0
    table = torch.zeros(1, len(relation.CENTRES), len(relation.CENTRES))
    table[0, relation.CENTRES.index(0.0), relation.CENTRES.index(16.0)] = 5.0  # same row, 16 cells to the right
    best = int(relation.bias(table.flatten(1), anchor, (30, 40)).argmax())
    assert divmod(best, 40) == (10, 21)


def test_the_loss_wants_mass_inside_the_places() -> None:
    places = torch.zeros(1, 100, dtype=torch.bool)
    places[0, 40:44] = True
    good, bad = torch.zeros(1, 100), torch.zeros(1, 100)
    good[0, 41], bad[0, 90] = 8.0, 8.0
    assert placed(good, places)[0] < placed(bad, places)[0]
    assert placed(good, places)[1] == 1.0 and placed(bad, places)[1] == 0.0


def test_updates_of_matrices_are_orthogonal() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(32, 80)))
    assert values.min() > 0.5 and values.max() < 1.3


@pytest.mark.parametrize(("tiles", "dense"), [(1, 0), (0, 1), (1, 1)])
def test_a_few_steps_learn_one_screen(screens: Path, tiles: int, dense: int) -> None:
    torch.manual_seed(0)
    model = Nano(SMALL)
    optimiser = Muon(model, 3e-3)
    examples = Examples(Sources(screens), SMALL, Limits(), seed=1, tiles=tiles, dense=dense)
    batch = next(iter(examples))
    totals = []
    for _ in range(12):
        total, _ = step(model, batch)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(total.item())
    assert totals[-1] < totals[0] * 0.9


def test_training_resumes_where_it_was(screens: Path, tmp_path: Path) -> None:
    trainer = Trainer(tmp_path / "out", SMALL, 1e-3)
    trainer.run(Examples(Sources(screens), SMALL, Limits(), seed=0, tiles=1), minutes=0.02)
    assert trainer.steps > 0
    again = Trainer(tmp_path / "out", SMALL, 1e-3)
    again.resume(keep_optimiser=True)
    assert again.steps == trainer.steps
    for name, tensor in trainer.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor)


def test_calibration_brings_confidence_to_the_rate_of_hits() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(4000)
    items = [Asked(float(p**3), bool(rng.random() < p)) for p in truth]  # far too modest
    after = apply(items, fit(items))
    assert calibration_error(after) < 0.05 < calibration_error(items)
    assert np.mean([i.mass >= threshold(after) for i in after if i.hit]) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(
    ("question", "number", "rest", "label"),
    [
        ("the second Edit", 2, "the Edit", "secondedit"),
        ("last Delete", ask.LAST, "Delete", "lastdelete"),
        ("Edit number 3", 3, "Edit", ""),
        ("the 4th View button", 4, "the View button", "4thview"),
        ("the First name field", 1, "the name field", "firstname"),  # unless the page says so
    ],
)
def test_a_number_among_namesakes_is_taken_out_of_the_question(
    question: str, number: int, rest: str, label: str
) -> None:
    assert ask.counted(question) == ask.Counted(number, rest, label)


@pytest.mark.parametrize("question", ["Save", "click 'First name'", "first", "item number 12"])
def test_questions_without_a_number(question: str) -> None:
    assert ask.counted(question) is None
