from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sb3_hpo.elimination import level, survivors

TABLES = st.integers(1, 6).flatmap(
    lambda n: st.dictionaries(
        st.sampled_from("abc"), st.lists(st.floats(-1e3, 1e3), min_size=n, max_size=n), min_size=1
    )
)


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("scores", "staying"),
    [
        ({"a": [9, 9]}, ["a"]),
        ({"a": [9, 9], "b": [1, 1]}, ["a", "b"]),
        ({"a": [8, 9, 7], "b": [1, 2, 3]}, ["a"]),
        ({"a": [1, 2, 3], "b": [8, 9, 7]}, ["b"]),
        ({"a": [8, 9, 7], "b": [1, 2, 7.5]}, ["a", "b"]),
        ({"a": [8, 9, 7], "b": [1, 2, 7.5], "c": [0, 0, 0]}, ["a", "b"]),
        ({"a": [500] * 5, "b": [500] * 5}, ["a", "b"]),
    ],
)
def test_only_what_is_clearly_worse_stops(scores: dict[str, list[float]], staying: list[str]) -> None:
    assert survivors(scores, generator()) == staying


@settings(max_examples=30, deadline=None)
@given(TABLES)
def test_best_finalist_stays(scores: dict[str, list[float]]) -> None:
    staying = survivors(scores, generator())
    assert max(scores, key=lambda name: level(scores[name])) in staying
    assert staying == [name for name in scores if name in staying]


def test_equal_finalists_seldom_stop() -> None:
    draws = np.random.default_rng(6)
    n_staying = [len(survivors({name: draws.normal(size=5) for name in "abc"}, draws)) for _ in range(100)]
    assert np.mean(n_staying) > 2.7
