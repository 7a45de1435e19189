"""Molmo against the reference's own numbers, and against the transformers classes it is made like, with random weights."""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from deixis.vlm import molmo_files
from deixis.vlm.catalogue import known
from deixis.vlm.crops import Patches, cut
from deixis.vlm.families import family_of
from deixis.vlm.molmo import Molmo
from deixis.vlm.molmo_chat import MolmoChat
from deixis.vlm.molmo_config import ClipTower, ImageTokens, LanguageConfig, MolmoConfig, PoolConfig, v1_crops
from tests.tiny_models import tokenizer

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


def off(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference, of the largest value; `pytest -rP` prints it."""
    share = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    print(f"largest difference {share:.1e} of the largest value")
    return share


@pytest.mark.parametrize("size", SIZES)
def test_molmo_fixture_crops(size: str) -> None:
    config, numbers = shape("qwen2", 12), np.load(FIXTURES / f"pre_{size}.npz")
    image = cut(Image.open(FIXTURES / f"pre_{size}.png"), config.crops, config.tokens)
    assert tuple(image.pixels.shape) == tuple(numbers["crops_shape"])
    assert image.real is not None
    sampled = image.pixels.flatten()[numbers["crops_index"]].numpy()
    print(
        f"largest difference of {len(sampled)} sampled pixel values {np.abs(sampled - numbers['crops_value']).max():.1e}"
    )
    np.testing.assert_allclose(sampled, numbers["crops_value"], atol=2e-5)
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
    assert off(logits[-24:].numpy(), numbers["logits_last24"]) < 1e-4
    logits, _ = model.prefill(numbers["text_ids"].tolist())
    assert off(logits.numpy(), numbers["text_logits"]) < 1e-4


@pytest.mark.parametrize("name", ["qwen2", "olmo"])
def test_molmo_fixture_cached_decode(name: str) -> None:
    model, numbers, image = fixture(name)
    ids = numbers["input_ids"].tolist()
    whole, _ = model.prefill(ids, [image])
    _, cache = model.prefill(ids[:-24], [image])
    rest = [model.follow(ids[-24:-10], cache), *(model.follow([token], cache) for token in ids[-10:])]
    assert torch.allclose(torch.cat(rest), whole[-24:], atol=1e-4)


def published(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fixture as a folder in the layout that v1 is published in: config, two shards with their index, a tokenizer."""
    config, data = shape(name, 12), json.loads((FIXTURES / "configs.json").read_text())[name]
    language = config.language
    ids = tokenizer(folder, ["<|endoftext|>"], eos_token="<|endoftext|>")
    said = {
        "model_type": "molmo", "hidden_size": language.dim, "num_attention_heads": language.heads, "num_key_value_heads": language.kv_heads,
        "num_hidden_layers": language.layers, "intermediate_size": data["mlp_hidden_size"], "embedding_size": data["embedding_size"],
        "vocab_size": data["vocab_size"], "additional_vocab_size": data["additional_vocab_size"], "layer_norm_eps": language.norm_eps,
        "rope_theta": language.theta, "qkv_bias": language.qkv_bias, "attention_layer_norm": data["attention_layer_norm"],
        "norm_after": language.norm_after, "weight_tying": False,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(said))
    with safe_open(FIXTURES / f"{name}.safetensors", "pt") as file:
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 -- not a dict
    halves = [dict(list(weights.items())[i::2]) for i in range(2)]
    names = [f"model-{i + 1:05d}-of-00002.safetensors" for i in range(2)]
    for half, file_name in zip(halves, names, strict=True):
        save_file(half, folder / file_name)
    index = {"weight_map": {key: file_name for half, file_name in zip(halves, names, strict=True) for key in half}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    monkeypatch.setattr(molmo_files, "CLIP_L", config.tower)  # the published one is too large for a test
    assert ids["size"] > language.vocabulary  # its bytes are beyond the tiny vocabulary: nothing here encodes words
    return folder


@pytest.mark.parametrize("name", ["qwen2", "olmo"])
def test_molmo_fixture_as_a_published_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, numbers, image = fixture(name)
    loaded = molmo_files.load(published(name, tmp_path / "Molmo-7B-D-0924", monkeypatch))
    assert loaded.config == model.config.model_copy(update={"crops": v1_crops(12)})
    ids = numbers["input_ids"].tolist()
    assert torch.equal(loaded.prefill(ids, [image])[0], model.prefill(ids, [image])[0])
    chat = MolmoChat(tmp_path / "Molmo-7B-D-0924", family_of("Molmo-7B-D-0924"))
    before = chat.prompt.before(image)
    assert before[1:] == image.tokens and not chat.prompt.chatml  # the picture first, and no role before it
    words = chat.prompt.tokenizer.decode(chat.prompt.words("Point to x"), skip_special_tokens=False)
    assert words == " User: Point to x Assistant:"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_published_folder_in_half_precision(dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = published("qwen2", tmp_path / "Molmo-7B-D-0924", monkeypatch)
    _, numbers, image = fixture("qwen2")
    loaded = molmo_files.load(folder, dtype)
    assert {parameter.dtype for parameter in loaded.parameters()} == {molmo_files.DTYPES[dtype]}
    logits = loaded.prefill(numbers["input_ids"].tolist(), [image])[0][-24:].float().numpy()
    # Random weights multiply every rounding; test_vlm_molmo_parity compares it with that of transformers.
    assert np.abs(logits - numbers["logits_last24"]).mean() < 0.05 * np.abs(numbers["logits_last24"]).max()


SHAPES: dict[str, dict[str, Any]] = {
    "MolmoE-1B-0924": {"hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 16, "num_key_value_heads": 16, "intermediate_size": 2048, "rope_theta": 1e4, "layer_norm_eps": 1e-5, "qkv_bias": False, "attention_layer_norm": True, "vocab_size": 50280, "embedding_size": 50304, "moe_num_experts": 64, "moe_top_k": 8},
    "Molmo-7B-O-0924": {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "intermediate_size": 22016, "rope_theta": 5e5, "layer_norm_eps": 1e-6, "qkv_bias": False, "attention_layer_norm": True, "norm_after": True, "vocab_size": 100278, "embedding_size": 100352},
    "Molmo-7B-D-0924": {"hidden_size": 3584, "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "intermediate_size": 37888, "rope_theta": 1e6, "layer_norm_eps": 1e-6, "qkv_bias": True, "vocab_size": 152064, "embedding_size": 152064},
    "Molmo-72B-0924": {"hidden_size": 8192, "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8, "intermediate_size": 59136, "rope_theta": 1e6, "layer_norm_eps": 1e-5, "qkv_bias": True, "vocab_size": 152064, "embedding_size": 152064},
}  # fmt: skip
"""Of the four v1 checkpoints. Source: Deitke et al. (2024), table 6; allenai/molmo's configs."""


def keys_of(data: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The published keys of a v1 checkpoint and the shapes that follow from its config."""
    dim, fused, rows = data["hidden_size"], data["intermediate_size"], data["embedding_size"]
    head = dim // data["num_attention_heads"]
    qkv, half = dim + 2 * head * data["num_key_value_heads"], fused // 2
    keys: dict[str, tuple[int, ...]] = {
        "transformer.wte.embedding": (rows, dim), "transformer.wte.new_embedding": (128, dim), "transformer.ln_f.weight": (dim,),
        "transformer.ff_out.weight": (rows, dim), "vision_backbone.pad_embed": (2, 2048),
    }  # fmt: skip
    for i in range(data["num_hidden_layers"]):
        block = f"transformer.blocks.{i}."
        keys |= {block + "att_proj.weight": (qkv, dim), block + "attn_out.weight": (dim, dim)}
        keys |= {block + norm: (dim,) for norm in ("attn_norm.weight", "ff_norm.weight")}
        keys |= {block + "att_proj.bias": (qkv,)} if data["qkv_bias"] else {}
        if data.get("attention_layer_norm"):
            keys |= {block + "q_norm.weight": (dim,), block + "k_norm.weight": (qkv - dim - (qkv - dim) // 2,)}
        if experts := data.get("moe_num_experts"):
            keys |= {block + f"ffn.experts.mlp.{w}": (experts * half, dim) for w in ("w1", "v1", "w2")}
            keys |= {block + "ffn.router.layer.weight": (experts, dim)}
        else:
            keys |= {block + "ff_proj.weight": (fused, dim), block + "ff_out.weight": (dim, half)}
    pool, vit = "vision_backbone.image_pooling_2d.", "vision_backbone.image_vit."
    for w in ("wq", "wk", "wv", "wo"):
        keys |= {f"{pool}{w}.weight": (1024, 1024 if w == "wo" else 2048), f"{pool}{w}.bias": (1024,)}
    keys |= {f"vision_backbone.image_projector.{w}.weight": (half, 1024) for w in ("w1", "w3")}
    keys |= {"vision_backbone.image_projector.w2.weight": (dim, half), vit + "class_embedding": (1024,)}
    keys |= {vit + "positional_embedding": (577, 1024), vit + "patch_embedding.weight": (1024, 588)}
    keys |= {vit + f"pre_ln.{part}": (1024,) for part in ("weight", "bias")}
    for i in range(23):
        block = f"{vit}transformer.resblocks.{i}."
        keys |= {
            block + f"{norm}.{part}": (1024,) for norm in ("attention_norm", "ffn_norm") for part in ("weight", "bias")
        }
        keys |= {block + f"attention.{w}.weight": (1024, 1024) for w in ("wq", "wk", "wv", "wo")}
        keys |= {block + f"attention.{w}.bias": (1024,) for w in ("wq", "wk", "wv", "wo")}
        keys |= {block + "feed_forward.w1.weight": (4096, 1024), block + "feed_forward.w1.bias": (4096,)}
        keys |= {block + "feed_forward.w2.weight": (1024, 4096), block + "feed_forward.w2.bias": (1024,)}
    return {"model." + key: shape for key, shape in keys.items()}


def unfilled(model: Molmo, keys: dict[str, tuple[int, ...]]) -> list[str]:
    """Names of parameters of a model without memory that tensors of these names and shapes do not fill exactly."""
    parameters, filled = dict(model.named_parameters()), dict.fromkeys(dict(model.named_parameters()), 0)
    for key, size in keys.items():
        place = molmo_files.place_of(key)
        assert place is not None, key
        target = molmo_files.target_of(place, parameters[place.name], model.config, size[0])
        assert math.prod(size) == target.numel() and (target.shape == size or ".mlp." in place.name), key
        filled[place.name] += target.numel()
    return [name for name, parameter in parameters.items() if filled[name] != parameter.numel()]


@pytest.mark.parametrize("name", SHAPES)
def test_published_keys_fill_every_parameter_of_the_published_shapes(name: str) -> None:
    with torch.device("meta"):
        model = Molmo(molmo_files.v1_config(SHAPES[name]))
    assert unfilled(model, keys_of(SHAPES[name])) == []
    row = known(name)
    assert row and sum(p.numel() for p in model.parameters()) == pytest.approx(row.billions * 1e9, rel=0.01)


V2: dict[str, dict[str, Any]] = {
    "Molmo2-4B": {"hidden_size": 2560, "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 9728, "rope_parameters": {"rope_type": "default", "rope_theta": 5e6}, "vocab_size": 151936},
    "Molmo2-8B": {"hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 12288, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}, "vocab_size": 151936},
    "Molmo2-O-7B": {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "head_dim": 128, "intermediate_size": 11008, "vocab_size": 100278, "qk_norm_type": "olmo", "norm_after": True, "rope_scaling_layers": [3, 7, 11, 15, 19, 23, 27, 31], "rope_parameters": {"rope_type": "yarn", "rope_theta": 5e5, "factor": 8.0, "original_max_position_embeddings": 8192}},
}  # fmt: skip
"""Of the Molmo2 checkpoints. Source: allenai/molmo2, and the configs of Qwen3 and OLMo 3."""


@pytest.mark.parametrize("name", V2)
def test_the_keys_of_transformers_fill_every_parameter_of_molmo2(name: str) -> None:
    """By their names in transformers, and by a config in the words of the published files."""
    text = V2[name] | {"additional_vocab_size": 128}
    adapter = {"text_hidden_size": text["hidden_size"], "intermediate_size": text["intermediate_size"]}
    theirs: Any = transformers.Molmo2Config(text_config=text, adapter_config=adapter)
    data = theirs.to_dict()
    with torch.device("meta"):
        model, net = Molmo(molmo_files.v2_config(data)), transformers.Molmo2ForConditionalGeneration(theirs)
    keys = {key: tuple(value.shape) for key, value in net.state_dict().items() if "rotary" not in key}
    assert unfilled(model, keys) == []
    row = known(name)
    assert row and sum(p.numel() for p in model.parameters()) == pytest.approx(row.billions * 1e9, rel=0.03)
    vision = data.pop("vision_config")
    data["vit_config"] = vision | {
        "image_num_pos": vision.pop("num_position_embeddings"),
        "image_patch_size": vision.pop("patch_size"),
    }
    data["adapter_config"]["vit_layers"] = data["adapter_config"].pop("vision_feature_layer")
    assert molmo_files.v2_config(data) == model.config
