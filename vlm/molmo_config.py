"""The shapes of the Molmo family: v1 (72B, 7B-D, 7B-O, MolmoE-1B), Molmo2 and MolmoWeb, as one frozen tree.

Four branches, one for each part: crops, vision encoder, connector, decoder. What differs between generations is a value
here, never a test for a model's name elsewhere. Knows neither tensors nor files; `molmo_files` reads published configs.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CropConfig(_Config):
    """How an image is cut into overlapping square crops, and the whole of it shown small."""

    size: int
    """Side of a crop in pixels: 336 (v1), 378 (Molmo2)."""
    patch: int = 14
    most: int
    """Most crops of an image, the small whole one not counted."""
    margins: tuple[int, int] = (4, 4)
    """Patches at the left or top, and at the right or bottom, that neighbouring crops share."""
    fit: Literal["pad", "stretch"]
    """Keep the aspect and pad with black (v1), or stretch onto the canvas (Molmo2)."""
    antialias: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    columns: tuple[bool, bool]
    """Whether each row of image tokens ends with a column token: in the small whole image, in the crops."""

    @property
    def grid(self) -> int:
        """Patches along a side of a crop."""
        return self.size // self.patch


class _Tower(_Config):
    """What all vision encoders have."""

    width: int
    heads: int
    head_dim: int
    hidden: int
    blocks: int
    """As many as the weights hold; those above the deepest feature are not run."""
    positions: int
    patch: int = 14
    norm_eps: float
    features: tuple[int, ...]
    """Numbers of the blocks whose outputs are joined, in this order; from 0."""


class ClipTower(_Tower):
    """OpenAI's CLIP: a class token, a norm before the first block, quick GELU, patches without bias."""

    kind: Literal["clip"] = "clip"
    norm_eps: float = 1e-5


class SiglipTower(_Tower):
    """SigLIP2: no class token, GELU by tanh, patches with bias."""

    kind: Literal["siglip"] = "siglip"
    norm_eps: float = 1e-6


Tower = Annotated[ClipTower | SiglipTower, Field(discriminator="kind")]


class PoolConfig(_Config):
    """Four patches become one token: attention whose query is their mean, then a gated projection."""

    heads: int
    head_dim: int
    width: int
    """Of the pooled vector, before the projection."""
    hidden: int
    """Of the projection, each branch."""
    padding: bool
    """Whether patches that are padding, wholly or in part, are marked by an embedding (v1)."""


class Experts(_Config):
    """A mixture of experts in place of the MLP (OLMoE)."""

    count: int
    chosen: int
    normalised: bool = False
    """Whether the weights of the chosen ones are made to sum to 1."""


class Yarn(_Config):
    """Longer contexts by stretching slow rotations. Source: Peng et al., "YaRN" (2023)."""

    factor: float
    original: int
    """Positions of training before the stretch."""
    fast: float = 32.0
    slow: float = 1.0
    attention: float | None = None
    """Factor on the tables; without it, 0.1 ln(factor) + 1."""
    layers: tuple[int, ...] | None = None
    """Layers it is for; without it, all."""


class LanguageConfig(_Config):
    """Decoder-only transformer: Qwen2, Qwen3, OLMo 2 and 3, OLMoE."""

    dim: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    """Of the MLP, each branch; of one expert where there are experts."""
    vocabulary: int
    """Rows of the base embedding, and all that the head can say."""
    extra: int = 128
    """Rows of the embedding for image tokens, after those of the vocabulary."""
    norm_eps: float
    theta: float
    """Base of the rotations."""
    qkv_bias: bool = False
    qk_norm: Literal["none", "full", "head"] = "none"
    """Queries and keys normalised over their whole width (OLMo) or head by head (Qwen3)."""
    norm_after: bool = False
    """Norms on what a layer adds (OLMo 2) instead of on what it takes."""
    experts: Experts | None = None
    yarn: Yarn | None = None
    tied: bool = False
    """The head is the embedding."""


class ImageTokens(_Config):
    """Ids of the tokens around image patches."""

    start: int
    end: int
    patch: int
    column: int
    small_start: int
    """Begins the small whole image; `start` in v1."""


class MolmoConfig(_Config):
    """The whole model."""

    crops: CropConfig
    tower: Tower
    pool: PoolConfig
    language: LanguageConfig
    tokens: ImageTokens
    bidirectional: bool = False
    """Image tokens see one another, later ones too (Molmo2, not MolmoWeb)."""


CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
HALF = (0.5, 0.5, 0.5)


def v1_crops(most: int = 12) -> CropConfig:
    return CropConfig(
        size=336, most=most, fit="pad", antialias=True, mean=CLIP_MEAN, std=CLIP_STD, columns=(True, True)
    )


def v2_crops(most: int = 8) -> CropConfig:
    return CropConfig(size=378, most=most, fit="stretch", antialias=False, mean=HALF, std=HALF, columns=(False, True))
