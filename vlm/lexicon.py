"""Labels that screens often carry, each with its meaning: how "log me in" finds a button that says "Sign in".

What a question means is compared with the meaning of some thousand labels; the nearest ones are then looked for by their
spelling. So the model has to read a label, not to understand it, and a label's meaning need not be learned from
pictures. Labels come from training pages, the words of `words`, synonyms and frequent words; vectors are those of
`meaning`, stored as int8. Knows nothing of images.

    python -m deixis.vlm.lexicon --screens DIR --synonyms FILE.json      (makes lexicon.safetensors)
"""

import argparse
import json
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from deixis.vlm import ask, meaning, spelling
from deixis.vlm.words import ACTIONS, FIELDS, OPTIONS

FILE = Path(__file__).with_name("lexicon.safetensors")


class Near(NamedTuple):
    """The labels nearest to Q questions."""

    codes: Tensor
    """(Q * K, N, spelling.SIZE): the words of every label"""
    weights: Tensor
    """(Q * K, N)"""
    similarity: Tensor
    """(Q, K) cosine."""
    labels: list[str]
    """Q * K, folded."""


class Lexicon:
    """The stored labels; see `shared`."""

    def __init__(self, file: Path = FILE) -> None:
        with safe_open(file, "pt") as stored:
            self.labels: list[str] = json.loads(stored.metadata()["labels"])
            self.vectors = stored.get_tensor("vectors").float() / 127 / stored.get_tensor("norms")[:, None]

    def near(self, vectors: Tensor, count: int) -> Near:
        """The `count` labels nearest to each vector (Q, 384) of unit length."""
        similarity, index = (vectors @ self.vectors.T).topk(count, 1)
        labels = [self.labels[i] for i in index.flatten().tolist()]
        codes, weights = spelling.phrase_codes(labels, 3)
        return Near(torch.from_numpy(codes), torch.from_numpy(weights), similarity, labels)


_ASKING = (
    "the a an to on in at of for with and please now then click press tap hit select open choose push go find point use "
    "button link field box icon tab item entry option it is that this my your me i you we want need like would where what "
    "which can could let's dropdown list checkbox take show into type enter fill says called named row"
)
FRAME = frozenset(_ASKING.split())
"""Words that ask, rather than say for what."""


def bare(text: str) -> str:
    """A request (lower case) without the words that only ask; the whole of it when there are no others."""
    return " ".join(word for word in text.split() if word.strip(".,;:!?\"'") not in FRAME) or text


@cache
def shared() -> Lexicon:
    """One lexicon a process."""
    return Lexicon()


def labels(screens: Path, synonyms: dict[str, list[str]], common: int) -> list[str]:
    """Folded labels: those of at least two training pages, our word lists, synonyms, frequent words."""
    from wordfreq import top_n_list

    pages: dict[str, set[str]] = defaultdict(set)
    for file in screens.glob("*-0.json"):
        screen = json.loads(file.read_text())
        for element in screen["els"]:
            for name in ask.names_of(element, ("text", "label", "placeholder", "aria", "title")):
                pages[spelling.fold(name)].add(screen["page"])
    seen = sorted((n for n, where in pages.items() if len(where) > 1), key=lambda n: -len(pages[n]))
    known = [*map(spelling.fold, (*ACTIONS, *FIELDS, *OPTIONS)), *seen[:5000], *synonyms]
    known += [other for others in synonyms.values() for other in others[:3]]
    known += [w for w in top_n_list("en", common) if len(w) > 2]
    return [n for n in dict.fromkeys(known) if re.fullmatch(r"[a-z][a-z' &/-]{1,27}[a-z?]", n) and len(n.split()) < 5]


def build(screens: Path, synonyms: dict[str, list[str]], common: int, out: Path) -> None:
    names = labels(screens, synonyms, common)
    chunks = [names[i : i + 256] for i in range(0, len(names), 256)]
    vectors = torch.cat([meaning.shared().encode(chunk).whole for chunk in chunks])
    largest = vectors.abs().amax(1, keepdim=True)
    stored = (vectors / largest * 127).round()
    norms = (stored / 127).norm(dim=1)
    save_file(
        {"vectors": stored.to(torch.int8), "norms": norms}, out,
        metadata={"labels": json.dumps(names), "format": "1"},
    )  # fmt: skip
    print(f"{len(names)} labels, {out.stat().st_size / 1e6:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=Path, required=True)
    parser.add_argument("--synonyms", type=Path, required=True)
    parser.add_argument("--common", type=int, default=6000, help="how many of the most frequent English words")
    args = parser.parse_args()
    build(args.screens, json.loads(args.synonyms.read_text()), args.common, FILE)


if __name__ == "__main__":
    main()
