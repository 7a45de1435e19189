"""The number format the model runs in: float32, or bfloat16 or int8 where the processor is really faster at it.

Many processors only emulate bfloat16, hundreds of times slower, and say nothing about it, and some that lack instructions
for whole numbers of 8 bits overflow in silence; so small pieces are timed, and their sums checked, when weights are
loaded (a third of a second). Knows nothing of weights.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock
from time import perf_counter

import torch
from torch import Tensor, nn

from deixis.browser.errors import UsageError
from deixis.vlm import int8

FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.float32}
"""What stays of numbers between the products; with int8 only the inputs of products are rounded, see `int8`."""
GAIN = 0.8
"""Another format is taken when it needs less than this share of the time."""
TURNS = 4
"""Times that every format is timed in, one after the other."""
_TIMING = RLock()


def _best(piece: Callable[[], object], times: int = 3) -> float:
    """Seconds of the fastest of some calls after the first."""
    spent = []
    for _ in range(times + 1):
        start = perf_counter()
        piece()
        spent.append(perf_counter() - start)
        if len(spent) > 1 and min(spent) > 0.05:  # emulated; once only may as well be a busy machine
            break
    return min(spent)


def seconds(dtype: torch.dtype, times: int = 3) -> float:
    """Fastest of some 3 x 3 convolutions of 64 channels, as the stem has them."""
    picture, kernel = torch.zeros(1, 64, 16, 24, dtype=dtype), torch.zeros(64, 64, 3, 3, dtype=dtype)
    return _best(lambda: torch.conv2d(picture, kernel, padding=1), times)


@cache
def fastest() -> torch.dtype:
    """Of those that can be learned in, by timing, once a process."""
    with alone():
        plain = seconds(torch.float32)
        return torch.bfloat16 if seconds(torch.bfloat16) < GAIN * plain else torch.float32


@cache
def rounding() -> bool:
    """Whether products in int8 are right here, faster than in float32, and no slower than in bfloat16 where that is fast.

    Of two that are alike int8 is taken: it needs no kernels made anew for every shape.
    """
    with alone():
        return int8.offered() and all(_pays(*piece) for piece in int8.pieces())


def _pays(plain: nn.Module, rounded: nn.Module, given: Tensor) -> bool:
    others, whole = dict.fromkeys((torch.float32, fastest()), math.inf), math.inf
    for _ in range(TURNS):  # in turn: what else the machine does slows all alike
        for dtype in others:
            with torch.inference_mode(), running(dtype):
                others[dtype] = min(others[dtype], _best(lambda: plain(given)))
        whole = min(whole, _best(lambda: rounded(given)))
    return whole < GAIN * others[torch.float32] and whole <= min(others.values())


@contextmanager
def alone() -> Iterator[None]:
    """With one thread: two that the system has put on one core for a while say nothing of products.

    The number of threads is the whole process's: another that times meanwhile waits, or it would take 1 for what was before.
    """
    with _TIMING:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def chosen(name: str | None) -> str:
    """That format, or the one that is fast here; UsageError for one we do not run in, or that is not to be had here."""
    if name is None:
        usual = "bfloat16" if fastest() == torch.bfloat16 else "float32"
        return "int8" if rounding() else usual
    if name not in FORMATS:
        raise UsageError(f"{name!r} is no number format of deixis-nano: it runs in {' or '.join(FORMATS)}")
    if name == "int8" and not int8.offered():
        raise UsageError(
            "products in int8 are not to be had, or not right, with this torch on this processor: take float32"
        )
    return name


def running(dtype: torch.dtype) -> torch.autocast:
    """A context in which matrix products and convolutions run in that format; float32 stays as it is."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)
