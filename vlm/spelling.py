"""Spelling codes: what letters a word has, and roughly where, as a fixed vector that image and text can share.

A word becomes attributes such as "has an e in its second third" (a pyramidal histogram of characters, PHOC) and hashed
pairs of letters. The image encoder learns to predict a projection of the code of the word that is
written at each place, the decoder picks the words of a question that matter. So a name that was
never seen in training matches as well as a frequent one. Case and accents are folded. Deterministic, no parameters.
Source of the idea: Almazan et al., "Word Spotting and Recognition with Embedded Attributes" (2014).
"""

import re
import unicodedata
import zlib
from functools import lru_cache

import numpy as np

SYMBOLS = "abcdefghijklmnopqrstuvwxyz0123456789.,:-/@$€%#&+'?!_"
OTHER = len(SYMBOLS)
LEVELS = (1, 2, 3, 4)
PAIR_BUCKETS = 128
_WIDTH = OTHER + 1
SIZE = _WIDTH * sum(LEVELS) + 2 * PAIR_BUCKETS
"""Number of attributes of a word."""
_INDEX = {symbol: i for i, symbol in enumerate(SYMBOLS)}


_TYPED = str.maketrans({"ß": "ss", "×": "x", "✕": "x", "✖": "x", "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "−": "-"})  # fmt: skip
"""What people type for signs that their keyboards do not have."""


def fold(text: str) -> str:
    """Lower case without accents, signs as they are typed: what two spellings share that a person would call the same."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_TYPED))
    return "".join(c for c in plain if not unicodedata.combining(c))


def words_of(text: str) -> list[str]:
    """The words of a text as a question or a label has them: runs of non-space, bare of quotes and brackets."""
    bare = (word.strip("\"'“”‘’`()[]{}<>,;:.!?*…") for word in text.split())
    return [word for word in bare if word]


@lru_cache(maxsize=100_000)
def word_code(word: str) -> np.ndarray:
    """(SIZE,) float32, its length growing with the root of the word's: longer words say more."""
    letters = fold(word)[:24]
    code = np.zeros(SIZE, np.float32)
    n, base = max(len(letters), 1), 0
    for level in LEVELS:
        for i, letter in enumerate(letters):
            symbol = _INDEX.get(letter, OTHER)
            for region in range(level):
                low, high = max(i / n, region / level), min((i + 1) / n, (region + 1) / level)
                if (high - low) * n >= 0.5:
                    code[base + region * _WIDTH + symbol] += 1.0 if level == 1 else 1.2
        base += level * _WIDTH
    padded = f"^{letters}$"
    for i in range(len(padded) - 1):
        half = int(i >= (len(padded) - 1) / 2)
        code[base + half * PAIR_BUCKETS + zlib.crc32(padded[i : i + 2].encode()) % PAIR_BUCKETS] += 0.8
    norm = float(np.linalg.norm(code))
    return code * (weight(word) / norm) if norm else code


def weight(word: str) -> float:
    """How much a word says by its length."""
    return min(max(len(fold(word)), 1), 8) ** 0.5


def phrase_codes(texts: list[str], most: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """(Q, N, SIZE) codes of the words of texts, of each the first `most`, and (Q, N) what they weigh; zero after the last."""
    words = [words_of(text)[:most] for text in texts]
    count = max([1, *map(len, words)])
    codes, weights = np.zeros((len(texts), count, SIZE), np.float32), np.zeros((len(texts), count), np.float32)
    for i, row in enumerate(words):
        for k, word in enumerate(row):
            codes[i, k], weights[i, k] = word_code(word), weight(word)
    return codes, weights


def word_ends(text: str) -> list[tuple[int, str, int, int]]:
    """(index of the last byte in UTF-8, word, first character, end) of every word, for placing codes among bytes."""
    ends = []
    for match in re.finditer(r"\S+", text):
        words = words_of(match[0])
        if words:
            ends.append((len(text[: match.end()].encode()) - 1, words[0], match.start(), match.end()))
    return ends
