"""Data and training: pages are as described, targets are where the DOM says, a step learns, a run resumes."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image

from deixis.vlm import ask
from deixis.vlm.calibrate import Asked, apply, calibration_error, fit, threshold
from deixis.vlm.config import DecoderConfig, NanoConfig, VitConfig
from deixis.vlm.data import IGNORE, Examples, Limits, letter_class, letters_map, mask_of
from deixis.vlm.image import Tile
from deixis.vlm.model import Nano
from deixis.vlm.optim import Muon, orthogonal
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
    screen = {"skip": [[100, 100, 140, 140]], "words": [["Hi", 40, 40, 56, 58, [40, 48, 56]]]}
    letters = letters_map(screen, Tile(0, 0, 672, 384, (0, 0, 0, 0)))
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


def test_what_fits_two_elements_is_asked_with_what_tells_them_apart() -> None:
    rows = [element("Edit", [0, 20 * i, 30, 20 * i + 15], row=[name]) for i, name in enumerate(("Alice", "Bob"))]
    groups = ask.by_name(rows)
    asked = {q.text.lower() for k in range(60) if (q := ask.about(rows[1], groups, Random(k)))}
    assert asked and all("bob" in text or "second" in text for text in asked)


def test_absent_names_are_not_on_the_screen() -> None:
    for k in range(200):
        question = ask.absent({"save", "delete user"}, ["Save", "Elsewhere"], Random(k))
        assert question is None or (not question.boxes and question.text.lower() != "save")


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


@pytest.mark.parametrize("dense", [0.0, 1.0])
def test_a_few_steps_learn_one_screen(screens: Path, dense: float) -> None:
    torch.manual_seed(0)
    model = Nano(SMALL)
    optimiser = Muon(model, 3e-3)
    examples = Examples(screens, SMALL, Limits(), seed=1, tiles=1, dense=dense)
    batch = next(iter(examples))
    totals = []
    for _ in range(12):
        losses = step(model, batch, "point")
        total = losses.letters + losses.names + losses.asked
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(total.item())
    assert totals[-1] < totals[0] * 0.9


def test_training_resumes_where_it_was(screens: Path, tmp_path: Path) -> None:
    trainer = Trainer(tmp_path / "out", SMALL, 1e-3)
    trainer.run(Examples(screens, SMALL, Limits(), seed=0, tiles=1), "point", minutes=0.02)
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
