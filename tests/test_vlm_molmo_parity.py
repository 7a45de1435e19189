"""Molmo's parts against the transformers classes they are made like, with random weights: the same numbers come out."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import accelerate
import numpy as np
import pytest
import torch
import transformers as hf
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers.models.molmo2.image_processing_molmo2 import Molmo2ImageProcessor
from transformers.models.molmo2.processing_molmo2 import Molmo2Processor

from deixis.browser.errors import SetupError, UsageError
from deixis.vlm import molmo_files
from deixis.vlm.crops import cut
from deixis.vlm.language import Language
from deixis.vlm.molmo import Molmo, Packed
from deixis.vlm.molmo_config import ClipTower, Experts, ImageTokens, LanguageConfig, SiglipTower, v2_crops
from deixis.vlm.towers import VisionTower
from tests.tiny_models import molmo2

TEXT = [3, 17, 9, 40, 22, 5, 61, 80]


def patches(count: int, side: int = 42) -> tuple[Tensor, Tensor]:
    """The same random crops as pictures (N, 3, S, S) and as patches (N, patches, 588)."""
    pictures = torch.randn(count, 3, side, side)
    grid = side // 14
    flat = pictures.view(count, 3, grid, 14, grid, 14).permute(0, 2, 4, 3, 5, 1).reshape(count, grid * grid, 588)
    return pictures, flat


def filled(module: torch.nn.Module, weights: dict[str, Tensor], prefix: str, config: Any) -> None:
    """Copies published weights into one of our parts by the table of `molmo_files`; every parameter exactly once."""
    parameters = {prefix + name: parameter for name, parameter in module.named_parameters()}
    count = dict.fromkeys(parameters, 0)
    for key, value in weights.items():
        place = molmo_files.place_of(key)
        assert place is not None and place.name in parameters, key
        target = molmo_files.target_of(place, parameters[place.name], config, len(value))
        with torch.no_grad():
            target.copy_(value.view(target.shape))
        count[place.name] += target.numel()
    assert all(count[name] == parameter.numel() for name, parameter in parameters.items())


def same(a: Tensor, b: Tensor) -> bool:
    """Within 1e-5 of the largest value; `pytest -rP` prints how close it was."""
    off, scale = float((a - b).abs().max()), float(b.abs().max())
    print(f"largest difference {off:.1e}, largest value {scale:.2g}: {off / scale:.1e}")
    return off < 1e-5 * scale


def stir(model: torch.nn.Module) -> None:
    """Norms, biases and positions begin as ones and zeros, which would hide a mistake."""
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1 or "position" in name:
            parameter.data.add_(torch.randn_like(parameter) * 0.2)


SIDES = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "image_size": 42, "patch_size": 14}
RENAMED = {
    "vision_model.": "", "encoder.": "", "embeddings.position_embedding.weight": "positional_embedding", "embeddings.": "", "pre_layrnorm": "pre_ln",
    "out_proj": "o_proj",
}  # fmt: skip
"""transformers' names of what a tower has, and the published ones."""


@pytest.mark.parametrize("clip", [True, False], ids=["clip", "siglip"])
def test_towers(clip: bool) -> None:
    torch.manual_seed(0)
    theirs: Any
    shared = {"width": 32, "heads": 2, "head_dim": 16, "hidden": 64, "blocks": 4, "features": (2, 0)}
    if clip:
        theirs = hf.CLIPVisionModel(hf.CLIPVisionConfig(**SIDES, num_hidden_layers=4))
        ours = VisionTower(ClipTower(**shared, positions=10))
    else:
        theirs = hf.SiglipVisionModel(hf.SiglipVisionConfig(**SIDES, num_hidden_layers=4))
        ours = VisionTower(SiglipTower(**shared, positions=9))
    stir(theirs.eval())
    weights = {}
    for key, value in theirs.state_dict().items():
        if not any(unused in key for unused in ("post_layernorm", "position_ids", "head.")):
            for theirs_name, published_name in RENAMED.items():
                key = key.replace(theirs_name, published_name)
            # a convolution whose windows do not overlap is a product over patches in (row, column, channel) order
            weights[key] = value.permute(0, 2, 3, 1).reshape(32, 588) if key == "patch_embedding.weight" else value
    filled(ours, weights, "tower.", ANY)
    pictures, flat = patches(2)
    with torch.inference_mode():
        hidden = theirs(pictures, output_hidden_states=True).hidden_states
        assert same(ours.eval()(flat), torch.cat([hidden[3][:, int(clip) :], hidden[1][:, int(clip) :]], -1))


