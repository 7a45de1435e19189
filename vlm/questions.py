"""Questions as the decoder takes them: words with their spelling and meaning, and how they match what is written.

Knows nothing of pictures; all that it needs of a screen are its texts.
"""

import zlib
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from rapidfuzz import fuzz, process

from deixis.vlm import meaning, spelling
from deixis.vlm.config import DecoderConfig
from deixis.vlm.decoder import Asked, Tokens
from deixis.vlm.things import Things, codes_of

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


def names(text: str) -> bool:
    """Whether there is more in it than words that only ask."""
    return any(word.strip(".,;:!?\"'") not in FRAME for word in text.lower().split())


def bucket(word: str, buckets: int) -> int:
    """1 to buckets - 1."""
    return 1 + zlib.crc32(spelling.fold(word).encode()) % (buckets - 1)


def tokens_of(things: Things) -> Tokens:
    """A screen's things as the decoder takes them."""
    codes = codes_of([word.text for word in things.words])
    spelled = torch.zeros(len(things.texts), spelling.SIZE)
    if things.owners.shape[1]:
        spelled.index_add_(0, things.owners[0], codes[things.owners[1]])
    spelled = F.normalize(spelled, dim=-1)
    return Tokens(
        things.boxes, things.looks, things.flags, things.drawn, things.meanings, spelled, codes, things.owners
    )


def letters(text: str) -> str:
    """What is compared letter by letter: no case, accents, marks around words."""
    return " ".join(spelling.fold(word) for word in spelling.words_of(text))


def asked(texts: Sequence[str], things: Things, config: DecoderConfig) -> Asked:
    """Questions of at most `max_words` words; what is longer is cut at the end."""
    lower = [text.lower() for text in texts]
    bares = [bare(text) for text in lower]
    meant = meaning.shared().encode(lower + bares)
    found = [spelling.word_ends(text)[: config.max_words] for text in texts]
    count = max(1, *map(len, found))
    codes = torch.zeros(len(texts), count, spelling.SIZE)
    meanings = torch.zeros(len(texts), count, meaning.WIDTH)
    hashes = torch.zeros(len(texts), count, dtype=torch.long)
    for i, row in enumerate(found):
        if not row:
            continue
        codes[i, : len(row)] = codes_of([word.removesuffix("'s").removesuffix("’s") for _, word, _, _ in row])
        for k, (_, word, start, stop) in enumerate(row):
            hashes[i, k] = bucket(word, config.buckets)
            meanings[i, k] = meaning.word_vectors(meant, i, start, stop)
    whole = torch.stack([meant.whole[: len(texts)], meant.whole[len(texts) :]], 1)
    ratios = process.cdist(
        [letters(text) for text in bares], [letters(text) for text in things.texts], scorer=fuzz.ratio
    )
    return Asked(codes, meanings, hashes, whole.float(), torch.from_numpy(ratios).float() / 100)
