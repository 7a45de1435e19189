"""Number formats: the fastest that is right is taken, and rounding to 8 bits changes next to nothing."""

import copy
import os
import platform
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from threading import Event, Thread

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from deixis.browser.errors import UsageError
from deixis.browser.types import Screenshot
from deixis.vlm import checkpoint, int8, meaning, memory, precision
from deixis.vlm.image import prepare
from deixis.vlm.model import Nano
from deixis.vlm.pointer import NanoPointer
from tests.small_nano import SMALL

LOGIN = Path(__file__).parent / "data" / "login.png"
needed = pytest.mark.skipif(not int8.offered(), reason="no right products in int8 here")


@pytest.fixture(autouse=True)
def timed_anew() -> Iterator[None]:
    known = (precision.rounding, precision.fastest, int8.offered)
    for each in known:
        each.cache_clear()
    yield
    for each in known:
        each.cache_clear()


@needed
@pytest.mark.parametrize("bias", [True, False])
def test_a_rounded_layer_is_the_layer_but_for_a_hundredth(bias: bool) -> None:
    torch.manual_seed(0)
    layer, x = nn.Linear(64, 32, bias=bias).requires_grad_(False), torch.randn(3, 5, 64)
    right, rounded = layer(x), int8.RoundedLinear(layer)(x)
    assert rounded.shape == right.shape and not torch.equal(rounded, right)
    assert float((rounded - right).norm() / right.norm()) < 0.015


@needed
@pytest.mark.parametrize(("stride", "bias"), [(1, True), ((2, 1), True), (1, False)])
def test_a_rounded_convolution_is_the_convolution_but_for_a_hundredth(
    stride: int | tuple[int, int], bias: bool
) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(16, 24, 3, stride, 1, bias=bias).requires_grad_(False)
    for x in (torch.randn(2, 16, 9, 11), torch.rand(1, 16, 9, 11) + 3, torch.zeros(1, 16, 9, 11)):
        for given in (x, x.contiguous(memory_format=torch.channels_last)):
            right, rounded = layer(x), int8.RoundedConvolution(layer)(given)
            assert rounded.shape == right.shape
            assert float((rounded - right).norm()) <= 0.015 * float(right.norm())


@needed
def test_rows_of_all_sizes_are_rounded_each_for_itself() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(64, 32).requires_grad_(False)
    x = torch.randn(50, 64) * torch.tensor([0.01, 1.0, 300.0, 0.0, 1.0]).repeat(10)[:, None]
    rounded = int8.RoundedRows(layer.weight, layer.bias)(x)
    off = (rounded - layer(x)).norm(dim=1) / (layer(x) - layer.bias).norm(dim=1).clamp(min=1e-6)
    assert 0 < float(off.max()) < 0.03 and torch.equal(rounded[3], layer.bias)
    assert float((int8.RoundedLinear(layer)(x) - layer(x))[0].norm()) > 10 * float((rounded - layer(x))[0].norm())


@needed
def test_labels_mean_the_same_in_whole_numbers() -> None:
    texts = ["Sign in", "Add to basket", "x", "Where do you want to go?", "Sign in"]
    plain, rounded = (meaning.shared(whole).encode(texts).whole for whole in (False, True))
    assert float((plain * rounded).sum(-1).min()) > 0.985 and not torch.equal(plain, rounded)
    assert meaning.shared() is meaning.shared(False) and meaning.shared(True) is meaning.shared(rounded=True)
    with pytest.raises(TypeError, match="rounded for answering only"):
        copy.deepcopy(meaning.shared(True).products)


@needed
def test_what_rounds_keeps_no_second_copy_of_the_weights() -> None:
    assert meaning.shared(True).w is meaning.shared(False).w and not meaning.shared(False).products


