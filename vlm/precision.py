"""The number format the model runs in: float32, or bfloat16 where the processor is really faster at it.

Many processors only emulate bfloat16, hundreds of times slower, and say nothing about it; so a piece of the encoder is
timed in both when weights are loaded (a tenth of a second). Knows nothing of weights.
"""

from functools import cache
from time import perf_counter

import torch

from deixis.browser.errors import UsageError

FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
GAIN = 0.8
"""bfloat16 is taken when it needs less than this share of float32's time."""


def seconds(dtype: torch.dtype, times: int = 3) -> float:
    """Fastest of some 3 x 3 convolutions of 64 channels, as the stem has them."""
    picture, kernel = torch.zeros(1, 64, 16, 24, dtype=dtype), torch.zeros(64, 64, 3, 3, dtype=dtype)
    spent = []
    for _ in range(times + 1):
        start = perf_counter()
        torch.conv2d(picture, kernel, padding=1)
        spent.append(perf_counter() - start)
        if len(spent) > 1 and min(spent) > 0.05:  # emulated; once only may as well be a busy machine
            break
    return min(spent)


@cache
def fastest() -> torch.dtype:
    """By timing, once a process."""
    plain = seconds(torch.float32)
    return torch.bfloat16 if seconds(torch.bfloat16) < GAIN * plain else torch.float32


def chosen(name: str | None) -> torch.dtype:
    """The format of that name, or the fastest; UsageError for one we do not run in."""
    if name is None:
        return fastest()
    if name not in FORMATS:
        raise UsageError(f"{name!r} is no number format of deixis-nano: it runs in {' or '.join(FORMATS)}")
    return FORMATS[name]


def running(dtype: torch.dtype) -> torch.autocast:
    """A context in which matrix products and convolutions run in that format; float32 stays as it is."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)
