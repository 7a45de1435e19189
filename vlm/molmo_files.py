"""Molmo weights on disk: published configs and safetensors, sharded or not, into our classes, one tensor at a time.

Two layouts are known, the one the checkpoints are published in and that of transformers' Molmo2; both are renamed by the
same table. The model is built without memory first, so the peak is its size and one tensor. Weights are never read from
pickles. Knows names and shapes, no arithmetic. Facts: published key names of allenai/molmo and molmo2.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from deixis.browser.errors import SetupError
from deixis.vlm.molmo import Molmo
from deixis.vlm.molmo_config import (
    ClipTower,
    Experts,
    ImageTokens,
    LanguageConfig,
    MolmoConfig,
    PoolConfig,
    SiglipTower,
    Yarn,
    v1_crops,
    v2_crops,
)

WHOLE = ("VisionTower", "Pool", "DecoderLayer")
"""Parts that are not cut in two when a model is spread over devices."""
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
LAYER = {
    "att_proj": "qkv", "self_attn.att_proj": "qkv", "self_attn.q_proj": "qkv:q", "self_attn.k_proj": "qkv:k", "self_attn.v_proj": "qkv:v",
    "attn_out": "out", "self_attn.attn_out": "out", "self_attn.o_proj": "out", "ff_proj": "mlp.up", "mlp.ff_proj": "mlp.up",
    "mlp.up_proj": "mlp.up:first", "mlp.gate_proj": "mlp.up:second", "ff_out": "mlp.down", "mlp.ff_out": "mlp.down", "mlp.down_proj": "mlp.down",
    "attn_norm": "attention_norm", "input_layernorm": "attention_norm", "ff_norm": "mlp_norm", "post_attention_layernorm": "mlp_norm",
    "q_norm": "q_norm", "k_norm": "k_norm", "self_attn.q_norm": "q_norm", "self_attn.k_norm": "k_norm",
    "ffn.router.layer": "mlp.router", "ffn.experts.mlp.v1": "mlp.up:first", "ffn.experts.mlp.w1": "mlp.up:second", "ffn.experts.mlp.w2": "mlp.down",
}  # fmt: skip
BLOCK = {
    "attention_norm": "norm1", "layer_norm1": "norm1", "ffn_norm": "norm2", "layer_norm2": "norm2", "attention.wq": "qkv:q", "attention.wk": "qkv:k",
    "attention.wv": "qkv:v", "attention.wo": "out", "self_attn.q_proj": "qkv:q", "self_attn.k_proj": "qkv:k", "self_attn.v_proj": "qkv:v",
    "self_attn.o_proj": "out", "feed_forward.w1": "up", "feed_forward.w2": "down", "mlp.fc1": "up", "mlp.fc2": "down",
}  # fmt: skip
POOL = {
    "image_pooling_2d.wq": "q", "image_pooling_2d.wk": "k", "image_pooling_2d.wv": "v", "image_pooling_2d.wo": "out", "image_pooling_2d.q_proj": "q",
    "image_pooling_2d.k_proj": "k", "image_pooling_2d.v_proj": "v", "image_pooling_2d.o_proj": "out", "image_projector.w1": "up:second",
    "image_projector.w3": "up:first", "image_projector.w2": "down", "image_projector.gate_proj": "up:second", "image_projector.up_proj": "up:first",
    "image_projector.down_proj": "down", "pad_embed": "padding",
}  # fmt: skip
REST = {
    "transformer.wte.embedding": "language.embed.weight:base", "transformer.wte.new_embedding": "language.embed.weight:extra",
    "language_model.embed_tokens.weight": "language.embed.weight", "transformer.ln_f.weight": "language.norm.weight", "language_model.norm.weight": "language.norm.weight",
    "transformer.ff_out.weight": "language.head.weight", "lm_head.weight": "language.head.weight",
    "class_embedding": "tower.token", "positional_embedding": "tower.positions", "patch_embedding.weight": "tower.embed.weight",
    "patch_embedding.bias": "tower.embed.bias", "pre_ln.weight": "tower.norm.weight", "pre_ln.bias": "tower.norm.bias",
}  # fmt: skip


class Place(NamedTuple):
    """Where a stored tensor belongs."""

    name: str
    """Of our parameter."""
    part: str = ""
    """Which rows of it: q, k, v, first, second, base, extra; "" for all."""


def place_of(key: str) -> Place | None:
    """The place of a published key, of either layout; None for one we do not know."""
    key = key.removeprefix("model.")
    layer = re.fullmatch(r"(?:transformer\.blocks|language_model\.layers)\.(\d+)\.(.+?)(\.weight|\.bias)?", key)
    if layer:
        return _placed(f"language.layers.{layer[1]}.", LAYER.get(layer[2]), layer[3] or "", "mlp." in layer[2])
    key = re.sub(r"^(vision_backbone\.image_vit|vision_backbone|vision_tower|multi_modal_projector)\.", "", key)
    block = re.fullmatch(r"(?:transformer\.resblocks|layers)\.(\d+)\.(.+)(\.weight|\.bias)", key)
    if block:
        return _placed(f"tower.blocks.{block[1]}.", BLOCK.get(block[2]), block[3])
    pool = re.fullmatch(r"(.+?)(\.weight|\.bias)?", key)
    if pool and pool[1] in POOL:
        return _placed("pool.", POOL[pool[1]], pool[2] or "")
    name, _, part = REST.get(key, "").partition(":")
    return Place(name, part) if name else None


def _placed(prefix: str, target: str | None, suffix: str, experts: bool = False) -> Place | None:
    if target is None:
        return None
    name, _, part = target.partition(":")
    return Place(f"{prefix}{name}{'' if experts and not suffix else suffix}", part)


def rows_of(place: Place, config: MolmoConfig, size: int, stored: int) -> slice:
    """The rows of our parameter, of `size` rows in all, that a stored tensor of so many rows fills."""
    if place.part in {"q", "k", "v"}:
        q, kv = size // 3, size // 3
        if place.name.startswith("language."):
            q, kv = (n * config.language.head_dim for n in (config.language.heads, config.language.kv_heads))
        start = {"q": 0, "k": q, "v": q + kv}[place.part]
        return slice(start, start + (q if place.part == "q" else kv))
    half = size // 2
    # transformers cuts the embedding in two halves where the published files cut it after the vocabulary.
    parts = {
        "first": slice(0, half),
        "second": slice(half, size),
        "base": slice(0, stored),
        "extra": slice(size - stored, size),
    }
    return parts.get(place.part, slice(0, size))


def load(folder: Path, dtype: str = "float32", device: str = "cpu") -> Molmo:
    """The model of a folder in published layout; SetupError names what is missing, left over or of the wrong shape.

    device: cpu, cuda, or auto for all GPUs that are there, then the memory of the machine.
    """
    if dtype not in DTYPES:
        raise SetupError(f"{dtype!r} is no number format for weights: {', '.join(DTYPES)}")
    config = read_config(folder)
    with torch.device("meta"):
        model = Molmo(config).to(DTYPES[dtype]).eval().requires_grad_(False)
    plan = planned(model) if device == "auto" else {"": device}
    for name, where in plan.items():
        model.get_submodule(name).to_empty(device=where)
    fill(model, shards(folder), str(folder))
    return spread(model, plan)


def planned(model: Molmo, room: dict[int | str, int] | None = None) -> dict[str, int | str]:
    """Where each part goes, by accelerate's reckoning: numbers are GPUs. SetupError when it fits nowhere.

    room: bytes to use of each device; without it, what is free.
    """
    try:
        from accelerate import infer_auto_device_map
    except ImportError as error:
        raise SetupError(f"several GPUs need accelerate ({error}): pip install 'deixis[models]'") from error
    plan: dict[str, int | str] = infer_auto_device_map(model, room, no_split_module_classes=list(WHOLE))
    if "disk" in plan.values():
        size = sum(p.numel() * p.element_size() for p in model.parameters()) / 2**30
        raise SetupError(f"the weights take {size:.0f} GiB, more than the GPUs and the memory of this machine hold")
    return plan


def spread(model: Molmo, plan: Mapping[str, int | str]) -> Molmo:
    """The model whose parts fetch what they are given onto their own device, where there is more than one."""
    if len(set(plan.values())) < 2:
        return model
    from accelerate import dispatch_model

    spread: Molmo = dispatch_model(model, dict(plan))
    return spread


def fill(model: Molmo, files: list[Path], what: str) -> None:
    """Copies every stored tensor into its place; SetupError unless each parameter is filled exactly once."""
    parameters = dict(model.named_parameters())
    filled: dict[str, int] = defaultdict(int)
    extra, wrong = [], []
    for key, value in stored(files):
        place = place_of(key)
        parameter = parameters.get(place.name) if place else None
        if place is None or parameter is None:
            extra.append(key)
            continue
        if not value.is_floating_point() or not value.ndim:
            wrong.append(f"{key} holds {str(value.dtype).removeprefix('torch.')}, which are no weights")
            continue
        target = target_of(place, parameter, model.config, len(value))
        if value.numel() == target.numel() and place.name.endswith(("mlp.up", "mlp.down")):
            value = value.view(target.shape)
        if value.shape != target.shape:
            wrong.append(f"{key} is {tuple(value.shape)}, not {tuple(target.shape)}")
            continue
        target.copy_(value)
        filled[place.name] += target.numel()
    missing = [name for name, parameter in parameters.items() if filled[name] != parameter.numel()]
    problems = [("missing", missing), ("unknown", extra), ("of another shape or kind", wrong)]
    told = "; ".join(
        f"{len(some)} {word}: {', '.join(some[:5])}{' ...' if len(some) > 5 else ''}" for word, some in problems if some
    )
    if told:
        raise SetupError(
            f"the weights in {what!r} do not fit their config ({told}): fetch them again, or give the right config.json"
        )


def target_of(place: Place, parameter: Tensor, config: MolmoConfig, stored: int) -> Tensor:
    """The part of a parameter that a stored tensor fills; experts hold their rows one level down."""
    experts = parameter.ndim == 3 and place.part in {"first", "second"}
    if experts:
        return parameter[:, rows_of(place, config, parameter.shape[1], stored)]
    return parameter[rows_of(place, config, parameter.shape[0], stored)]


def stored(files: list[Path]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of the files, one at a time."""
    for path in files:
        try:
            with safe_open(path, "pt") as file:
                for key in file.keys():  # noqa: SIM118 -- not a dict
                    yield key, file.get_tensor(key)
        except SafetensorError as error:
            raise SetupError(f"{str(path)!r} is no complete safetensors file ({error}): fetch it again") from error


