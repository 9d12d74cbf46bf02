from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sb3_hpo.elimination import survivors

TABLES = st.dictionaries(
    st.sampled_from("abc"), st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6), min_size=1
).flatmap(lambda table: st.tuples(st.just(table), st.sampled_from(sorted(table))))


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("scores", "leader", "staying"),
    [
        ({"a": [9, 9]}, "a", ["a"]),
        ({"a": [9, 9], "b": [1, 1]}, "a", ["a", "b"]),
        ({"a": [8, 9, 7], "b": [1, 2, 3]}, "a", ["a"]),
        ({"a": [1, 2, 3], "b": [8, 9, 7]}, "b", ["b"]),
        ({"a": [8, 9, 7], "b": [1, 2, 7.5]}, "a", ["a", "b"]),
        ({"a": [8, 9, 7], "b": [1, 2, 7.5], "c": [0, 0, 0]}, "a", ["a", "b"]),
        ({"a": [500] * 5, "b": [500] * 5}, "a", ["a", "b"]),
        # Seeds are not the same number for all: two are too few to be out.
        ({"a": [8, 9, 7, 9, 8], "b": [1, 2, 3], "c": [0, 0]}, "a", ["a", "c"]),
        ({"a": [8, 9], "b": [1, 2, 3]}, "a", ["a", "b"]),
    ],
)
def test_only_what_is_clearly_worse_stops(scores: dict[str, list[float]], leader: str, staying: list[str]) -> None:
    assert survivors(scores, leader, generator()) == staying


@settings(max_examples=30, deadline=None)
@given(TABLES)
def test_leader_stays_and_order_too(table: tuple[dict[str, list[float]], str]) -> None:
    scores, leader = table
    staying = survivors(scores, leader, generator())
    assert leader in staying
    assert staying == [name for name in scores if name in staying]


def test_equal_finalists_seldom_stop() -> None:
    draws = np.random.default_rng(6)
    n_staying = []
    for _ in range(100):
        scores = {name: draws.normal(size=5) for name in "abc"}
        n_staying.append(len(survivors(scores, max(scores, key=lambda name: np.mean(scores[name])), draws)))
    assert np.mean(n_staying) > 2.7
