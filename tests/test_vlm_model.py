"""The model: one encode for many questions, questions that do not see one another, weights that come back the same."""

import json
import time
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from deixis.browser.errors import SetupError
from deixis.browser.types import Point, Screenshot
from deixis.vlm import checkpoint
from deixis.vlm.config import DecoderConfig, NanoConfig, VitConfig
from deixis.vlm.image import prepare
from deixis.vlm.model import Nano, questions
from deixis.vlm.pointer import NanoPointer, regions

SMALL = NanoConfig(
    vit=VitConfig(dim=64, heads=2, layers=1, local_blocks=1, row_blocks=1),
    decoder=DecoderConfig(dim=64, heads=2, hidden=64, layers=2),
)


@pytest.fixture(scope="module")
def model() -> Nano:
    torch.manual_seed(0)
    return Nano(SMALL).eval().requires_grad_(False)


def picture(width: int = 900, height: int = 500) -> Image.Image:
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for k in range(12):
        draw.rectangle((40 + 60 * k, 30 + 33 * k, 90 + 60 * k, 50 + 33 * k), fill=(20 * k, 90, 255 - 20 * k))
    return image


def test_questions_do_not_see_one_another(model: Nano) -> None:
    page = model.encode(prepare(picture(), SMALL.image))
    alone = model.point(page, ["the Save button"]).cells
    among = model.point(page, ["something much longer that pads the others", "the Save button", "x"]).cells[1:2]
    assert torch.allclose(alone, among, atol=1e-4)


def test_a_cell_for_every_eight_pixels_and_one_for_absent(model: Nano) -> None:
    page = model.encode(prepare(picture(), SMALL.image))
    assert page.keys.text.shape[:2] == (63, 113)
    assert model.point(page, ["a", "b"]).cells.shape == (2, 63 * 113 + 1)


def test_the_decoder_is_causal(model: Nano) -> None:
    page = model.encode(prepare(picture(), SMALL.image))
    short, long = questions(["click"], 96), questions(["click Save"], 96)
    a = model.decoder(short.tokens, short.codes, short.meanings, page.cache)
    b = model.decoder(long.tokens, long.codes, long.meanings, page.cache)
    assert torch.allclose(a[0, :4], b[0, :4], atol=1e-5)  # the fifth byte ends a word in both


def test_a_region_is_found_where_the_mass_is() -> None:
    logits = torch.full((90 * 160 + 1,), -12.0)
    for row in (40, 41, 42):
        logits[row * 160 + 70 : row * 160 + 80] = 3.0
    best = regions(logits, (90, 160), (1280, 720), 1.0)[0]
    assert (best.box.x0, best.box.y0, best.box.x1, best.box.y1) == (560, 320, 640, 344)
    assert best.box.contains(best.point) and best.mass > 0.9


def test_weights_come_back(model: Nano, tmp_path: Path) -> None:
    checkpoint.save(model, SMALL, tmp_path / "a.safetensors")
    again = checkpoint.load(tmp_path / "a.safetensors")
    assert again.config == SMALL
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor.half().float())


def test_bad_weights_are_named(model: Nano, tmp_path: Path) -> None:
    good = tmp_path / "good.safetensors"
    checkpoint.save(model, SMALL, good)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(good.read_bytes()[:-1000])
    other = tmp_path / "other.safetensors"
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, other)
    foreign = tmp_path / "foreign.safetensors"
    save_file(
        {"a": torch.zeros(1)}, foreign, metadata={"format": "deixis-nano", "config": json.dumps(SMALL.model_dump())}
    )
    for path, word in (
        (tmp_path / "none.safetensors", "no weights"),
        (cut, "no complete"),
        (other, "no deixis-nano"),
        (foreign, "another version"),
    ):
        with pytest.raises(SetupError, match=word):
            checkpoint.load(path)


def _shot(image: Image.Image) -> Screenshot:
    import io

    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return Screenshot(png=buffer.getvalue(), width=image.width, height=image.height)


def test_the_second_target_costs_a_tenth_of_the_first_at_most() -> None:
    pointer, shot = NanoPointer(), _shot(picture(1280, 720))
    pointer.point(_shot(picture(1280, 719)), "warm up")
    ratios = []
    for k in range(3):
        fresh = _shot(picture(1280, 720 - 8 * (k + 1)))
        start = time.perf_counter()
        pointer.point(fresh, "the Save button")
        first = time.perf_counter() - start
        start = time.perf_counter()
        pointer.point(fresh, "the Cancel button")
        ratios.append((time.perf_counter() - start) / first)
    assert shot.scale == 1
    assert min(ratios) < 0.1, ratios


def test_points_lie_on_the_page_and_a_second_look_too() -> None:
    pointer, shot = NanoPointer(), _shot(picture(390, 844))
    found = pointer.point(shot, "the blue one")
    assert found.point is not None and 0 <= found.point.x < 390 and 0 <= found.point.y < 844
    assert 0 <= found.confidence <= 1 and found.seconds > 0 and found.model == "deixis-nano"
    look = pointer.second_look(shot, "the blue one", Point(x=380, y=840))
    assert look.point is not None and look.point.x > 390 - 336 and look.point.y > 844 - 192