def test_who_times_meanwhile_waits_for_the_threads_that_were() -> None:
    before, other = torch.get_num_threads(), Event()

    def timing() -> None:
        other.set()
        with precision.alone():
            assert torch.get_num_threads() == 1

    second = Thread(target=timing)
    torch.set_num_threads(3)
    try:
        with precision.alone():
            second.start()
            assert other.wait(10)
            assert torch.get_num_threads() == 1 and second.is_alive()
        second.join(10)
        assert not second.is_alive() and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@needed
def test_only_what_takes_time_is_rounded() -> None:
    torch.manual_seed(0)
    model = Nano(SMALL).eval().requires_grad_(False)
    page = prepare(Image.open(LOGIN).convert("RGB"), SMALL.image)
    before, untouched = model.see(page), copy.deepcopy(model.decoder.state_dict())
    int8.rounded(model)
    kinds = {
        name: type(layer) for name, layer in model.named_modules() if isinstance(layer, int8.RoundedLinear | nn.Linear)
    }
    assert {name for name, kind in kinds.items() if kind is int8.RoundedLinear} == {
        name for name in kinds if name.startswith(int8.PARTS)
    }
    layers = dict(model.named_modules())
    assert isinstance(layers["stem.local.0.conv"], int8.RoundedConvolution)
    assert isinstance(layers["reader.blocks.0.conv"], nn.Conv1d) and isinstance(layers["stem.conv1"], nn.Conv2d)
    assert kinds["reader.flat"] is int8.RoundedLinear and kinds["connector.lines"] is nn.Linear
    assert all(torch.equal(value, untouched[name]) for name, value in model.decoder.state_dict().items())
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
@pytest.mark.parametrize("kind", [int8.RoundedLinear, int8.RoundedConvolution])
def test_a_processor_that_overflows_is_not_trusted(kind: type[int8.Rounded], monkeypatch: pytest.MonkeyPatch) -> None:
    exact = kind.forward

    def overflowing(self: int8.Rounded, x: Tensor) -> Tensor:
        products: Tensor = exact(self, x)
        return products.clamp(max=150.0)

    monkeypatch.setattr(kind, "forward", overflowing)
    assert not int8.offered() and not precision.rounding()
    with pytest.raises(UsageError, match="take float32"):
        NanoPointer(dtype="int8")


@needed
@pytest.mark.parametrize(
    ("half", "whole", "taken"),
    [(0.5, 0.3, "int8"), (0.5, 0.55, "bfloat16"), (2.0, 0.3, "int8"), (2.0, 0.9, "float32")],
)
def test_what_is_fast_is_taken(half: float, whole: float, taken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "seconds", lambda dtype, times=3: half if dtype == torch.bfloat16 else 1.0)
    times = cycle([1.0, half, whole] if half < 1.0 else [1.0, whole])
    monkeypatch.setattr(precision, "_best", lambda piece, times_=3: next(times))
    assert precision.chosen(None) == taken


@needed
def test_rounded_weights_are_not_saved_or_copied(tmp_path: Path) -> None:
    model = Nano(SMALL).eval()
    int8.rounded(model)
    with pytest.raises(TypeError, match="rounded for answering only"):
        checkpoint.save(model, SMALL, tmp_path / "nano.safetensors")
    with pytest.raises(TypeError, match="rounded for answering only"):
        copy.deepcopy(model)
    assert not list(tmp_path.iterdir())


def test_formats_that_are_not_to_be_had_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no number format of deixis-nano: it runs in float32 or bfloat16 or int8"):
        precision.chosen("int4")
    monkeypatch.setattr(int8, "offered", lambda: False)
    with pytest.raises(UsageError, match="take float32"):
        precision.chosen("int8")
    assert not precision.rounding()


def test_memory_settings_of_ones_own_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MALLOC_ARENA_MAX", "2"), ("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=4096")):
        with monkeypatch.context() as here:
            here.setenv(name, value)
            assert not memory.kept()
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if platform.libc_ver()[0] == "glibc" and not any(name.startswith("MALLOC_") for name in os.environ):
        assert memory.kept()
    monkeypatch.setattr("sys.platform", "darwin")
    assert not memory.kept()
