"""Meaning vectors: what words mean, from a small pretrained sentence encoder, so that "log me in" is near "Sign in".

The text side of all-MiniLM-L6-v2 (Apache-2.0; Reimers and Gurevych, "Sentence-BERT", 2019; Wang et al., "MiniLM", 2020):
BERT with six layers of width 384. Its weights are frozen and stored as int8 with a scale per row, its vocabulary is cut
to the pieces that frequent words of Latin-script languages need. Knows nothing of images.

    python -m deixis.vlm.meaning --source DIR     (makes meaning.safetensors and meaning.json from the published files)
"""

import argparse
import copy
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from deixis.vlm import int8

WIDTH, LAYERS, HEADS = 384, 6, 12
WEIGHTS, VOCABULARY = Path(__file__).with_name("meaning.safetensors"), Path(__file__).with_name("meaning.json")
MAX_PIECES = 64
TOGETHER = 64
"""Texts in one pass: those of about the same length, since attention is padded to the longest."""


class Meanings(NamedTuple):
    """Vectors of some texts."""

    whole: Tensor
    """(N, 384) of unit length, one a text."""
    pieces: Tensor
    """(N, T, 384): the last layer's state of every word piece; 0 for padding."""
    spans: list[list[tuple[int, int]]]
    """Characters of the text that each piece covers; (0, 0) for marks and padding."""