COMMON = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 96,
    "tie_word_embeddings": False,
    "max_position_embeddings": 256,
}
OURS = {"dim": 64, "layers": 2, "heads": 4, "vocabulary": 96, "extra": 0}


class _Only:
    """A config of which only the decoder's branch is asked for."""

    def __init__(self, language: LanguageConfig) -> None:
        self.language = language


ANY = _Only(LanguageConfig(**OURS, kv_heads=4, head_dim=16, hidden=48, norm_eps=1e-6, theta=1e4))


def decoders() -> dict[str, tuple[Any, LanguageConfig]]:
    """transformers' class with its config, and the same shape in our words."""
    rope = {"rope_type": "default", "rope_theta": 1e4}
    return {
        "qwen2": (
            hf.Qwen2ForCausalLM(hf.Qwen2Config(**COMMON, intermediate_size=48, num_key_value_heads=2, rms_norm_eps=1e-6, rope_parameters=rope)),
            LanguageConfig(**OURS, kv_heads=2, head_dim=16, hidden=48, norm_eps=1e-6, theta=1e4, qkv_bias=True),
        ),
        "qwen3": (
            hf.Qwen3ForCausalLM(hf.Qwen3Config(**COMMON, intermediate_size=48, num_key_value_heads=2, head_dim=32, rms_norm_eps=1e-6, rope_parameters=rope)),
            LanguageConfig(**OURS, kv_heads=2, head_dim=32, hidden=48, norm_eps=1e-6, theta=1e4, qk_norm="head"),
        ),
        "olmo2": (
            hf.Olmo2ForCausalLM(hf.Olmo2Config(**COMMON, intermediate_size=48, num_key_value_heads=4, rms_norm_eps=1e-6, rope_parameters=rope)),
            LanguageConfig(**OURS, kv_heads=4, head_dim=16, hidden=48, norm_eps=1e-6, theta=1e4, qk_norm="full", norm_after=True),
        ),
        "olmo3": (
            hf.Olmo3ForCausalLM(hf.Olmo3Config(**COMMON, intermediate_size=48, num_key_value_heads=4, rms_norm_eps=1e-6, rope_parameters={"full_attention": rope, "sliding_attention": rope}, layer_types=["full_attention"] * 2)),
            LanguageConfig(**OURS, kv_heads=4, head_dim=16, hidden=48, norm_eps=1e-6, theta=1e4, qk_norm="full", norm_after=True),
        ),
        "olmoe": (
            hf.OlmoeForCausalLM(hf.OlmoeConfig(**COMMON, intermediate_size=24, num_key_value_heads=4, num_experts=8, num_experts_per_tok=3, rms_norm_eps=1e-5, rope_parameters=rope)),
            LanguageConfig(**OURS, kv_heads=4, head_dim=16, hidden=24, norm_eps=1e-5, theta=1e4, qk_norm="full", experts=Experts(count=8, chosen=3)),
        ),
    }  # fmt: skip


def published(key: str, after: bool) -> str:
    """A key of transformers' decoders in the layout of Molmo2."""
    if after:
        key = key.replace("post_attention_layernorm", "input_layernorm").replace(
            "post_feedforward_layernorm", "post_attention_layernorm"
        )
    key = key.replace("mlp.gate.weight", "ffn.router.layer.weight")
    return key if key.startswith("lm_head") else key.replace("model.", "model.language_model.", 1)


