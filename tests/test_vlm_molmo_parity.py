"""Molmo's parts against the transformers classes they are made like, with random weights: the same numbers come out."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from deixis.browser.errors import SetupError
from deixis.vlm import molmo_files
from deixis.vlm.crops import cut
from deixis.vlm.language import Language
from deixis.vlm.molmo import Molmo, Packed
from deixis.vlm.molmo_config import ClipTower, Experts, LanguageConfig, SiglipTower
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
    return bool((a - b).abs().max() < 1e-5 * max(1.0, float(b.abs().max())))


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


def test_weights_that_do_not_fit_are_listed(pair: tuple[Any, Molmo], tmp_path: Path) -> None:
    theirs, _ = pair
    theirs.save_pretrained(tmp_path)
    save_file({"model.something.else": torch.zeros(2)}, tmp_path / "more.safetensors")
    with pytest.raises(SetupError, match="1 unknown: model.something.else"):
        molmo_files.load(tmp_path)
