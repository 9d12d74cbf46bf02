from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import trim_mean

from sb3_hpo.scores import bootstrap_interval, carry_forward, iqm, mean_last

VALUES = st.floats(-1e6, 1e6)
SCORES = st.lists(VALUES, min_size=1, max_size=30)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("curves", "expected"),
    [
        ([[1, 2, 3]], [[1, 2, 3]]),
        ([[1, 2, 3], [4]], [[1, 2, 3], [4, 4, 4]]),
        ([[1], [2, 3], [4, 5, 6]], [[1, 1, 1], [2, 3, 3], [4, 5, 6]]),
    ],
)
def test_carry_forward(curves: list, expected: list) -> None:
    filled = carry_forward(curves)
    assert filled.tolist() == expected
    assert filled.dtype == np.float64


@given(st.lists(SCORES, min_size=1, max_size=5))
def test_carried_curves_begin_as_they_were_and_stay_at_their_end(curves: list[list[float]]) -> None:
    for row, curve in zip(carry_forward(curves), curves, strict=True):
        assert row[: len(curve)].tolist() == curve
        assert set(row[len(curve) :]) <= {curve[-1]}


@pytest.mark.parametrize(
    ("n_evaluations", "n_last"), [(1, 1), (2, 2), (3, 3), (20, 3), (30, 3), (31, 4), (50, 5), (70, 7), (100, 10)]
)
def test_mean_last_counts_a_tenth_but_at_least_three(n_evaluations: int, n_last: int) -> None:
    curve = 2.0 ** np.arange(n_evaluations)
    expected = curve[n_evaluations - n_last :].mean()
    assert mean_last(np.stack([curve, -curve])).tolist() == [expected, -expected]


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(ValueError, match="no evaluations"):
        mean_last(np.empty((2, 0)))
    with pytest.raises(ValueError, match="empty"):
        iqm([])


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([5], 5),
        ([1, 2], 1.5),
        ([1, 2, 6], 3),
        ([-100, 1, 3, 1000], 2),
        ([9, 1, 1, 9, 2, 4, 3, 3], 3),
        ([0, 0, 1, 2, 3, 4, 5, 6, 99, 99], 3.5),
    ],
)
def test_iqm_by_hand(scores: list[float], expected: float) -> None:
    assert iqm(scores) == expected


@given(SCORES)
def test_iqm_is_the_trimmed_mean_of_scipy(scores: list[float]) -> None:
    assert iqm(scores) == pytest.approx(trim_mean(scores, 0.25), rel=1e-9, abs=1e-6)


@given(arrays(np.float64, (3, 5), elements=VALUES))
def test_iqm_along_either_axis(scores: np.ndarray) -> None:
    assert iqm(scores, axis=0).tolist() == [float(iqm(column)) for column in scores.T]
    assert iqm(scores).tolist() == [float(iqm(row)) for row in scores]


def test_iqm_does_not_sort_the_scores_of_the_caller() -> None:
    scores = np.array([3.0, 1.0, 2.0])
    iqm(scores)
    assert scores.tolist() == [3.0, 1.0, 2.0]


@given(SCORES, st.integers(0, 100))
def test_interval_lies_within_the_scores_and_repeats(scores: list[float], seed: int) -> None:
    low, high = bootstrap_interval(scores, generator(seed), n_resamples=200)
    slack = 1e-9 * max(map(abs, scores))
    assert min(scores) - slack <= low <= high <= max(scores) + slack
    assert (low, high) == bootstrap_interval(scores, generator(seed), n_resamples=200)


def test_interval_of_one_score_or_equal_scores_is_a_point() -> None:
    assert bootstrap_interval([3.0], generator(), n_resamples=100) == (3.0, 3.0)
    assert bootstrap_interval([3.0] * 7, generator(), n_resamples=100) == (3.0, 3.0)


def test_interval_holds_the_estimate_and_narrows_with_less_confidence_and_more_seeds() -> None:
    scores = generator(1).normal(100, 10, size=80)
    low, high = bootstrap_interval(scores, generator())
    narrow_low, narrow_high = bootstrap_interval(scores, generator(), confidence=0.5)
    assert low < narrow_low < float(iqm(scores)) < narrow_high < high
    few_low, few_high = bootstrap_interval(scores[:10], generator())
    assert high - low < few_high - few_low


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draws = generator(2)
    hits = 0
    for _ in range(200):
        low, high = bootstrap_interval(draws.normal(size=20), draws, n_resamples=500)
        hits += low <= 0.0 <= high
    assert 170 <= hits <= 199


@pytest.mark.parametrize("scores", [[], [[1.0, 2.0]], 3.0])
def test_interval_wants_one_score_per_seed(scores: object) -> None:
    with pytest.raises(ValueError, match=r"must be \(n_seeds,\)"):
        bootstrap_interval(scores, generator())