def fused(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Experts as Molmo stores them: three tensors for all; transformers has gate and up in one, or an expert's apart."""
    out = {key: value for key, value in weights.items() if ".experts." not in key}
    for layer in range(OURS["layers"]):
        start = f"model.layers.{layer}.mlp.experts."
        both, down = weights[start + "gate_up_proj"], weights[start + "down_proj"]
        gate, up = both.chunk(2, 1)
        place = f"model.layers.{layer}.ffn.experts.mlp."
        out |= {place + "w1": gate, place + "v1": up, place + "w2": down}
    return out


@pytest.mark.parametrize("name", ["qwen2", "qwen3", "olmo2", "olmo3", "olmoe"])
def test_decoders(name: str) -> None:
    torch.manual_seed(0)
    theirs, config = decoders()[name]
    theirs = theirs.eval()
    stir(theirs)
    ours = Language(config).eval()
    weights = {key: value for key, value in theirs.state_dict().items() if "rotary" not in key}
    weights = fused(weights) if config.experts else weights
    filled(ours, {published(k, config.norm_after): v for k, v in weights.items()}, "language.", _Only(config))
    ids = torch.tensor([TEXT])
    with torch.inference_mode():
        cache = ours.cache()
        logits = ours.logits(ours(ours.embed(ids), cache))
        assert same(logits, theirs(ids).logits)
        again = ours.logits(ours(ours.embed(torch.tensor([[7]])), cache))
        assert same(again[0, 0], theirs(torch.tensor([[*TEXT, 7]])).logits[0, -1])


def test_routing_takes_the_experts_that_the_router_likes() -> None:
    torch.manual_seed(0)
    theirs, config = decoders()["olmoe"]
    theirs = theirs.eval()
    layer = theirs.model.layers[0].mlp
    ours = Language(config).eval().layers[0].mlp
    weights = fused(dict(theirs.state_dict()))
    place = "model.layers.0.ffn.experts.mlp."
    with torch.no_grad():
        ours.router.weight.copy_(layer.gate.weight)
        ours.up.copy_(torch.cat([weights[place + "v1"], weights[place + "w1"]], 1))
        ours.down.copy_(weights[place + "w2"])
        x = torch.randn(1, 9, 64)
        out = layer(x)
        assert same(ours(x), out[0] if isinstance(out, tuple) else out)


class Processor(Molmo2ImageProcessor):  # type: ignore[misc]
    """transformers' picture preparation, with the two calls that go to torchvision, which is not here, made to torch."""

    def resize(self, image: Tensor, size: Any, resample: Any = None, antialias: bool = True, **_: Any) -> Tensor:
        return torch.nn.functional.interpolate(image, (size.height, size.width), mode="bilinear", antialias=antialias)

    def normalize(self, image: Tensor, mean: Tensor, std: Tensor, **_: Any) -> Tensor:
        return (image - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)


@pytest.mark.parametrize("most", [8, 24])
@pytest.mark.parametrize("size", [(40, 30), (97, 500), (378, 378), (640, 333), (1280, 720), (1919, 1079)])
def test_molmo2_sees_the_same_crops(size: tuple[int, int], most: int) -> None:
    image, config = Image.effect_noise(size, 80).convert("RGB"), v2_crops(most)
    ours = cut(image, config, ImageTokens(start=1, end=2, patch=3, column=4, small_start=5))
    pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None]
    grids, patches, pooling = Processor()._image_batch_to_patches_and_grids(
        pixels, most, [4, 4], 378, 2, True, 1 / 255, True, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 14, 2, 2
    )
    assert grids[0].tolist() == [*ours.grids[0], *ours.grids[1]]
    assert torch.equal(ours.pooling, pooling[0].long())
    assert same(ours.pixels, patches[0])


