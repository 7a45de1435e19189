"""Number formats: the fastest that is right is taken, and rounding to 8 bits changes next to nothing."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from deixis.browser.errors import UsageError
from deixis.browser.types import Screenshot
from deixis.vlm import int8, memory, precision
from deixis.vlm.image import prepare
from deixis.vlm.model import Nano
from deixis.vlm.pointer import NanoPointer
from tests.small_nano import SMALL

LOGIN = Path(__file__).parent / "data" / "login.png"
needed = pytest.mark.skipif(not int8.offered(), reason="this build of torch has no products in int8")


@pytest.fixture(autouse=True)
def timed_anew() -> Iterator[None]:
    precision.rounding.cache_clear()
    precision.fastest.cache_clear()
    yield
    precision.rounding.cache_clear()
    precision.fastest.cache_clear()


@needed
@pytest.mark.parametrize("bias", [True, False])
def test_a_rounded_layer_is_the_layer_but_for_a_hundredth(bias: bool) -> None:
    torch.manual_seed(0)
    layer, x = nn.Linear(64, 32, bias=bias).requires_grad_(False), torch.randn(3, 5, 64)
    right, rounded = layer(x), int8.RoundedLinear(layer)(x)
    assert rounded.shape == right.shape and not torch.equal(rounded, right)
    assert float((rounded - right).norm() / right.norm()) < 0.015


@needed
@pytest.mark.parametrize("stride", [1, (2, 1)])
def test_a_rounded_convolution_is_the_convolution_but_for_a_hundredth(stride: int | tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(16, 24, 3, stride, 1).requires_grad_(False)
    for x in (torch.randn(2, 16, 9, 11), torch.rand(1, 16, 9, 11) + 3, torch.zeros(1, 16, 9, 11)):
        right, rounded = layer(x), int8.RoundedConvolution(layer)(x.contiguous(memory_format=torch.channels_last))
        assert rounded.shape == right.shape
        assert float((rounded - right).norm() / right.norm()) < 0.015


@needed
def test_only_what_takes_time_is_rounded() -> None:
    torch.manual_seed(0)
    model = Nano(SMALL).eval().requires_grad_(False)
    page = prepare(Image.open(LOGIN).convert("RGB"), SMALL.image)
    before, untouched = model.see(page), copy.deepcopy(model.connector.tower.state_dict())
    int8.rounded(model)
    kinds = {
        name: type(layer) for name, layer in model.named_modules() if isinstance(layer, int8.RoundedLinear | nn.Linear)
    }
    assert {name for name, kind in kinds.items() if kind is int8.RoundedLinear} == {
        name for name in kinds if name.startswith(int8.PARTS)
    }
    layers = dict(model.named_modules())
    assert isinstance(layers["stem.local.0.conv"], int8.RoundedConvolution)
    assert isinstance(layers["reader.blocks.0.conv"], nn.Conv1d) and isinstance(layers["stem.conv3"], nn.Conv2d)
    assert kinds["reader.flat"] is int8.RoundedLinear and kinds["connector.lines"] is nn.Linear
    assert all(torch.equal(value, untouched[name]) for name, value in model.connector.tower.state_dict().items())
    after = model.see(page)
    assert 0 < float((after.mixed - before.mixed).norm() / before.mixed.norm()) < 0.05


@needed
def test_the_embedded_model_points_at_the_same_in_int8() -> None:
    with Image.open(LOGIN) as image:
        shot = Screenshot(png=LOGIN.read_bytes(), width=image.width, height=image.height)
    targets = ["the password field", "Sign in"]
    plain, rounded = (NanoPointer(dtype=name).point_many(shot, targets) for name in ("float32", "int8"))
    for one, other in zip(plain, rounded, strict=True):
        assert one.point is not None and other.point is not None
        assert abs(one.point.x - other.point.x) + abs(one.point.y - other.point.y) < 4


@needed
def test_a_processor_that_overflows_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = int8.RoundedLinear.forward

    def overflowing(self: int8.RoundedLinear, x: Tensor) -> Tensor:
        return exact(self, x).clamp(max=150.0)

    monkeypatch.setattr(precision, "GAIN", float("inf"))
    assert precision.rounding()
    precision.rounding.cache_clear()
    monkeypatch.setattr(int8.RoundedLinear, "forward", overflowing)
    assert not precision.rounding()


@needed
def test_what_is_fastest_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "seconds", lambda dtype, times=3: 1.0)
    monkeypatch.setattr(precision, "GAIN", float("inf"))
    assert precision.fastest() == torch.bfloat16 and precision.chosen(None) == "bfloat16"
    precision.fastest.cache_clear()
    monkeypatch.setattr(precision, "seconds", lambda dtype, times=3: 9.0 if dtype == torch.bfloat16 else 0.1)
    monkeypatch.setattr(precision, "GAIN", 10.0)
    assert precision.chosen(None) == "int8"
    precision.rounding.cache_clear()
    monkeypatch.setattr(precision, "GAIN", 0.0)
    assert precision.chosen(None) == "float32"


def test_formats_that_are_not_to_be_had_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no number format of deixis-nano: it runs in float32 or bfloat16 or int8"):
        precision.chosen("int4")
    monkeypatch.setattr(int8, "offered", lambda: False)
    with pytest.raises(UsageError, match="has no products in int8: take float32"):
        precision.chosen("int8")
    assert not precision.rounding()


def test_memory_settings_of_ones_own_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    assert not memory.kept()
    monkeypatch.delenv("MALLOC_ARENA_MAX")
    monkeypatch.setattr("sys.platform", "darwin")
    assert not memory.kept()
