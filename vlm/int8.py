"""Whole numbers of 8 bits for the products that take most of a look's time, made of the weights at load.

Weights are rounded with one scale for every output, inputs with one range for every call, sums are exact: processors with
instructions for it (AVX512-VNNI and the like) are two to three times as fast at these products as in float32. What takes
little time (first convolutions, heads, the decoder) stays as it is. For answering only: nothing can be learned or saved
afterwards. Knows no timing and no models.

What torch offers for this is on its way out or for its compiler; where it is gone, `offered` says no, and all is float32.
torch's own convolution of this kind (`quantized::conv2d_dynamic`) is off by a third of its outputs' size: not used.
"""

import warnings
from functools import cache
from threading import Lock
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

PARTS = (
    "stem.conv2",
    "stem.conv3",
    "stem.local",
    "stem.rows",
    "vit",
    "connector.back",
    "connector.mix",
    "connector.tower",
    "reader.flat",
    "reader.blocks",
    "reader.stem.4",
    "reader.stem.6",
    "symbols.body.5",
    "symbols.body.7",
    "symbols.body.10",
    "symbols.body.12",
    "symbols.flat",
)
"""Beginnings of the names of the layers that are rounded, all but those that are convolved channel by channel."""
ENGINE = "fbgemm"
"""For linear layers: has no kernels made anew for every shape, as those of oneDNN are."""


OFF = 0.02
"""As far off as sums of products may be, of the largest: rounding takes a third of it, overflowing tenfold."""
_PACKING = Lock()


class Rounded(nn.Module):
    """A layer on whole numbers: its weights are packed for this processor, and are nothing to save or copy."""

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> NoReturn:
        raise TypeError(f"{prefix[:-1]} is rounded for answering only: load the weights again to save or copy them")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self._save_to_state_dict(None, f"{type(self).__name__}.", False)


class RoundedLinear(Rounded):
    """A linear layer (..., in) -> (..., out) on whole numbers; float32 goes in and comes out."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.packed = _packed(layer.weight, layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return _product(x, self.packed)


class RoundedRows(Rounded):
    """The same with a range for every row of the input: of some rows the numbers are a hundred times as large as of others."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        """weight (out, in), bias (out,)"""
        super().__init__()
        self.packed, self.bias = _packed(weight, None), bias.detach().float()

    def forward(self, x: Tensor) -> Tensor:
        size = x.abs().amax(-1, keepdim=True).clamp(min=1e-6)
        return torch.addcmul(self.bias, _product(x / size, self.packed), size)


class RoundedConvolution(Rounded):
    """A convolution (B, C, H, W) -> (B, out, H', W') on whole numbers, channels last; float32 goes in and comes out."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        weight = layer.weight.detach().float()
        self.scales, self.middles = _scales(weight)
        self.bias = None if layer.bias is None else layer.bias.detach().float()
        self.how = [list(layer.stride), list(layer.padding), list(layer.dilation), layer.groups]
        whole = (weight / self.scales[:, None, None, None]).round().to(torch.int8)
        self.packed = torch.ops.onednn.qconv_prepack(whole, self.scales, 1.0, 0, *self.how, None)

    def forward(self, x: Tensor) -> Tensor:
        low, high = (float(end) for end in x.permute(0, 2, 3, 1).aminmax())
        low, high = min(low, 0.0), max(high, 0.0)  # padding is zero
        scale = max(high - low, 1e-6) / 255
        zero = round(-low / scale)
        rounded = torch.quantize_per_tensor(x, scale, zero, torch.quint8)
        # Its numbers as they lie there: int_repr() would copy them, which takes as long as a third of the product.
        numbers = torch.empty(0, dtype=torch.uint8)
        whole = numbers.set_(rounded.untyped_storage(), 0, rounded.shape, rounded.stride())
        filters = (self.packed, self.scales, self.middles, self.bias)
        product: Tensor = torch.ops.onednn.qconv2d_pointwise(
            whole, scale, zero, *filters, *self.how, 1.0, 0, torch.float32, "none", [], ""
        )
        return product


def _packed(weight: Tensor, bias: Tensor | None) -> Any:
    """Weights (out, in) as the processor wants them."""
    weight, bias = weight.detach().float(), None if bias is None else bias.detach().float()
    scales, middles = _scales(weight)
    rounded = torch.quantize_per_channel(weight, scales.double(), middles, 0, torch.qint8)
    with _PACKING:
        before, torch.backends.quantized.engine = torch.backends.quantized.engine, ENGINE
        try:
            return torch.ops.quantized.linear_prepack(rounded, bias)
        finally:
            torch.backends.quantized.engine = before


def _product(x: Tensor, packed: Any) -> Tensor:
    product: Tensor = torch.ops.quantized.linear_dynamic(x, packed, False)
    return product


def _scales(weight: Tensor) -> tuple[Tensor, Tensor]:
    """What one step of each output's weights is worth, and the whole numbers that stand for 0."""
    scales = (weight.abs().flatten(1).amax(1) / 127).clamp(min=1e-8)
    return scales, torch.zeros(len(scales), dtype=torch.long)


def pieces() -> list[tuple[nn.Module, Rounded, Tensor]]:
    """Layers as the encoder has them, the same rounded, and inputs; all of one sign, for the largest sums there are."""
    random = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        linear, convolution = nn.Linear(256, 512), nn.Conv2d(128, 128, 3, padding=1)
    for layer in (linear, convolution):
        layer.requires_grad_(False).weight.uniform_(1.0, 2.0, generator=random)
    rows, cells = torch.rand(1024, 256, generator=random), torch.rand(1, 128, 24, 42, generator=random)
    return [
        (linear, RoundedLinear(linear), rows),
        (convolution, RoundedConvolution(convolution), cells.contiguous(memory_format=torch.channels_last)),
    ]


@cache
def offered() -> bool:
    """Whether this torch has these products, and they are right on this processor: some lack what it takes, and overflow."""
    # That torch will drop its tensors of whole numbers some day is nothing that a user can do anything about.
    warnings.filterwarnings("ignore", message=".*quantized tensor creation functions")
    try:
        return all(_right(*piece) for piece in pieces())
    except (AttributeError, RuntimeError, TypeError):
        return False


def _right(plain: nn.Module, rounded: nn.Module, given: Tensor) -> bool:
    exact = plain(given)
    return float((rounded(given) - exact).abs().max()) < OFF * float(exact.abs().max())


def rounded(model: nn.Module) -> None:
    """Rounds the layers of PARTS in place."""
    for name, layer in list(model.named_modules()):
        if not name.startswith(PARTS):
            continue
        above, _, last = name.rpartition(".")
        if isinstance(layer, nn.Linear):
            setattr(model.get_submodule(above), last, RoundedLinear(layer))
        elif isinstance(layer, nn.Conv2d) and layer.groups == 1:
            setattr(model.get_submodule(above), last, RoundedConvolution(layer))
