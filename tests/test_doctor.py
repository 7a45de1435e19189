"""What `deixis doctor --model` finds out about a model on a server: it shows discs, the server sees them or does not."""

import base64
import io
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageColor

from deixis.agent.doctor import DISCS, SIZE, discs, pointing
from deixis.vlm.remote import pointer_at
from tests.servers import Reply, Server, said
from tests.test_cli import deixis

Where = Callable[[float, float, Image.Image], str]
"""What is said of a place in pixels of the picture that the model sees."""


def seeing(
    where: Where, shrink: float = 1.0, colours: tuple[str, ...] = tuple(DISCS)
) -> Callable[[dict[str, Any]], Reply]:
    """A model that finds discs by their colour, behind a server that makes pictures smaller first."""

    def reply(body: dict[str, Any]) -> Reply:
        parts = {part["type"]: part for part in body["messages"][-1]["content"]}
        png = base64.b64decode(parts["image_url"]["image_url"]["url"].partition(",")[2])
        sent = Image.open(io.BytesIO(png)).convert("RGB")
        image = sent.resize((round(sent.width * shrink), round(sent.height * shrink)), Image.Resampling.NEAREST)
        colour = next((name for name in DISCS if f"the {name} disc" in parts["text"]["text"]), "")
        if colour not in colours:
            return said("not found")
        rows, columns = np.nonzero((np.asarray(image) == ImageColor.getrgb(colour)).all(-1))
        return said(where((columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2, image))

    return reply


def pixels(x: float, y: float, image: Image.Image) -> str:
    return json.dumps(
        {"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [round(x), round(y)]}}
    )


def per_mille(x: float, y: float, image: Image.Image) -> str:
    return pixels(x / image.width * 1000, y / image.height * 1000, image)


QWEN_2_5, QWEN_3, CLAUDE = "Qwen/Qwen2.5-VL-7B-Instruct", "Qwen/Qwen3-VL-8B-Instruct", "claude-opus-4-8"


def as_claude(x: float, y: float, image: Image.Image) -> str:
    return json.dumps({"coordinate": [round(x), round(y)]})


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize(
    ("model", "where", "shrink"),
    [(QWEN_2_5, pixels, 1.0), (CLAUDE, as_claude, 1.0), (QWEN_3, per_mille, 1.0), (QWEN_3, per_mille, 0.5)],
)
def test_a_model_that_points_is_well(
    serve: Callable[..., Server], model: str, where: Where, shrink: float, scale: float
) -> None:
    check = pointing(pointer_at(f"{model}@{serve(seeing(where, shrink)).url}"), scale)
    assert check.ok and "5 of 5 discs, largest error" in check.detail, check.detail


@pytest.mark.parametrize(
    ("model", "where", "shrink", "told"),
    [
        (QWEN_2_5, pixels, 0.5, "0.50 of the way across and 0.50 of the way down.*resizes pictures without saying so, to about 640x360"),
        (CLAUDE, as_claude, 0.8, "resizes pictures without saying so, to about 10[12]0x5[78]0"),
        (QWEN_3, pixels, 1.0, r"1\.28 of the way across and 0\.72 .*not those of Qwen3-VL"),
        (QWEN_2_5, per_mille, 1.0, "not those of Qwen2.5-VL"),
        (QWEN_3, lambda x, y, image: pixels(500, 500, image), 1.0, "points badly"),
        (QWEN_3, lambda x, y, image: "it is somewhere", 1.0, "0 of 5 discs.*somewhere"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_server_is_told(
    serve: Callable[..., Server], model: str, where: Where, shrink: float, told: str
) -> None:
    check = pointing(pointer_at(f"{model}@{serve(seeing(where, shrink)).url}"), 1.0)
    assert not check.ok
    assert re.search(told, check.detail), check.detail


def test_a_model_that_sees_some(serve: Callable[..., Server]) -> None:
    server = serve(seeing(as_claude, colours=("red", "green", "blue", "black")))
    check = pointing(pointer_at(f"{CLAUDE}@{server.url}"), 1.0)
    assert not check.ok and "4 of 5 discs" in check.detail


def test_the_command_tells_it(serve: Callable[..., Server]) -> None:
    done = deixis("doctor", "--model", f"{QWEN_2_5}@{serve(seeing(pixels, 0.5)).url}")
    assert done.returncode == 3 and "FAIL pointing" in done.stdout and "ok   calibration" in done.stdout
    assert "without saying so" in done.stdout
    assert "25 of 25 clicks arrived" in done.stdout and "fonts: Noto Sans is" in done.stdout
    assert re.search(
        r"latency: looking \d+ ms, hit-test \d+ ms, preparing \d+ ms, acting \d+ ms, settling \d+ ms", done.stdout
    )


def test_the_picture_has_the_scale_asked_for() -> None:
    assert discs(1.5).image_size == (1920, 1080) and discs(1.5).scale == 1.5 and SIZE == (1280, 720)
