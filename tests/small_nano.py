"""A deixis-nano of a few thousand parameters, and things as it would have found them."""

import torch

from deixis.vlm.config import ROLES, ConnectorConfig, DecoderConfig, NanoConfig, ReaderConfig, SymbolConfig, VitConfig
from deixis.vlm.finder import Box, Element
from deixis.vlm.things import Sighted, Word, Written

SMALL = NanoConfig(
    vit=VitConfig(stem=(8, 16), width=32, dim=64, heads=2, layers=1, local_blocks=1, row_blocks=1),
    connector=ConnectorConfig(width=32),
    reader=ReaderConfig(channels=(4, 4, 8), width=16, blocks=1),
    symbols=SymbolConfig(channels=(8, 8, 8, 8), meaning=16),
    decoder=DecoderConfig(dim=64, heads=2, hidden=64, layers=1, buckets=64, relation=8),
)


def written(text: str, box: Box) -> Written:
    """A line of letters of one width."""
    step, words, start = (box[2] - box[0]) / max(len(text), 1), [], 0
    for word in text.split():
        start = text.index(word, start)
        words.append(Word(word, (box[0] + step * start, box[1], box[0] + step * (start + len(word)), box[3])))
        start += len(word)
    return Written(box, text, 0.9, words)


def sighted(lines: list[tuple[str, Box]], elements: list[Box], role: str = "button") -> Sighted:
    """What the rest of the model may have found; looks are random but the same for the same box."""
    roles = tuple(float(name == role) for name in ROLES)
    boxes = [box for _, box in lines] + elements
    looks = [
        torch.randn(2 * SMALL.connector.width, generator=torch.Generator().manual_seed(int(sum(box)))) for box in boxes
    ]
    return Sighted(
        [written(text, box) for text, box in lines], [Element(box, 0.9, roles) for box in elements],
        torch.zeros(len(elements), SMALL.symbols.meaning), torch.stack(looks),
    )  # fmt: skip
