from __future__ import annotations

import numpy as np
import pytest

from sb3_hpo.comparing.curves import N_POINTS, best_so_far, finals, first_at_least, interval
from sb3_hpo.comparing.plan import Search
from sb3_hpo.comparing.traces import Incumbent, Trace

TRUTH = {"a": 10.0, "b": 30.0, "c": 20.0}


def trace(*found: tuple[int, float, str]) -> Trace:
    incumbents = tuple(Incumbent(steps, seconds, 0.0, key) for steps, seconds, key in found)
    return Trace(Search("random", 0), len(found), 100, 50.0, incumbents)


def test_curve_is_what_the_best_so_far_is_truly_worth() -> None:
    curve = best_so_far([trace((20, 1.0, "a"), (50, 2.0, "b"), (90, 3.0, "c"))], TRUTH, "steps", 100.0)
    assert curve.x[0] == 20.0
    assert curve.center[curve.x == 49.0] == 10.0
    assert curve.center[curve.x == 50.0] == 30.0
    # Truly it is worse, whatever the search thought of it.
    assert curve.center[-1] == 20.0
    np.testing.assert_array_equal(curve.low, curve.center)


def test_curve_begins_where_every_repetition_has_a_best() -> None:
    curve = best_so_far([trace((10, 1.0, "a")), trace((60, 1.0, "b")), trace()], TRUTH, "steps", 100.0)
    assert curve.x[0] == 60.0
    assert curve.center.tolist() == [20.0] * len(curve.x)
    assert (curve.low[0], curve.high[0]) == interval([10.0, 30.0])


def test_seconds_are_an_axis_as_steps_are() -> None:
    curve = best_so_far([trace((20, 0.5, "a"), (50, 2.5, "b"))], TRUTH, "seconds", 5.0)
    assert curve.center[[0, -1]].tolist() == [10.0, 30.0]
    assert curve.x[np.flatnonzero(curve.center == 30.0)[0]] == pytest.approx(2.5)


def test_nothing_found_is_an_empty_curve() -> None:
    assert best_so_far([trace()], TRUTH, "steps", 100.0).x.size == 0
    assert finals([trace(), trace((10, 1.0, "c"))], TRUTH) == [20.0]
    assert interval([1.0]) is None


def test_what_was_spent_until_a_level_was_reached() -> None:
    curve = best_so_far([trace((20, 1.0, "a"), (50, 2.0, "b"))], TRUTH, "steps", 100.0)
    assert first_at_least(curve, 15.0) == 50.0
    assert first_at_least(curve, 31.0) is None
    assert len(curve.x) <= N_POINTS