@pytest.mark.parametrize(
    ("said", "columns", "start"),
    [(None, False, True), ({"use_single_crop_col_tokens": False}, False, True), ({"use_single_crop_col_tokens": None}, True, True), ({"use_single_crop_start_token": False}, False, False)],
)  # fmt: skip
def test_molmo2_writes_the_same_tokens(
    said: dict[str, Any] | None, columns: bool, start: bool, folder: "Folder"
) -> None:
    """As transformers' processor, of whose settings a folder may tell."""
    if said is not None:
        (folder.path / "processor_config.json").write_text(json.dumps(said))
    config = molmo_files.read_config(folder.path)
    marks = config.tokens
    names = {marks.start: "<im_start>", marks.end: "<im_end>", marks.patch: "<im_patch>", marks.column: "<im_col>"}
    names = {128 + 4: "<low_res_im_start>"} | names
    image = cut(Image.new("RGB", (640, 333)), config.crops, marks)
    settings: Any = SimpleNamespace(
        image_use_col_tokens=True, use_single_crop_col_tokens=columns, use_single_crop_start_token=start
    )
    theirs = Molmo2Processor.replace_image_token(settings, {"image_grids": [[*image.grids[0], *image.grids[1]]]}, 0)
    assert "".join(names[token] for token in image.tokens) == theirs


