from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sb3_hpo.intervals import bootstrap_interval, difference_interval, tail_probability
from sb3_hpo.scores import iqm

SCORES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(SCORES, st.integers(0, 100))
def test_interval_lies_within_the_scores_and_repeats(scores: list[float], seed: int) -> None:
    low, high = bootstrap_interval(scores, generator(seed), n_resamples=200)
    slack = 1e-9 * max(map(abs, scores))
    assert min(scores) - slack <= low <= high <= max(scores) + slack
    assert low <= float(iqm(scores)) <= high
    assert (low, high) == bootstrap_interval(scores, generator(seed), n_resamples=200)
    assert (low, high) == bootstrap_interval(scores[::-1], generator(seed), n_resamples=200)


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


@pytest.mark.parametrize(("n", "share"), [(5, 0.0027), (10, 0.0118), (20, 0.0182), (100_000, 0.025)])
def test_fewer_runs_put_the_percentiles_further_out(n: int, share: float) -> None:
    assert tail_probability(0.95, n - 1) == pytest.approx(share, abs=1e-4)


def test_interval_narrows_with_the_seeds_on_average() -> None:
    draws = generator(3)
    widths = [
        np.mean([np.ptp(bootstrap_interval(draws.normal(size=n), draws, n_resamples=300)) for _ in range(40)])
        for n in (5, 10, 20, 40)
    ]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize("n", [7, 10])
@pytest.mark.parametrize("kind", ["normal", "failures", "ceiling"])
def test_interval_of_few_seeds_covers_the_truth(n: int, kind: str) -> None:
    draws = generator(4)

    def sample(shape: tuple[int, ...]) -> np.ndarray:
        scores = draws.normal(200.0, 20.0, shape)
        if kind == "failures":
            return np.where(draws.random(shape) < 0.2, 20.0, scores)
        return np.minimum(scores, 205.0) if kind == "ceiling" else scores

    truth = float(iqm(sample((400_000,))))
    intervals = [bootstrap_interval(scores, draws, n_resamples=1_000) for scores in sample((400, n))]
    assert 0.92 <= np.mean([low <= truth <= high for low, high in intervals]) <= 0.98


@given(SCORES, SCORES)
def test_difference_is_within_its_interval_and_turns_round(scores: list[float], others: list[float]) -> None:
    low, high = difference_interval(scores, others, generator(), n_resamples=200)
    assert low <= float(iqm(scores)) - float(iqm(others)) <= high
    other_low, other_high = difference_interval(others, scores, generator(), n_resamples=200)
    assert (other_low, other_high) == (-high, -low)


def test_difference_moves_with_the_scores() -> None:
    scores, others = generator(1).normal(size=(2, 10))
    low, high = difference_interval(scores, others, generator())
    assert difference_interval(scores + 5.0, others + 5.0, generator()) == pytest.approx((low, high))
    moved = difference_interval(scores + 8.0, others + 1.0, generator())
    assert moved == pytest.approx((low + 7.0, high + 7.0), abs=0.1 * (high - low))


def test_difference_of_equal_scores_is_zero() -> None:
    assert difference_interval([500.0] * 4, [500.0] * 6, generator()) == (0.0, 0.0)
