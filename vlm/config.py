"""The shape of the embedded model, `deixis-nano`: a frozen tree, stored in the metadata of its weights.

Knows no tensors; each part of the model reads its own branch.
"""

from pydantic import BaseModel, ConfigDict

SYMBOLS = (
    " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"
    "€£¥©®°±·×–—‘’“”„…•«»¿¡§ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿĄąĆćĘęŁłŃńŚśŹźŻżŒœ→←↑↓✓★"
)
"""What can be read; anything else is left out."""
ROLES = ("link", "button", "field", "select", "checkbox", "radio", "switch", "tab", "menuitem", "slider", "file")
"""What an element can be."""


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageConfig(_Config):
    """How a screenshot is cut up: CSS pixels at scale 1."""

    tile_width: int = 672
    tile_height: int = 384
    overlap: int = 32
    """Neighbouring tiles share at least this much, so that nothing is seen only in halves."""
    cell: int = 8
    """One cell of the encoder's map is cell x cell CSS pixels."""
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
    """Mixes tokens back into the cells, finds lines and elements there, and pools the cells of each."""

    width: int = 256
    """Channels of a cell of the mixed map."""
    kernel: int = 5


class ReaderConfig(_Config):
    """A line of text, 32 pixels high, to letters."""

    channels: tuple[int, int, int] = (32, 64, 128)
    width: int = 256
    blocks: int = 5
    kernel: int = 9
    symbols: str = SYMBOLS


class SymbolConfig(_Config):
    """A drawing, 40 x 40 pixels, to a vector in the space of meanings."""

    channels: tuple[int, int, int, int] = (32, 64, 128, 256)
    meaning: int = 192
    """Width of the space in which drawings and words are compared."""


class DecoderConfig(_Config):
    """Decoder-only transformer over the words of a question; what was found on the screen is its prefix."""

    dim: int = 256
    heads: int = 8
    hidden: int = 704
    layers: int = 4
    buckets: int = 4096
    """Words of questions are also known by their hash."""
    max_words: int = 24
    relation: int = 32
    """Width of what is said of how two things lie to each other."""


class NanoConfig(_Config):
    """The whole model."""

    format: int = 4
    image: ImageConfig = ImageConfig()
    vit: VitConfig = VitConfig()
    connector: ConnectorConfig = ConnectorConfig()
    reader: ReaderConfig = ReaderConfig()
    symbols: SymbolConfig = SymbolConfig()
    decoder: DecoderConfig = DecoderConfig()
    threshold: float = 0.5
    """Confidence from which a target counts as found."""
    calibration: tuple[float, float] = (1.0, 0.0)
    """Slope and intercept on the logit of the judge."""
