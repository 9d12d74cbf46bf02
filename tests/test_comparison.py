from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from sb3_hpo.comparison import compare, probability_of_improvement

SCORES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12)
OPPOSITE = {"better": "worse", "worse": "better", "not distinguishable": "not distinguishable"}


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("scores", "others", "verdict"),
    [
        ([9, 9.5, 8, 8.5], [1, 2, 1.5, 2.5], "better"),
        ([1, 2, 1.5, 2.5], [9, 9.5, 8, 8.5], "worse"),
        ([1, 9, 2, 8], [9, 1, 8, 2.5], "not distinguishable"),
        ([500] * 10, [500] * 10, "not distinguishable"),
        ([500] * 10, [499] * 10, "better"),
        ([-1] * 4, [-2] * 4, "better"),
        # One training in three fails, beside none: the middle half of both is at the ceiling.
        ([500] * 10, [500] * 6 + [90, 60, 200, 120], "better"),
        ([500] * 6 + [90, 60, 200, 120], [500] * 10, "worse"),
        # The middle half says one thing, the mean another.
        ([10] * 19 + [-5_000], [9] * 20, "not distinguishable"),
        ([9] * 20, [10] * 19 + [-5_000], "not distinguishable"),
        # Three seeds are too few, whatever they say.
        ([900, 901, 902], [1, 2, 3], "not distinguishable"),
        ([900, 901, 902, 903], [1, 2, 3], "not distinguishable"),
    ],
)
def test_verdict(scores: list[float], others: list[float], verdict: str) -> None:
    assert compare(scores, others, generator()).verdict == verdict


@settings(max_examples=40)
@given(SCORES, SCORES)
def test_comparison_turned_round_says_the_opposite(scores: list[float], others: list[float]) -> None:
    there, back = compare(scores, others, generator()), compare(others, scores, generator())
    assert back.verdict == OPPOSITE[there.verdict]
    assert back.difference == -there.difference
    assert (back.ci95 is None) == (there.ci95 is None) == (min(len(scores), len(others)) < 2)
    if there.ci95 is not None:
        assert back.ci95 == (-there.ci95[1], -there.ci95[0])
    assert (back.mean_difference, back.is_settled_by_means) == (
        -there.mean_difference,
        there.is_settled_by_means,
    )
    if there.mean_ci95 is not None:
        assert back.mean_ci95 == (-there.mean_ci95[1], -there.mean_ci95[0])
        assert there.mean_ci95[0] <= there.mean_difference <= there.mean_ci95[1]
    assert back.probability_of_improvement == pytest.approx(1.0 - there.probability_of_improvement)
    assert (back.confidence is None) == (there.confidence is None) == (min(len(scores), len(others)) < 2)
    if there.confidence is not None:
        assert back.confidence == pytest.approx(1.0 - there.confidence)
    assert not (there.is_taken and back.is_taken)


@pytest.mark.parametrize(
    ("scores", "others", "is_taken"),
    [
        ([500] * 10, [500] * 8 + [90, 200], True),
        ([500] * 10, [500] * 9 + [200], True),
        ([500] * 9 + [200], [500] * 8 + [90, 200], False),
        ([500] * 9 + [200], [500] * 6 + [300, 90, 200, 120], True),
        ([500] * 10, [500] * 10, False),
        ([500] * 8 + [90, 200], [500] * 10, False),
        # The mean says so, the middle half the opposite.
        ([10] * 19 + [90], [11] * 20, False),
        ([10] * 16 + [90] * 4, [11] * 20, False),
        # Too few for a verdict, and not for a choice.
        ([900, 901, 902], [1, 2, 3], True),
        ([500, 275, 500], [199, 42, 500], True),
        ([500, 275, 500], [199, 420, 500], False),
        ([900], [1], False),
    ],
)
def test_what_is_probably_better_is_taken(scores: list[float], others: list[float], is_taken: bool) -> None:
    comparison = compare(scores, others, generator())
    assert comparison.is_taken == is_taken
    assert comparison.is_probably_better == (is_taken and comparison.verdict != "better")


STEADY, UNSTEADY = [500, 500, 499, 500, 500], [420, 380, 500, 450, 500]


