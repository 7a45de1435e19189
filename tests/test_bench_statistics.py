"""Figures against values worked out by hand."""

from math import sqrt

import numpy as np
import pytest

from deixis.benchmarks.statistics import answered, auroc, bootstrap, calibration_error, rate, wilson


def test_items_of_one_page_count_as_one_draw() -> None:
    """Ten pages, all of a page right or wrong: the error is that of 10 draws, not of 200."""
    hits = [page % 2 == 0 for page in range(10) for _ in range(20)]
    pages = [str(page) for page in range(10) for _ in range(20)]
    found = rate(hits, pages)
    assert (found.n, found.rate) == (200, 0.5)
    assert found.stderr == pytest.approx(sqrt(0.25 / 10), rel=0.1)
    alone = rate(hits, [str(i) for i in range(200)])
    assert alone.stderr == pytest.approx(sqrt(0.25 / 200), rel=0.1)


def test_one_page_alone_has_the_binomial_error() -> None:
    assert rate([True, False, False, False], ["a"] * 4).stderr == pytest.approx(sqrt(0.25 * 0.75 / 4))


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634)]
)
def test_wilson_interval(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits, n) == pytest.approx((low, high), abs=1e-4)


def test_auroc_counts_ties_half() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.1])
    positive = np.array([True, True, False, False])  # pairs: 0.9 beats both, 0.5 draws one and beats one
    assert auroc(scores, positive) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert auroc(-scores, positive) == pytest.approx(0.5 / 4)
    assert auroc(scores, np.zeros(4, bool)) is None


def test_answered_leaves_out_the_least_sure() -> None:
    confidence = np.linspace(0, 1, 40)
    assert set(range(40)) - set(answered(confidence).tolist()) == {0, 1}
    assert len(answered(np.ones(140))) == 133


def test_calibration_error_of_equal_masses() -> None:
    confidence = np.repeat(np.linspace(0.1, 0.8, 15), 10)
    exact = np.concatenate([np.arange(10) < round(10 * c) for c in confidence[::10]])
    rates = exact.reshape(15, 10).mean(1)
    by_hand = float(np.abs(rates - confidence[::10]).mean())
    assert calibration_error(confidence, exact) == pytest.approx(by_hand)
    assert calibration_error(np.full(30, 0.9), np.arange(30) % 2 == 0) == pytest.approx(0.4)
    assert calibration_error(np.array([0.8]), np.array([True])) == pytest.approx(0.2)


def test_bootstrap_leaves_out_samples_without_the_figure() -> None:
    values = np.array([0.0, 1.0, 2.0, 3.0])
    error = bootstrap(lambda i: float(values[i].mean()), list("abcd"), samples=2000)
    assert error == pytest.approx(values.std() / 2, rel=0.1)
    assert bootstrap(lambda i: None, list("abcd")) == 0.0
