"""Figures with their errors: rates over pages, two models on the same items, ranking, calibration. Knows neither items nor models."""

from collections.abc import Callable, Sequence
from math import ceil, comb, sqrt

import numpy as np
from numpy.typing import NDArray

from deixis.browser.types import Frozen

Numbers = NDArray[np.float64]
SAMPLES = 1000
BINS = 15
ANSWERED = 0.95
"""Share of the items that is answered when wrong clicks are counted."""


class Rate(Frozen):
    """A share of n items, with the standard error by bootstrap over pages and a 95 % Wilson interval over items."""

    n: int
    rate: float
    stderr: float
    interval: tuple[float, float]


def rate(hits: Sequence[bool], pages: Sequence[str]) -> Rate:
    """How often; hits and pages go together item by item. The interval is for rates near 0 or 1, where the error is 0."""
    n, share = len(hits), float(np.mean(hits))
    places = grouped(pages)
    if len(places) > 1:
        sums = np.array([(sum(hits[i] for i in where), len(where)) for where in places], dtype=np.float64)
        error = _spread(sums)
    else:  # one page says nothing of other pages; its items are all there is
        error = sqrt(share * (1 - share) / n)
    return Rate(n=n, rate=share, stderr=error, interval=wilson(sum(hits), n))


def grouped(pages: Sequence[str]) -> list[list[int]]:
    """Indices of the items of each page."""
    places: dict[str, list[int]] = {}
    for index, page in enumerate(pages):
        places.setdefault(page, []).append(index)
    return list(places.values())


def _spread(sums: Numbers) -> float:
    """Standard deviation of hits / items over bootstrap samples of the rows (hits, items)."""
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(10):  # in parts: all at once, thousands of pages would fill the memory
        totals = sums[rng.integers(0, len(sums), (SAMPLES // 10, len(sums)))].sum(1)
        rates.append(totals[:, 0] / totals[:, 1])
    return float(np.concatenate(rates).std())


def bootstrap(figure: Callable[[NDArray[np.intp]], float | None], pages: Sequence[str], samples: int = 200) -> float:
    """Standard error of any figure of items' indices, by bootstrap over pages; samples without the figure do not count."""
    places = [np.array(where) for where in grouped(pages)]
    rng = np.random.default_rng(0)
    drawn = (np.concatenate([places[i] for i in rng.integers(0, len(places), len(places))]) for _ in range(samples))
    values = [value for value in (figure(indices) for indices in drawn) if value is not None]
    return float(np.std(values)) if values else 0.0


class Paired(Frozen):
    """Two models on the same n items: how much more often the second is right, and how sure that is."""

    n: int
    first: float
    second: float
    difference: float
    stderr: float
    """By bootstrap over pages."""
    interval: tuple[float, float]
    """95 %, by bootstrap over pages."""
    only_first: int
    """Items that the first alone is right about."""
    only_second: int
    p_items: float
    """McNemar's exact test, for items that are independent."""
    p_pages: float
    """By chance signs for whole pages: items of one page may go together."""


def paired(first: Sequence[bool], second: Sequence[bool], pages: Sequence[str]) -> Paired:
    """Compares two models; the lists go together item by item."""
    gains = np.array(second, dtype=np.float64) - np.array(first, dtype=np.float64)
    sums = np.array([(gains[where].sum(), len(where)) for where in grouped(pages)])
    rng = np.random.default_rng(0)
    draws, signs = [], []
    for _ in range(10):  # in parts, as above
        totals = sums[rng.integers(0, len(sums), (SAMPLES // 10, len(sums)))].sum(1)
        draws.append(totals[:, 0] / totals[:, 1])
        signs.append((rng.choice((-1.0, 1.0), (SAMPLES, len(sums))) * sums[:, 0]).sum(1))
    differences, flipped = np.concatenate(draws), np.concatenate(signs)
    extreme = int((np.abs(flipped) >= abs(sums[:, 0].sum()) - 1e-9).sum())
    only_first, only_second = int((gains < 0).sum()), int((gains > 0).sum())
    low, high = np.percentile(differences, [2.5, 97.5])
    return Paired(
        n=len(gains), first=float(np.mean(first)), second=float(np.mean(second)), difference=float(gains.mean()),
        stderr=float(differences.std()), interval=(float(low), float(high)), only_first=only_first, only_second=only_second,
        p_items=mcnemar(only_first, only_second), p_pages=(1 + extreme) / (1 + len(flipped)),
    )  # fmt: skip


def mcnemar(only_first: int, only_second: int) -> float:
    """How likely such a difference, or a larger one, is by chance: exact, two-sided."""
    n, fewer = only_first + only_second, min(only_first, only_second)
    return min(1.0, 2 * sum(comb(n, k) for k in range(fewer + 1)) / 2**n)


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The interval that holds the true rate 95 times of 100, for items that are independent."""
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def auroc(scores: Numbers, positive: NDArray[np.bool_]) -> float | None:
    """How often a positive has the higher score of a pair, ties half; None without both sorts."""
    wanted = int(positive.sum())
    others = len(positive) - wanted
    if not wanted or not others:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[place]  # equal scores share their middle rank
    return float((ranks[positive].sum() - wanted * (wanted + 1) / 2) / (wanted * others))


def answered(confidence: Numbers, share: float = ANSWERED) -> NDArray[np.intp]:
    """Indices of the share of the items with the highest confidence; earlier items first among equals."""
    count = ceil(share * len(confidence) - 1e-9)
    return np.argsort(-confidence, kind="stable")[:count]


def calibration_error(confidence: Numbers, hits: NDArray[np.bool_], bins: int = BINS) -> float:
    """Mean distance between confidence and rate in bins of equal mass, weighted by their items."""
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [len(part) * abs(float(confidence[part].mean()) - float(hits[part].mean())) for part in parts]
    return sum(gaps) / len(confidence)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share, in percent, of the values lies."""
    return float(np.percentile(values, share))
