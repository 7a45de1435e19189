"""Whole numbers of 8 bits for the products that take most of a look's time, made of the weights at load.

Weights are rounded with one scale for every output, inputs with one range for every call, sums are exact: processors with
instructions for it (AVX512-VNNI and the like) are three times as fast at these products as in float32. What takes little
time, and what asks for more exactness than 8 bits have (first convolutions, the connector's tower and its heads, the
decoder, drawings), stays as it is. For answering only: nothing can be learned or saved afterwards. Knows no timing.

torch means to drop its tensors of whole numbers some day; then `offered` says no, and everything runs in float32.
"""

import warnings

import torch
from torch import Tensor, nn

from deixis.vlm.model import Nano

PARTS = ("stem.local", "stem.rows", "vit", "connector.back", "reader.flat", "reader.blocks")
"""Beginnings of the names of what holds the linear layers that are rounded."""
ENGINE = "fbgemm"
"""Has no kernels made anew for every shape, as those of oneDNN are."""


class Rounded(nn.Module):
    """A linear layer (..., in) -> (..., out) on whole numbers; float32 goes in and comes out."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        weight = layer.weight.detach().float()
        bias = None if layer.bias is None else layer.bias.detach().float()
        scales = (weight.abs().amax(1) / 127).clamp(min=1e-8).double()
        middles = torch.zeros(len(scales), dtype=torch.long)
        before, torch.backends.quantized.engine = torch.backends.quantized.engine, ENGINE
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*quantized tensor creation functions")
                rounded = torch.quantize_per_channel(weight, scales, middles, 0, torch.qint8)
            self.packed = torch.ops.quantized.linear_prepack(rounded, bias)
        finally:
            torch.backends.quantized.engine = before

    def forward(self, x: Tensor) -> Tensor:
        product: Tensor = torch.ops.quantized.linear_dynamic(x, self.packed, False)
        return product


def offered() -> bool:
    """Whether this torch has these products at all."""
    return hasattr(torch, "quantize_per_channel") and ENGINE in torch.backends.quantized.supported_engines


def rounded(model: Nano) -> None:
    """Rounds the linear layers of PARTS in place."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear) and name.startswith(PARTS):
            above, _, last = name.rpartition(".")
            setattr(model.get_submodule(above), last, Rounded(layer))
