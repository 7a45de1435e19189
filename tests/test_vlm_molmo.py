"""Molmo against the reference's own numbers, and against the transformers classes it is made like, with random weights."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from deixis.vlm import molmo_files
from deixis.vlm.crops import Patches, cut
from deixis.vlm.molmo import Molmo
from deixis.vlm.molmo_config import ClipTower, ImageTokens, LanguageConfig, MolmoConfig, PoolConfig, v1_crops

FIXTURES = Path(os.environ.get("DEIXIS_MOLMO_FIXTURES", Path(__file__).parent / "data" / "molmo"))
SIZES = ("40x30", "97x500", "336x336", "640x333", "1280x720", "1919x1079")


def shape(name: str, most: int) -> MolmoConfig:
    """The config of a fixture, from the reference's words for it."""
    data: dict[str, Any] = json.loads((FIXTURES / "configs.json").read_text())[name]
    blocks = data["image_num_layers"]
    width = data["d_model"]
    language = LanguageConfig(
        dim=width, layers=data["n_layers"], heads=data["n_heads"], kv_heads=data["n_kv_heads"], head_dim=width // data["n_heads"],
        hidden=data["mlp_hidden_size"] // 2, vocabulary=data["embedding_size"], extra=data["additional_vocab_size"], norm_eps=data["layer_norm_eps"],
        theta=data["rope_theta"], qkv_bias=data["qkv_bias"], qk_norm="full" if data["attention_layer_norm"] else "none", norm_after=data["norm_after"],
    )  # fmt: skip
    tower = ClipTower(
        width=data["image_emb_dim"], heads=data["image_num_heads"], head_dim=data["image_head_dim"], hidden=data["image_mlp_dim"], blocks=blocks,
        positions=data["image_num_pos"], features=tuple(layer % blocks for layer in data["vit_layers"]),
    )  # fmt: skip
    pool = PoolConfig(
        heads=tower.heads, head_dim=tower.head_dim, width=tower.width, hidden=data["mlp_hidden_size"] // 2, padding=True
    )
    ids = data["special_tokens"]
    tokens = ImageTokens(
        start=ids["im_start"],
        end=ids["im_end"],
        patch=ids["im_patch"],
        column=ids["im_col"],
        small_start=ids["im_start"],
    )
    return MolmoConfig(crops=v1_crops(most), tower=tower, pool=pool, language=language, tokens=tokens)


def fixture(name: str) -> tuple[Molmo, dict[str, Any], Patches]:
    """A fixture's model with its weights, its numbers, its image."""
    numbers = dict(np.load(FIXTURES / f"{name}.npz"))
    model = Molmo(shape(name, int(numbers["max_crops"]))).eval().requires_grad_(False)
    molmo_files.fill(model, [FIXTURES / f"{name}.safetensors"], name)
    config = model.config
    return model, numbers, cut(Image.open(FIXTURES / f"{name}.png"), config.crops, config.tokens)


def index_of(image: Patches, patch: int) -> np.ndarray:
    """The reference's table: for each crop and slot, where in the prompt its token stands, -1 where it is dropped."""
    grid = round(image.pixels.shape[1] ** 0.5)
    table = np.full((len(image.pixels), (grid // 2) ** 2), -1)
    places = np.nonzero(np.array(image.tokens) == patch)[0]
    for place, four in zip(places, image.pooling.numpy(), strict=True):
        crop, rest = divmod(int(four[0]), grid * grid)
        table[crop, (rest // grid // 2) * (grid // 2) + rest % grid // 2] = place
    return table


@pytest.mark.parametrize("size", SIZES)
def test_molmo_fixture_crops(size: str) -> None:
    config, numbers = shape("qwen2", 12), np.load(FIXTURES / f"pre_{size}.npz")
    image = cut(Image.open(FIXTURES / f"pre_{size}.png"), config.crops, config.tokens)
    assert tuple(image.pixels.shape) == tuple(numbers["crops_shape"])
    assert image.real is not None
    np.testing.assert_allclose(image.pixels.flatten()[numbers["crops_index"]], numbers["crops_value"], atol=2e-5)
    np.testing.assert_allclose(image.pixels.double().sum((1, 2)), numbers["crops_sum"], atol=2.0, rtol=1e-5)
    np.testing.assert_array_equal(image.tokens, numbers["tokens"])
    np.testing.assert_array_equal(index_of(image, config.tokens.patch), np.maximum(numbers["image_input_idx"], -1))
    np.testing.assert_allclose(image.real, numbers["image_masks"], atol=1e-6)


@pytest.mark.parametrize("name", ["qwen2", "olmo"])
def test_molmo_fixture_logits(name: str) -> None:
    model, numbers, image = fixture(name)
    ids = numbers["input_ids"].tolist()
    assert ids[1 : 1 + len(image.tokens)] == image.tokens
    logits, _ = model.prefill(ids, [image])
    scale = np.abs(numbers["logits_last24"]).max()
    assert np.abs(logits[-24:].numpy() - numbers["logits_last24"]).max() < 1e-4 * scale
    logits, _ = model.prefill(numbers["text_ids"].tolist())
    assert np.abs(logits.numpy() - numbers["text_logits"]).max() < 1e-4 * np.abs(numbers["text_logits"]).max()


@pytest.mark.parametrize("name", ["qwen2", "olmo"])
def test_molmo_fixture_cached_decode(name: str) -> None:
    model, numbers, image = fixture(name)
    ids = numbers["input_ids"].tolist()
    whole, _ = model.prefill(ids, [image])
    _, cache = model.prefill(ids[:-24], [image])
    rest = [model.follow(ids[-24:-10], cache), *(model.follow([token], cache) for token in ids[-10:])]
    assert torch.allclose(torch.cat(rest), whole[-24:], atol=1e-4)