class MeaningEncoder:
    """The frozen encoder; see `shared`."""

    def __init__(self, weights: Path = WEIGHTS, vocabulary: Path = VOCABULARY) -> None:
        self.tokenizer = Tokenizer.from_file(str(vocabulary))
        self.tokenizer.enable_truncation(MAX_PIECES)
        self.tokenizer.enable_padding()
        stored = load_file(weights)
        self.w = {
            name: value.float() * stored[name + ".scale"][:, None] if value.dtype == torch.int8 else value.float()
            for name, value in stored.items()
            if not name.endswith(".scale")
        }
        self.products: dict[str, int8.RoundedRows] = {}

    def rounded(self) -> "MeaningEncoder":
        """The same with its products in whole numbers (`int8`), which nothing can be learned through.

        Vectors have a cosine of 0.997 with what they would be. All else is shared with this one.
        """
        names = [name.removesuffix(".bias") for name in self.w if name.endswith(".bias") and "LayerNorm" not in name]
        other = copy.copy(self)
        other.products = {name: int8.RoundedRows(self.w[name + ".weight"], self.w[name + ".bias"]) for name in names}
        return other

    def linear(self, x: Tensor, name: str) -> Tensor:
        if name in self.products:
            product: Tensor = self.products[name](x)
            return product
        return F.linear(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (WIDTH,), self.w[name + ".weight"], self.w[name + ".bias"], 1e-12)

    @torch.no_grad()
    def encode(self, texts: list[str]) -> Meanings:
        """What texts mean; those that come twice are worked out once."""
        once = sorted(set(texts), key=len)
        parts: list[Meanings] = []
        with torch.autocast("cpu", enabled=False):  # for every shape that it has not met bfloat16 needs new kernels
            for start in range(0, len(once), TOGETHER):
                parts.append(self._encode(once[start : start + TOGETHER]))
        place = {text: number for number, text in enumerate(once)}
        return _joined(parts, [place[text] for text in texts])

    def learned(self, texts: list[str]) -> Tensor:
        """(N, 384) of unit length, with gradients."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        parts = [order[start : start + TOGETHER] for start in range(0, len(order), TOGETHER)]
        whole = torch.cat([self._encode([texts[i] for i in part]).whole for part in parts])
        return whole[torch.tensor(order).argsort()]

    def _encode(self, texts: list[str]) -> Meanings:
        rows = self.tokenizer.encode_batch(texts)
        there = torch.tensor([row.attention_mask for row in rows]).bool()
        count, longest = there.shape
        table = self.w["embeddings.position_embeddings.weight"]
        ids, places = torch.tensor([row.ids for row in rows])[there], torch.arange(longest).expand(count, -1)[there]
        # Texts lie end to end, as one long row: padding is only for attention, which costs little.
        x = self.w["embeddings.word_embeddings.weight"][ids] + table[places]
        x = self.norm(x + self.w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        mask, at = there[:, None, None], there.flatten().nonzero()[:, 0]

        def padded(y: Tensor) -> Tensor:
            return y.new_zeros(count * longest, WIDTH).index_copy(0, at, y).view(count, longest, WIDTH)

        for i in range(LAYERS):
            layer = f"encoder.layer.{i}."
            q, k, v = (
                padded(self.linear(x, f"{layer}attention.self.{part}")).view(count, longest, HEADS, -1).transpose(1, 2)
                for part in ("query", "key", "value")
            )
            y = F.scaled_dot_product_attention(q, k, v, mask).transpose(1, 2)[there].flatten(1)
            x = self.norm(x + self.linear(y, layer + "attention.output.dense"), layer + "attention.output.LayerNorm")
            y = self.linear(F.gelu(self.linear(x, layer + "intermediate.dense")), layer + "output.dense")
            x = self.norm(x + y, layer + "output.LayerNorm")
        pieces = padded(x)
        whole = F.normalize(pieces.sum(1) / there.sum(1, keepdim=True), dim=-1)
        return Meanings(whole, pieces, [row.offsets for row in rows])


def _joined(parts: list[Meanings], order: list[int]) -> Meanings:
    """Passes as one, with the texts in another order."""
    if not parts:
        return Meanings(torch.zeros(0, WIDTH), torch.zeros(0, 0, WIDTH), [])
    longest = max(part.pieces.shape[1] for part in parts)
    pieces = torch.cat([F.pad(part.pieces, (0, 0, 0, longest - part.pieces.shape[1])) for part in parts])
    spans = [row for part in parts for row in part.spans]
    return Meanings(torch.cat([part.whole for part in parts])[order], pieces[order], [spans[i] for i in order])


def shared(rounded: bool = False) -> MeaningEncoder:
    """One encoder a process, and one that rounds."""
    return _kept(rounded)  # to a cache, nothing said and False said are two questions


@cache
def _kept(rounded: bool) -> MeaningEncoder:
    return _kept(False).rounded() if rounded else MeaningEncoder()


_KNOWN: dict[str, Tensor] = {}


def of_names(names: list[str]) -> Tensor:
    """(N, 384) of names; kept, since names repeat."""
    lower = [name.lower() for name in names]
    new = list(dict.fromkeys(name for name in lower if name not in _KNOWN))
    if new:
        _KNOWN.update(zip(new, shared().encode(new).whole, strict=True))
    return torch.stack([_KNOWN[name] for name in lower]) if names else torch.zeros(0, WIDTH)


def word_vectors(meanings: Meanings, row: int, start: int, end: int) -> Tensor:
    """(384,) mean state of the pieces inside characters start to end of one text; zero when there are none."""
    inside = [i for i, (a, b) in enumerate(meanings.spans[row]) if b > a and a >= start and b <= end]
    return meanings.pieces[row, inside].mean(0) if inside else torch.zeros(WIDTH)


def _pieces(source: Path) -> tuple[list[str], list[int]]:
    """Word pieces worth keeping and their numbers in the published vocabulary."""
    from wordfreq import top_n_list

    full = Tokenizer.from_file(str(source / "tokenizer.json"))
    full.no_padding()
    wanted: set[int] = set()
    for language, count in (
        ("en", 40000),
        ("de", 4000),
        ("fr", 4000),
        ("es", 4000),
        ("it", 3000),
        ("nl", 3000),
        ("pt", 3000),
    ):
        for encoding in full.encode_batch(top_n_list(language, count)):
            wanted.update(encoding.ids)
    vocabulary = (source / "vocab.txt").read_text().splitlines()
    wanted |= {i for i, piece in enumerate(vocabulary) if len(piece.removeprefix("##")) == 1 and ord(piece[-1]) < 0x250}
    wanted |= {vocabulary.index(mark) for mark in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")}
    kept = sorted(i for i in wanted if all(ord(c) < 0x250 or c == "€" for c in vocabulary[i]))
    return [vocabulary[i] for i in kept], kept


def write(weights: Mapping[str, Tensor], file: Path) -> None:
    """Matrices as int8 with a scale per row, the rest in float16."""
    out: dict[str, Tensor] = {}
    for name, value in weights.items():
        if value.ndim == 2:
            scale = value.abs().amax(1).clamp(min=1e-8) / 127
            out[name], out[name + ".scale"] = (value / scale[:, None]).round().to(torch.int8), scale
        else:
            out[name] = value.half()
    about = {"source": "all-MiniLM-L6-v2", "licence": "Apache-2.0", "format": "1"}
    save_file(out, file, metadata=about)


def build(source: Path) -> None:
    """Writes our two files from a folder with the published model's safetensors, tokenizer.json and vocab.txt."""
    pieces, kept = _pieces(source)
    described = json.loads((source / "tokenizer.json").read_text())
    described["model"]["vocab"] = {piece: i for i, piece in enumerate(pieces)}
    for mark in described["added_tokens"]:
        mark["id"] = pieces.index(mark["content"])
    for name, special in described["post_processor"].get("special_tokens", {}).items():
        special["ids"] = [pieces.index(name)]
    for part in ("sep", "cls"):
        if part in described["post_processor"]:
            described["post_processor"][part][1] = pieces.index(described["post_processor"][part][0])
    described["truncation"] = described["padding"] = None
    VOCABULARY.write_text(json.dumps(described, ensure_ascii=False, separators=(",", ":")))
    taken: dict[str, Tensor] = {}
    with safe_open(source / "model.safetensors", "pt") as file:
        for name in file.keys():  # noqa: SIM118 -- not a dict
            value = file.get_tensor(name)
            if "pooler" in name or "position_ids" in name:
                continue
            if "word_embeddings" in name:
                value = value[kept]
            if "position_embeddings" in name:
                value = value[:MAX_PIECES]
            taken[name] = value
    write(taken, WEIGHTS)
    print(f"{len(pieces)} word pieces, {WEIGHTS.stat().st_size / 1e6:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True)
    build(parser.parse_args().source)


if __name__ == "__main__":
    main()
