from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sb3_hpo.shrinkage import mean_beyond_chance, posterior_means

TABLES = st.dictionaries(st.sampled_from("abcde"), st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6), min_size=1)


def test_one_lucky_score_is_worth_less_than_four_good_ones() -> None:
    scores = {"lucky": [90.0], "good": [85.0, 99.0, 80.0, 90.0], "bad": [70.0, 40.0], "fair": [50.0, 80.0]}
    found = posterior_means(scores)
    assert found["good"] > found["lucky"] > found["fair"] > found["bad"]


def test_a_failure_counts_where_the_middle_half_would_not_see_it() -> None:
    found = posterior_means({"fails": [500.0, 500.0, 500.0, 10.0], "holds": [500.0, 500.0, 490.0, 495.0]})
    assert found["holds"] > found["fails"]


def test_by_hand() -> None:
    """Variance within: (2 * 1 + 2 * 1) / 2 = 2; between: var(1, 11) - 2 / 2 = 49; so k = 2 / 49, and the mean is 6."""
    k = 2 / 49
    expected = {"a": (2 * 1 + k * 6) / (2 + k), "b": (2 * 11 + k * 6) / (2 + k)}
    assert posterior_means({"a": [0.0, 2.0], "b": [10.0, 12.0]}) == pytest.approx(expected)


def test_differences_smaller_than_noise_are_not_taken_for_none() -> None:
    """Variance within: 18, between: below zero, so a tenth of 18; then k = 10, and the mean is 4.5."""
    found = posterior_means({"a": [1.0, 7.0], "b": [2.0, 8.0]})
    assert found == pytest.approx({"a": (2 * 4 + 10 * 4.5) / 12, "b": (2 * 5 + 10 * 4.5) / 12})


@given(TABLES)
def test_between_its_own_mean_and_that_of_all(table: dict[str, list[float]]) -> None:
    found = posterior_means(table)
    own = {name: float(np.mean(values)) for name, values in table.items()}
    of_all = float(np.mean(list(own.values())))
    for name, value in found.items():
        assert math.isfinite(value)
        assert min(own[name], of_all) - 1e-6 <= value <= max(own[name], of_all) + 1e-6


@given(TABLES, st.floats(0.1, 10.0), st.floats(-100.0, 100.0))
def test_units_do_not_matter(table: dict[str, list[float]], scale: float, shift: float) -> None:
    found = posterior_means(table)
    other = posterior_means({name: [scale * value + shift for value in values] for name, values in table.items()})
    assert other == pytest.approx({name: scale * value + shift for name, value in found.items()}, abs=1e-3, rel=1e-3)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5, unique=True))
def test_with_a_score_each_the_order_is_that_of_the_scores(scores: list[float]) -> None:
    found = posterior_means({str(score): [score] for score in scores})
    ordered = [found[str(score)] for score in sorted(scores)]
    assert ordered == sorted(ordered)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], 0.0),
        ([42.0], 0.0),
        ([0.0, 0.0], 0.0),
        ([42.0, 42.0], 42.0),
        ([-1.0, 1.0], 0.0),
        ([5.0, 7.0], 6.0 - 2.0),  # Variance 2, so the standard error is 1.
        ([-5.0, -7.0], -4.0),
        ([1.0, 3.0], 0.0),
        ([0.0, 6.0], 0.0),
    ],
)
def test_mean_beyond_chance_by_hand(values: list[float], expected: float) -> None:
    assert mean_beyond_chance(values) == pytest.approx(expected)


@given(st.lists(st.floats(-1e3, 1e3), max_size=8))
def test_mean_beyond_chance_is_between_nothing_and_the_mean(values: list[float]) -> None:
    found = mean_beyond_chance(values)
    own = float(np.mean(values)) if values else 0.0
    assert min(0.0, own) <= found <= max(0.0, own)
    assert mean_beyond_chance([-value for value in values]) == pytest.approx(-found)
