"""The shape of the embedded model, `deixis-nano`: a frozen tree, stored in the metadata of its weights.

Knows no tensors; each part of the model reads its own branch.
"""

from pydantic import BaseModel, ConfigDict


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageConfig(_Config):
    """How a screenshot is cut up: CSS pixels at scale 1."""

    tile_width: int = 672
    tile_height: int = 384
    overlap: int = 32
    """Neighbouring tiles share at least this much, so that nothing is seen only in halves."""
    cell: int = 8
    """The grid of the pointer: one cell is cell x cell CSS pixels."""
    overview: int = 320
    """Longer side of the whole screen's small picture."""


class VitConfig(_Config):
    """Convolution stem to stride 8, then transformer blocks over patches of 2 x 4 cells (16 x 32 CSS pixels)."""

    stem: tuple[int, int] = (32, 64)
    width: int = 128
    """Channels of the stride-8 cells."""
    local_blocks: int = 3
    row_blocks: int = 3
    row_kernel: tuple[int, int] = (3, 11)
    patch: tuple[int, int] = (2, 4)
    """(rows, columns) of cells in one token."""
    dim: int = 256
    heads: int = 4
    layers: int = 3


class ConnectorConfig(_Config):
    """Pools patches of tokens for the decoder and mixes tokens back into the cells for the pointer."""

    pool: tuple[int, int] = (2, 2)
    text_key: int = 256
    """Width of the keys that say what is written at a cell."""
    context_key: int = 128
    """Width of the keys that say what else a cell is."""
    meaning_key: int = 128
    """Width of the keys that say what the thing at a cell means."""


class DecoderConfig(_Config):
    """Decoder-only transformer over bytes; image tokens are its prefix."""

    vocabulary: int = 260
    dim: int = 256
    heads: int = 4
    hidden: int = 512
    layers: int = 4
    max_bytes: int = 96


class NanoConfig(_Config):
    """The whole model."""

    format: int = 2
    image: ImageConfig = ImageConfig()
    vit: VitConfig = VitConfig()
    connector: ConnectorConfig = ConnectorConfig()
    decoder: DecoderConfig = DecoderConfig()
    characters: int = 97
    """Classes of the reading head: blank, the printable ASCII characters, any other."""
    threshold: float = 0.5
    """Confidence from which a target counts as found."""
    temperature: float = 1.0
    """Divides the pointer's logits before the confidence is taken; fitted on held-out training pages."""
    calibration: tuple[float, float] = (1.0, 0.0)
    """Slope and intercept on the logit of the raw probability."""