@pytest.mark.parametrize(
    ("scores", "others", "late", "is_taken"),
    [
        ([500] * 5, [500] * 5, (STEADY, UNSTEADY), True),
        ([500] * 5, [500] * 5, (UNSTEADY, STEADY), False),
        ([500] * 5, [500] * 5, (STEADY, STEADY), False),
        ([500] * 5, [500] * 5, None, False),
        ([500] * 10, [500] * 9 + [499], (STEADY * 2, UNSTEADY * 2), True),
        # The agents at the end speak against it, by the mean or by the middle half.
        ([500] * 4 + [490], [500] * 5, (STEADY, UNSTEADY), False),
        ([10] * 4 + [90], [11] * 5, (STEADY, UNSTEADY), False),
        ([500] * 3, [500] * 3, (STEADY[:3], UNSTEADY[:3]), True),
        ([500], [500], (STEADY[:1], UNSTEADY[:1]), False),
    ],
)
def test_what_is_as_good_and_probably_steadier_is_taken(
    scores: list[float], others: list[float], late: tuple[list[float], list[float]] | None, is_taken: bool
) -> None:
    comparison = compare(scores, others, generator(), late)
    assert comparison.is_taken == is_taken
    assert not comparison.is_probably_steadier or not comparison.is_probably_better
    without = compare(scores, others, generator())
    assert (comparison.verdict, comparison.confidence) == (without.verdict, without.confidence)


@pytest.mark.parametrize("late", [(STEADY, UNSTEADY), (UNSTEADY, STEADY)])
def test_how_steady_they_were_changes_no_verdict(late: tuple[list[float], list[float]]) -> None:
    better, worse = ([9, 9, 9, 8, 9], [1, 2, 3, 1, 2])
    assert compare(better, worse, generator(), late).verdict == "better"
    against = compare(worse, better, generator(), late)
    assert (against.verdict, against.is_taken, against.is_probably_steadier) == ("worse", False, False)


def test_what_is_better_is_taken_and_what_is_worse_is_not() -> None:
    better, worse = compare([9, 9, 9, 8], [1, 2, 3, 1], generator()), compare([1, 2, 3, 1], [9, 9, 9, 8], generator())
    assert (better.verdict, better.is_taken, better.is_probably_better) == ("better", True, False)
    assert (worse.verdict, worse.is_taken, worse.is_probably_better) == ("worse", False, False)


@pytest.mark.parametrize("share", [0.7, 0.9])
def test_what_fails_more_often_is_seldom_taken(share: float) -> None:
    draws = np.random.default_rng(6)
    taken = [compare(succeeding(share - 0.2, 10, draws), succeeding(share, 10, draws), draws) for _ in range(100)]
    assert sum(comparison.is_taken for comparison in taken) <= 12


@settings(max_examples=20)
@given(SCORES)
def test_nothing_is_better_than_itself(scores: list[float]) -> None:
    comparison = compare(scores, scores, generator())
    assert comparison.verdict == "not distinguishable"
    assert comparison.probability_of_improvement == 0.5
    assert comparison.difference == 0.0


@given(SCORES, SCORES)
def test_probability_of_improvement_is_the_statistic_of_mann_and_whitney(
    scores: list[float], others: list[float]
) -> None:
    expected = mannwhitneyu(scores, others, method="asymptotic").statistic / (len(scores) * len(others))
    assert probability_of_improvement(scores, others) == pytest.approx(expected)


@pytest.mark.parametrize("n", [4, 10])
def test_equal_configurations_are_seldom_called_better(n: int) -> None:
    draws = np.random.default_rng(5)
    verdicts = [compare(draws.normal(size=n), draws.normal(size=n), draws).verdict for _ in range(150)]
    assert verdicts.count("better") <= 10
    assert verdicts.count("worse") <= 10


def succeeding(share: float, n: int, draws: np.random.Generator) -> np.ndarray:
    """Scores of trainings that end at a ceiling or fail."""
    return np.where(draws.random(n) < share, 500.0, draws.uniform(40.0, 420.0, n))


@pytest.mark.parametrize("n", [4, 10])
@pytest.mark.parametrize("share", [0.6, 0.9])
def test_equally_many_failures_are_seldom_called_better(n: int, share: float) -> None:
    draws = np.random.default_rng(6)
    verdicts = [compare(succeeding(share, n, draws), succeeding(share, n, draws), draws).verdict for _ in range(150)]
    assert verdicts.count("better") <= 10
    assert verdicts.count("worse") <= 10


def test_fewer_failures_are_seen_although_the_middle_half_is_the_same() -> None:
    draws = np.random.default_rng(7)
    found = [compare(succeeding(0.95, 10, draws), succeeding(0.6, 10, draws), draws) for _ in range(100)]
    better = [comparison for comparison in found if comparison.verdict == "better"]
    assert len(better) > 35
    assert sum(comparison.is_settled_by_means for comparison in better) > len(better) / 2
