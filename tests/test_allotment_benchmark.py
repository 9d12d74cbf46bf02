from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def next_in_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from allotment import next_in_line

    yield next_in_line
    sys.modules.pop("allotment", None)


def test_the_best_is_first_where_all_have_as_many_seeds(next_in_line) -> None:
    assert next_in_line({"a": [1.0], "b": [3.0], "c": [2.0]}) == ["b", "c", "a"]


def test_seed_goes_to_what_is_uncertain_before_what_is_known_and_as_good(next_in_line) -> None:
    assert next_in_line({"known": [10.0, 12.0, 8.0, 10.0], "new": [9.9]})[0] == "new"


def test_no_seed_goes_to_what_is_clearly_behind(next_in_line) -> None:
    assert next_in_line({"good": [100.0, 101.0, 99.0], "bad": [20.0]})[0] == "good"


def test_equal_ones_keep_their_order(next_in_line) -> None:
    assert next_in_line({"a": [1.0], "b": [1.0]}) == ["a", "b"]
    assert next_in_line({"only": [1.0]}) == ["only"]
