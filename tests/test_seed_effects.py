from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sb3_hpo.seed_effects import less_seed_effects

TABLES = st.dictionaries(st.sampled_from("abcde"), st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=5), min_size=1)


def test_what_a_seed_adds_to_all_is_taken_off() -> None:
    """Worth 1, 2 and 3; the seeds add 7, 0, -5 and 4."""
    scores = {"a": [8.0, 1.0, -4.0, 5.0], "b": [9.0, 2.0, -3.0], "c": [10.0, 3.0]}
    found = less_seed_effects(scores, reference=1)
    assert found["a"] == pytest.approx([8.0, 1.0, 1.0, 1.0])
    assert found["b"] == pytest.approx([9.0, 2.0, 2.0])
    assert found["c"] == [10.0, 3.0]


def test_by_hand() -> None:
    """Two with two seeds that differ by 198 and 202: by 200 on average, with a residual of 1 at each of four scores.

    That leaves one degree of freedom, so the variance is 4 and that of the difference, too: its standard error is 2,
    and 99.5 % of Student's distribution with one degree of freedom lie below 63.657.
    """
    found = less_seed_effects({"a": [0.0, 198.0], "b": [3.0, 205.0]}, reference=0)
    beyond = 200.0 - 2.0 * 63.6567
    assert found["a"] == pytest.approx([0.0, 198.0 - beyond], abs=1e-3)
    assert found["b"] == pytest.approx([3.0, 205.0 - beyond], abs=1e-3)


def test_what_chance_may_add_stays() -> None:
    scores = {"a": [500.0, 480.0, 500.0], "b": [500.0, 500.0, 20.0], "c": [450.0, 100.0], "d": [400.0, 500.0]}
    assert less_seed_effects(scores, reference=1) == scores


@pytest.mark.parametrize(
    "scores", [{}, {"a": []}, {"a": [1.0, 50.0, 2.0]}, {"a": [], "b": [1.0, 50.0]}, {"a": [1.0], "b": [2.0, 50.0]}]
)
def test_without_anything_to_compare_nothing_is_taken_off(scores: dict[str, list[float]]) -> None:
    assert less_seed_effects(scores, reference=0) == scores


@given(TABLES, st.integers(0, 3))
def test_seeds_that_chose_and_the_first_one_stay(table: dict[str, list[float]], reference: int) -> None:
    found = less_seed_effects(table, reference)
    assert list(found) == list(table)
    for name, values in table.items():
        assert found[name][: reference + 1] == values[: reference + 1]
        assert len(found[name]) == len(values)


@given(TABLES, st.floats(0.1, 10.0), st.floats(-100.0, 100.0))
def test_units_do_not_matter(table: dict[str, list[float]], scale: float, shift: float) -> None:
    found = less_seed_effects(table, 1)
    other = less_seed_effects({name: [scale * value + shift for value in values] for name, values in table.items()}, 1)
    for name, values in found.items():
        assert other[name] == pytest.approx([scale * value + shift for value in values], abs=1e-3, rel=1e-3)


@given(TABLES, st.randoms(use_true_random=False))
def test_the_order_of_finalists_does_not_matter(table: dict[str, list[float]], random) -> None:
    names = list(table)
    random.shuffle(names)
    found = less_seed_effects({name: table[name] for name in names}, 1)
    for name, values in less_seed_effects(table, 1).items():
        assert found[name] == pytest.approx(values, abs=1e-6, rel=1e-6)


def test_seldom_is_chance_taken_for_a_seed() -> None:
    """Eight finalists with two scores each, two of them with five, of seeds that add nothing."""
    generator = np.random.default_rng(0)
    n_taken = 0
    for _ in range(300):
        scores = {str(i): generator.normal(size=5 if i < 2 else 2).tolist() for i in range(8)}
        n_taken += less_seed_effects(scores, 1) != scores
    # Three seeds, each with a probability of one in a hundred.
    assert 0 < n_taken < 300 * 3 / 100 + 3 * (300 * 3 / 100) ** 0.5
