"""Scores of two configurations on the same seeds: when they are drawn in pairs, and what that changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from sb3_hpo.comparison import compare
from sb3_hpo.intervals import confidence_of_higher_mean, difference_interval, mean_difference_interval
from sb3_hpo.scores import mean
from sb3_hpo.two_samples import PAIRING_LEVEL, TwoSamples, do_seeds_matter, one_score_per_seed

# SAC on Pendulum, the zoo's default and a configuration that learns as well, on ten seeds (benchmarks/versus_zoo.py).
PENDULUM = [-186.8, -144.1, -158.0, -126.4, -143.1, -179.4, -138.7, -145.2, -139.2, -110.6]
ANOTHER = [-182.8, -143.5, -159.8, -122.5, -136.2, -163.6, -136.6, -148.9, -136.9, -110.0]
PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=5, max_size=12)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def with_seeds_that_matter(n: int, gain: float, draws: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    seeds = draws.normal(scale=3.0, size=n)
    return seeds + draws.normal(gain, size=n), seeds + draws.normal(size=n)


def test_seeds_that_are_hard_for_both_hide_no_difference() -> None:
    scores, others = np.array(PENDULUM) + 8.0, np.array(PENDULUM[::-1])
    assert compare(scores, others, generator()).verdict == "not distinguishable"
    aligned = compare(scores, PENDULUM, generator())
    assert (aligned.verdict, aligned.is_paired) == ("better", True)
    assert aligned.ci95 == pytest.approx((8.0, 8.0))
    assert aligned.confidence > 0.99


def test_real_scores_of_pendulum_are_paired() -> None:
    comparison = compare(ANOTHER, PENDULUM, generator())
    apart = compare(ANOTHER, [*PENDULUM, -140.0], generator())
    assert (comparison.is_paired, apart.is_paired) == (True, False)
    assert np.ptp(comparison.ci95) < 0.5 * np.ptp(apart.ci95)


def test_a_difference_that_the_seeds_drown_is_mostly_found_in_pairs() -> None:
    draws = generator(1)
    found = [compare(*with_seeds_that_matter(10, 1.5, draws), draws).verdict for _ in range(60)]
    assert found.count("better") >= 40


def test_equal_configurations_are_seldom_called_better() -> None:
    draws = generator(2)
    found = [compare(*with_seeds_that_matter(10, 0.0, draws), draws).verdict for _ in range(200)]
    assert found.count("better") <= 14


@given(PAIRS, st.permutations(range(12)))
@settings(max_examples=60)
def test_which_seed_came_first_does_not_matter(pairs: list[tuple[int, int]], order: list[int]) -> None:
    scores, others = np.array(pairs, dtype=float).T
    others = others + scores
    places = [place for place in order if place < len(pairs)]
    one = difference_interval(scores, others, generator(), n_resamples=100)
    assert difference_interval(scores[places], others[places], generator(), n_resamples=100) == one


@given(PAIRS)
@settings(max_examples=60)
def test_turned_round_everything_is_the_opposite(pairs: list[tuple[int, int]]) -> None:
    scores, others = np.array(pairs, dtype=float).T
    others = others + scores - 1.0
    low, high = mean_difference_interval(scores, others, generator(), n_resamples=100)
    assert mean_difference_interval(others, scores, generator(), n_resamples=100) == (-high, -low)
    assert low <= float(mean(scores)) - float(mean(others)) <= high
    confidence = confidence_of_higher_mean(scores, others, generator(), n_resamples=100)
    assert confidence_of_higher_mean(others, scores, generator(), n_resamples=100) == pytest.approx(1.0 - confidence)


def test_the_same_scores_on_other_seeds_favour_neither() -> None:
    # Each score of one is one of the other, two by two.
    scores, others = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2.0, 1.0, 4.0, 3.0, 6.0, 5.0]
    samples = TwoSamples.of(scores, others)
    assert (samples.is_paired, samples.is_symmetric) == (True, True)
    low, high = difference_interval(scores, others, generator())
    assert low == -high < 0.0
    assert confidence_of_higher_mean(scores, others, generator()) == 0.5


def test_no_difference_has_no_sign() -> None:
    for scores in ([500.0] * 10, PENDULUM):
        assert [str(end) for end in difference_interval(scores, scores, generator())] == ["0.0", "0.0"]


@pytest.mark.parametrize("n", [5, 6, 8, 10, 20])
def test_it_is_spearmans_test(n: int) -> None:
    draws = generator(n)
    for _ in range(60):
        scores, others = draws.integers(0, 12, size=(2, n)).astype(float)
        others += scores * draws.integers(0, 2)
        expected = spearmanr(scores, others, alternative="greater").pvalue <= PAIRING_LEVEL
        assert do_seeds_matter(scores, others) == expected


def test_of_seeds_that_do_not_matter_few_are_paired() -> None:
    draws = generator(3)
    paired = [do_seeds_matter(draws.normal(size=10), draws.normal(size=10)) for _ in range(2_000)]
    assert np.mean(paired) == pytest.approx(PAIRING_LEVEL, abs=0.02)


@pytest.mark.parametrize(
    ("scores", "others"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4]),
        ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5]),
        ([500] * 10, [500] * 10),
        ([500] * 9 + [3], [500] * 10),
        ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
        ([1, 2, 3, 4, 5], [2, 1, 5, 3, 4]),
    ],
)
def test_apart_are(scores: list[float], others: list[float]) -> None:
    samples = TwoSamples.of(scores, others)
    assert not samples.is_paired
    assert samples.degrees_of_freedom == len(scores) + len(others) - 2


def test_pairs_have_half_the_degrees_of_freedom_and_one_draw() -> None:
    samples = TwoSamples.of([1, 2, 3, 4, 5], [2, 3, 4, 5, 6])
    assert (samples.is_paired, samples.is_turned, samples.degrees_of_freedom) == (True, True, 4)
    first, second = samples.resampled(mean, generator(), 50)
    assert first - second == pytest.approx(np.ones(50))


@pytest.mark.parametrize("scores", [[], [[1.0, 2.0]], 3.0])
def test_scores_are_one_per_seed(scores: object) -> None:
    with pytest.raises(ValueError, match="it must be \\(n_seeds,\\) with at least one seed"):
        one_score_per_seed(scores)