def shards(folder: Path) -> list[Path]:
    """The safetensors files of a folder, by its index where it has one; SetupError for pickles or a missing shard."""
    index = folder / "model.safetensors.index.json"
    if index.exists():
        try:
            names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SetupError(f"{str(index)!r} lists no weight files ({error!r}): fetch it again") from error
        gone = [name for name in names if not (folder / name).exists()]
        if gone:
            raise SetupError(
                f"{len(gone)} of {len(names)} weight files are missing in {str(folder)!r}, {gone[0]!r} first: fetch them"
            )
        return [folder / name for name in names]
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        pickled = next(iter([*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")]), None)
        if pickled:
            raise SetupError(
                f"{str(pickled)!r} is a pickle, which can run code when it is read: convert it to safetensors"
            )
        raise SetupError(f"no safetensors files in {str(folder)!r}")
    return found


def read_config(folder: Path) -> MolmoConfig:
    """The shape that a folder's config.json describes; SetupError for another architecture."""
    path = folder / "config.json"
    try:
        data = dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise SetupError(f"{str(path)!r} cannot be read ({error}): fetch it again") from error
    kind = data.get("model_type")
    try:
        if kind == "molmo":
            return v1_config(data)
        if kind == "molmo2":
            return _as_processed(v2_config(data), folder)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise SetupError(f"{str(path)!r} lacks or garbles something a {kind} config has ({error!r})") from error
    raise SetupError(f"{str(path)!r} is of architecture {kind!r}, not molmo or molmo2")


def _as_processed(config: MolmoConfig, folder: Path) -> MolmoConfig:
    """The config with the row ends and first token of the small image that the folder's processor writes, if it says so."""
    path = folder / "processor_config.json"
    said: dict[str, Any] = dict(json.loads(path.read_text())) if path.is_file() else {}
    rows = bool(said.get("image_use_col_tokens", config.crops.columns[1]))
    small = said.get("use_single_crop_col_tokens", config.crops.columns[0])
    crops = config.crops.model_copy(update={"columns": (rows if small is None else bool(small), rows)})
    own = said.get("use_single_crop_start_token", True)
    tokens = config.tokens if own else config.tokens.model_copy(update={"small_start": config.tokens.start})
    return config.model_copy(update={"crops": crops, "tokens": tokens})


CLIP_L = ClipTower(width=1024, heads=16, head_dim=64, hidden=4096, blocks=23, positions=577, features=(21, 14))
"""The encoder of all v1 checkpoints, whose configs say nothing of it: OpenAI's CLIP L/14 at 336, without its last block."""


def v1_config(data: dict[str, Any], most: int = 12) -> MolmoConfig:
    """From the published config.json of a v1 checkpoint, which names only the decoder: the encoder is always CLIP L/14."""
    heads, vocabulary = data["num_attention_heads"], data["embedding_size"] or data["vocab_size"]
    language = LanguageConfig(
        dim=data["hidden_size"], layers=data["num_hidden_layers"], heads=heads, kv_heads=data.get("num_key_value_heads") or heads,
        head_dim=data["hidden_size"] // heads, hidden=data["intermediate_size"] // 2, vocabulary=vocabulary, norm_eps=data["layer_norm_eps"],
        theta=data["rope_theta"], qkv_bias=data["qkv_bias"], qk_norm="full" if data.get("attention_layer_norm") else "none",
        norm_after=bool(data.get("norm_after")), experts=Experts(count=data["moe_num_experts"], chosen=data["moe_top_k"]) if data.get("moe_num_experts") else None,
        tied=bool(data.get("weight_tying")), extra=data.get("additional_vocab_size") or 128,
    )  # fmt: skip
    pool = PoolConfig(
        heads=CLIP_L.heads,
        head_dim=CLIP_L.head_dim,
        width=CLIP_L.width,
        hidden=data["intermediate_size"] // 2,
        padding=True,
    )
    return MolmoConfig(
        crops=v1_crops(most), tower=CLIP_L, pool=pool, language=language, tokens=tokens_after(vocabulary)
    )


def tokens_after(rows: int) -> ImageTokens:
    """v1 numbers its image tokens after the rows of the base embedding."""
    return ImageTokens(start=rows, end=rows + 1, patch=rows + 2, column=rows + 3, small_start=rows)


def v2_config(data: dict[str, Any], most: int = 8) -> MolmoConfig:
    """From the config.json of Molmo2 and MolmoWeb, as published or as transformers writes it."""
    text, adapter = data["text_config"], data["adapter_config"]
    vision = data.get("vision_config") or data["vit_config"]
    layers = vision["num_hidden_layers"]
    features = tuple(layer % layers for layer in adapter.get("vit_layers") or adapter["vision_feature_layer"])
    tower = SiglipTower(
        width=vision["hidden_size"], heads=vision["num_attention_heads"], head_dim=vision["head_dim"], hidden=vision["intermediate_size"],
        blocks=max(features) + 1 if "vit_config" in data else layers, positions=vision.get("image_num_pos") or vision["num_position_embeddings"],
        patch=vision.get("image_patch_size") or vision["patch_size"], norm_eps=vision["layer_norm_eps"], features=features,
    )  # fmt: skip
    pool = PoolConfig(
        heads=adapter["num_attention_heads"], head_dim=adapter["head_dim"], width=adapter["hidden_size"],
        hidden=adapter["intermediate_size"], padding=False,
    )  # fmt: skip
    tokens = ImageTokens(
        start=data["image_start_token_id"], end=data["image_end_token_id"], patch=data["image_patch_id"],
        column=data.get("image_col_id", data["image_patch_id"] + 1), small_start=data["low_res_image_start_token_id"],
    )  # fmt: skip
    return MolmoConfig(
        crops=v2_crops(most),
        tower=tower,
        pool=pool,
        language=_v2_language(text, data),
        tokens=tokens,
        bidirectional=True,
    )


def _v2_language(text: dict[str, Any], data: dict[str, Any]) -> LanguageConfig:
    rope = text.get("rope_parameters") or text.get("rope_scaling") or {}
    layers = text.get("rope_scaling_layers")
    yarn = None
    if rope.get("rope_type", "default") == "yarn":
        yarn = Yarn(
            factor=rope["factor"], original=rope["original_max_position_embeddings"], fast=rope.get("beta_fast") or 32.0,
            slow=rope.get("beta_slow") or 1.0, attention=rope.get("attention_factor"), layers=None if layers is None else tuple(layers),
        )  # fmt: skip
    return LanguageConfig(
        dim=text["hidden_size"], layers=text["num_hidden_layers"], heads=text["num_attention_heads"], kv_heads=text["num_key_value_heads"],
        head_dim=text["head_dim"], hidden=text["intermediate_size"], vocabulary=text["vocab_size"], extra=text["additional_vocab_size"],
        norm_eps=text.get("rms_norm_eps") or text["layer_norm_eps"], theta=rope.get("rope_theta") or text["rope_theta"],
        qkv_bias=bool(text.get("attention_bias") or text.get("qkv_bias")), qk_norm="full" if text["qk_norm_type"] == "olmo" else "head",
        norm_after=text["norm_after"], yarn=yarn, tied=bool(data.get("tie_word_embeddings")),
    )  # fmt: skip
