"""The model's parts: shapes, what may see what, weights on disk, and from pictures to points."""

import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from deixis.browser.errors import SetupError
from deixis.browser.types import Point, Screenshot
from deixis.vlm import checkpoint, questions
from deixis.vlm.connector import pool
from deixis.vlm.decoder import pairs_of
from deixis.vlm.image import prepare
from deixis.vlm.model import Nano
from deixis.vlm.pointer import NanoPointer
from deixis.vlm.things import Things, gathered
from tests.small_nano import SMALL, sighted


@pytest.fixture(scope="module")
def model() -> Nano:
    torch.manual_seed(0)
    return Nano(SMALL).eval()


@pytest.fixture(scope="module")
def things() -> Things:
    rows = [("Alice", 20), ("Bob", 60)]
    lines = [(name, (20.0, y, 60.0, y + 16.0)) for name, y in rows] + [
        ("Edit", (200.0, y, 230.0, y + 16.0)) for _, y in rows
    ]
    return gathered(sighted(lines, [(195.0, y - 4.0, 236.0, y + 20.0) for _, y in rows]))


def picture(width: int = 900, height: int = 500) -> Image.Image:
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for k in range(12):
        draw.rectangle((40 + 60 * k, 30 + 33 * k, 90 + 60 * k, 50 + 33 * k), fill=(20 * k, 90, 255 - 20 * k))
    return image


def test_a_cell_for_every_eight_pixels(model: Nano) -> None:
    maps = model.see(prepare(picture(), SMALL.image))
    assert maps.mixed.shape[:2] == maps.elements.shape[:2] == (63, 113)
    assert maps.lines.shape[:2] == (63, 226)


def test_pooling_takes_the_mean_of_a_box_and_its_middle() -> None:
    cells = torch.arange(5 * 6, dtype=torch.float32).view(5, 6, 1)
    out = pool(cells, torch.tensor([[8.0, 8.0, 24.0, 24.0], [0.0, 0.0, 3.0, 3.0]]))
    assert out[0].tolist() == [(7 + 8 + 13 + 14) / 4, 14.0]
    assert out[1].tolist() == [0.0, 0.0]  # smaller than a cell: that cell


def test_questions_do_not_see_one_another(model: Nano, things: Things) -> None:
    screen = model.decoder.screen(questions.tokens_of(things))
    texts = ["something much longer that pads the others", "the Edit button", "x"]
    among = model.answer(screen, questions.asked(texts, things, SMALL.decoder))
    alone = model.answer(screen, questions.asked(texts[1:2], things, SMALL.decoder))
    assert torch.allclose(alone.things[0], among.things[1], atol=2e-2)
    assert torch.allclose(alone.words[0], among.words[1], atol=2e-2)


def test_the_order_of_things_does_not_matter(model: Nano) -> None:
    lines = [
        ("Save", (10.0, 10.0, 50.0, 26.0)),
        ("Cancel", (100.0, 10.0, 150.0, 26.0)),
        ("Help", (10.0, 60.0, 50.0, 76.0)),
    ]
    one, other = gathered(sighted(lines, [])), gathered(sighted(lines[::-1], []))
    said = []
    for things in (one, other):
        screen = model.decoder.screen(questions.tokens_of(things))
        said.append(model.answer(screen, questions.asked(["cancel it"], things, SMALL.decoder)).things[0])
    assert torch.allclose(said[0], said[1].flip(0), atol=2e-2)


def test_words_belong_to_their_line_and_to_the_elements_around_it(things: Things) -> None:
    assert things.texts == ["Alice", "Bob", "Edit", "Edit", "Edit", "Edit"] and things.lines == 4
    pairs = sorted(zip(*things.owners.tolist(), strict=True))
    assert pairs == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 2), (5, 3)]
    assert all(
        box == words.box
        for box, words in zip(things.word_boxes.tolist(), things.words, strict=True)
        for box in [tuple(box)]
    )


def test_how_things_lie_is_told_from_the_first_to_the_second() -> None:
    boxes = torch.tensor([[0.0, 0.0, 40.0, 16.0], [100.0, 2.0, 140.0, 14.0], [0.0, 100.0, 40.0, 116.0]])
    pairs = pairs_of(boxes)
    assert pairs[0, 1, 0] > 0 > pairs[1, 0, 0]  # to the right of it, to the left of it
    assert pairs[0, 1, 4] == 1 and pairs[0, 2, 4] == 0  # one row, another row
    assert pairs[0, 2, 5] == 1 and pairs[0, 1, 5] == 0  # one column, another column
    assert torch.isfinite(pairs).all()


def test_weights_come_back(model: Nano, tmp_path: Path) -> None:
    checkpoint.save(model, SMALL, tmp_path / "a.safetensors")
    again = checkpoint.load(tmp_path / "a.safetensors")
    assert again.config == SMALL
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor.half().float())


def test_bad_weights_are_named(model: Nano, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    good = tmp_path / "good.safetensors"
    checkpoint.save(model, SMALL, good)
    cut, other, foreign = (tmp_path / f"{name}.safetensors" for name in ("cut", "other", "foreign"))
    cut.write_bytes(good.read_bytes()[:-1000])
    save_file({"a": torch.zeros(1)}, other)
    about = {"format": "deixis-nano", "config": json.dumps(SMALL.model_dump())}
    save_file({"a": torch.zeros(1)}, foreign, metadata=about)
    for path, word in (
        (tmp_path / "none.safetensors", "no weights"), (cut, "no complete"), (other, "no deixis-nano"), (foreign, "another version"),
    ):  # fmt: skip
        with pytest.raises(SetupError, match=word):
            checkpoint.load(path)


def _shot(image: Image.Image) -> Screenshot:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return Screenshot(png=buffer.getvalue(), width=image.width, height=image.height)


def test_a_picture_is_looked_at_once() -> None:
    pointer, shot = NanoPointer(), _shot(Image.open(Path(__file__).parent / "data" / "login.png").convert("RGB"))
    pointer.point(shot, "warm up")
    kept = pointer.look(shot)
    pointer.point(shot, "the Save button")
    assert pointer.look(shot) is kept
    pointer.point(_shot(picture(400, 300)), "another page")
    assert pointer.look(shot) is not kept


def test_points_lie_on_the_page_and_a_second_look_too() -> None:
    pointer, shot = NanoPointer(), _shot(picture(390, 844))
    found = pointer.point(shot, "the blue one")
    assert found.point is not None and 0 <= found.point.x < 390 and 0 <= found.point.y < 844
    assert 0 <= found.confidence <= 1 and found.seconds > 0 and found.model == "deixis-nano"
    look = pointer.second_look(shot, "the blue one", Point(x=380, y=840))
    assert look.point is None or (look.point.x > 390 - 336 and look.point.y > 844 - 192)


def test_an_empty_screen_holds_nothing() -> None:
    found = NanoPointer().point(_shot(Image.new("RGB", (300, 200), "white")), "the Save button")
    assert not found.found