@pytest.fixture(scope="module", params=[False, True], ids=["qwen3", "olmo3"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Molmo]:
    """transformers' Molmo2 with random weights, and ours loaded from what it saved, in two shards."""
    torch.manual_seed(0)
    theirs = hf.Molmo2ForConditionalGeneration(molmo2(request.param)).eval()
    stir(theirs)
    folder = tmp_path_factory.mktemp("molmo2")
    theirs.save_pretrained(folder, max_shard_size="300KB")
    assert len(list(folder.glob("*.safetensors"))) > 1
    return theirs, molmo_files.load(folder)


@pytest.mark.parametrize("bidirectional", [True, False], ids=["both ways", "causal"])
def test_molmo2_is_the_same_with_both_masks(pair: tuple[Any, Molmo], bidirectional: bool) -> None:
    theirs, ours = pair
    ours.config = ours.config.model_copy(update={"bidirectional": bidirectional})
    image = cut(Image.effect_noise((500, 300), 80).convert("RGB"), ours.config.crops, ours.config.tokens)
    ids = [1, *image.tokens, *TEXT]
    marked = torch.tensor([[0] + [1] * len(image.tokens) + [0] * len(TEXT)])
    with torch.inference_mode():
        logits = theirs(
            torch.tensor([ids]), pixel_values=image.pixels, image_token_pooling=image.pooling, image_grids=torch.tensor([[*image.grids[0], *image.grids[1]]]),
            mm_token_type_ids=marked if bidirectional else None,
        ).logits[0]  # fmt: skip
    mine, cache = ours.prefill(ids, [image])
    assert same(mine, logits)
    more = ours.follow([11], cache)
    assert same(more[0], ours.prefill([*ids, 11], [image])[0][-1])


def test_many_questions_over_one_image(pair: tuple[Any, Molmo]) -> None:
    _, ours = pair
    image = cut(Image.effect_noise((200, 300), 80).convert("RGB"), ours.config.crops, ours.config.tokens)
    _, cache = ours.prefill([1, *image.tokens], [image])
    for question in ([3, 4, 5], [9, 8], [7]):
        alone = ours.prefill([1, *image.tokens, *question], [image])[0][-1]
        assert same(ours.follow(question, cache.shared(1))[-1], alone)
    assert cache.length == 1 + len(image.tokens)


def test_packed_questions_do_not_see_one_another(pair: tuple[Any, Molmo]) -> None:
    _, ours = pair
    image = cut(Image.effect_noise((200, 300), 80).convert("RGB"), ours.config.crops, ours.config.tokens)
    prompt, questions = [1, *image.tokens], [[3, 4, 5], [9, 8], [7]]
    pack = Packed(ours, ours.prefill(prompt, [image])[1], len(questions))
    first = pack.follow(questions)
    second = pack.follow([[11], [], [12]])  # the one in the middle has ended
    for i, more, logits in (
        (0, [], first[0]),
        (1, [], first[1]),
        (2, [], first[2]),
        (0, [11], second[0]),
        (2, [12], second[1]),
    ):
        assert same(logits, ours.prefill([*prompt, *questions[i], *more], [image])[0][-1])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_as_close_as_that_of_transformers(
    pair: tuple[Any, Molmo], dtype: str, tmp_path: Path
) -> None:
    theirs, ours = pair
    theirs.save_pretrained(tmp_path)
    half, kind = molmo_files.load(tmp_path, dtype), molmo_files.DTYPES[dtype]
    their_half = hf.Molmo2ForConditionalGeneration.from_pretrained(tmp_path, dtype=kind).eval()
    ids = [1, *TEXT, *range(30, 60)]
    with torch.inference_mode():
        exact = theirs(torch.tensor([ids])).logits[0]
        their_error = (their_half(torch.tensor([ids])).logits[0].float() - exact).abs().mean()
    our_error = (half.prefill(ids)[0].float() - exact).abs().mean()
    assert our_error < 1.3 * their_error


class Folder(NamedTuple):
    """A tiny Molmo2 on disk, to be spoiled."""

    path: Path
    weights: dict[str, Tensor]

    def write(self, weights: dict[str, Tensor]) -> Path:
        save_file(weights, self.path / "model.safetensors")
        return self.path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    hf.Molmo2ForConditionalGeneration(molmo2(False)).save_pretrained(tmp_path)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        return Folder(tmp_path, {key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118 -- not a dict


GATE = "model.vision_backbone.image_projector.w1.weight"


def test_weights_that_do_not_fit_are_listed(folder: Folder) -> None:
    spoiled = dict(folder.weights) | {"model.something.else": torch.zeros(2), "model.other": torch.zeros(2)}
    del spoiled[GATE], spoiled["lm_head.weight"]
    with pytest.raises(
        SetupError,
        match=r"2 missing: pool.up.weight, language.head.weight; 2 unknown: model.other, model.something.else",
    ):
        molmo_files.load(folder.write(spoiled))
    for wrong, told in (
        (torch.zeros(3, 32), rf"1 of another shape or kind: {GATE} is \(3, 32\), not \(40, 32\)"),
        (torch.zeros(40, 32, dtype=torch.int8), f"{GATE} holds int8, which are no weights"),
    ):
        with pytest.raises(SetupError, match=told):
            molmo_files.load(folder.write(folder.weights | {GATE: wrong}))


def test_a_file_of_another_number_format_is_converted(folder: Folder) -> None:
    before = molmo_files.load(folder.write(folder.weights)).state_dict()
    after = molmo_files.load(folder.write({key: value.bfloat16() for key, value in folder.weights.items()}))
    assert all(value.dtype is torch.float32 for value in after.state_dict().values())
    assert all(torch.allclose(value, before[key], rtol=0.01, atol=1e-3) for key, value in after.state_dict().items())


def test_a_file_that_breaks_off_and_one_that_is_missing(folder: Folder) -> None:
    path = folder.path / "model.safetensors"
    whole = path.read_bytes()
    for cut_at in (len(whole) - 1, len(whole) // 2, 100, 3, 0):
        path.write_bytes(whole[:cut_at])
        with pytest.raises(SetupError, match="no complete safetensors file.*fetch it again"):
            molmo_files.load(folder.path)
    index = folder.path / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "model-1.safetensors", "b": "model.safetensors"}}')
    with pytest.raises(SetupError, match="1 of 2 weight files are missing.*'model-1.safetensors' first"):
        molmo_files.load(folder.path)
    for text in ("{", "[]", '{"weight_map": 3}'):
        index.write_text(text)
        with pytest.raises(SetupError, match="lists no weight files"):
            molmo_files.load(folder.path)
    index.unlink()
    path.unlink()
    with pytest.raises(SetupError, match="no safetensors files"):
        molmo_files.load(folder.path)
    (folder.path / "pytorch_model.bin").write_bytes(whole)
    with pytest.raises(SetupError, match="is a pickle, which can run code"):
        molmo_files.load(folder.path)


def test_configs_that_are_not_molmos(folder: Folder) -> None:
    path = folder.path / "config.json"
    data = json.loads(path.read_text())
    text = dict(data["text_config"])
    del text["head_dim"]
    for wrong, told in (
        (data | {"model_type": "llama"}, "architecture 'llama', not molmo or molmo2"),
        (data | {"text_config": text}, "lacks or garbles something a molmo2 config has"),
        (data | {"text_config": data["text_config"] | {"hidden_size": "wide"}}, "lacks or garbles"),
        ([], "architecture None"), ([1], "cannot be read"),
    ):  # fmt: skip
        path.write_text(json.dumps(wrong))
        with pytest.raises(SetupError, match=told):
            molmo_files.load(folder.path)
    path.unlink()
    with pytest.raises(SetupError, match="cannot be read"):
        molmo_files.load(folder.path)


@pytest.mark.parametrize("size", [(8193, 100), (7, 100), (100, 9000)])
def test_a_picture_that_is_too_large_or_too_small(pair: tuple[Any, Molmo], size: tuple[int, int]) -> None:
    config = pair[1].config
    with pytest.raises(UsageError, match="cannot be taken: 8 to 8192 on a side"):
        cut(Image.new("RGB", size), config.crops, config.tokens)


def test_a_plan_for_several_gpus_keeps_layers_whole(pair: tuple[Any, Molmo]) -> None:
    """Reckoned, not run: there is no GPU at hand."""
    _, ours = pair
    size = sum(parameter.numel() * 4 for parameter in ours.parameters())
    plan = molmo_files.planned(ours, {0: size // 2, 1: size // 2, "cpu": size})
    assert len(set(plan.values())) > 1 and all(name in dict(ours.named_modules()) for name in plan)
    layers = {name for name in plan if name.startswith("language.layers")}
    assert all(name.count(".") == 2 for name in layers - {"language.layers"})  # never a part of one
    with pytest.raises(SetupError, match="more than the GPUs and the memory"):
        molmo_files.planned(ours, {0: 1000, "cpu": 1000})


def test_parts_on_several_devices_work_together(pair: tuple[Any, Molmo], folder: Folder, tmp_path: Path) -> None:
    """Half of the parts lie on the disk and come to where they are used, by the hooks that also serve several GPUs."""
    _, ours = pair
    config = ours.config
    image = cut(Image.effect_noise((200, 300), 80).convert("RGB"), config.crops, config.tokens)
    ids = [1, *image.tokens, *TEXT]
    whole = Molmo(config).eval().requires_grad_(False)
    whole.load_state_dict(ours.state_dict())
    plan: dict[str, int | str] = {
        "tower": "disk",
        "pool": "cpu",
        "language.embed": "cpu",
        "language.norm": "disk",
        "language.head": "disk",
    }
    plan |= {f"language.layers.{i}": ("disk", "cpu")[i % 2] for i in range(config.language.layers)}
    parted: Molmo = accelerate.dispatch_model(whole, plan, main_device="cpu", offload_dir=tmp_path / "disk")
    assert next(parted.tower.parameters()).device.type == "meta"
    logits, cache = parted.prefill(ids, [image])
    assert same(logits, ours.prefill(ids, [image])[0])
    assert same(parted.follow([7], cache), ours.prefill([*ids, 7], [image])[0][-1:])
