from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import trim_mean

from sb3_hpo.errors import UserError
from sb3_hpo.scores import AGGREGATES, SCORES, carry_forward, iqm, lower_quantile, mean_last, score_curves

VALUES = st.floats(-1e6, 1e6)
RUNS = st.lists(VALUES, min_size=1, max_size=30)
CURVES = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 40)), elements=VALUES)


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


@given(st.lists(RUNS, min_size=1, max_size=5))
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


@given(RUNS)
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


CURVE = [float(x) for x in range(1, 41)]


@pytest.mark.parametrize(
    ("score", "curve", "expected"),
    [
        ("last", [1, 5, 3], 3),
        ("mean-last", [1, 5, 3], 3),
        ("mean-last", [9, 1, 5, 3], 3),
        ("mean-last", CURVE, 38.5),
        ("auc", [1, 5, 3, 1], 2.5),
        ("best", [1, 5, 3], 5),
    ],
)
def test_scores_by_hand(score: str, curve: list[float], expected: float) -> None:
    curves = np.array([curve, [-x for x in curve]], dtype=np.float64)
    assert SCORES[score](curves[:1]).tolist() == [expected]
    if score != "best":
        assert SCORES[score](curves).tolist() == [expected, -expected]


@pytest.mark.parametrize(("aggregate", "expected"), [("iqm", 3.5), ("mean", 26.75), ("lower-quantile", 2.75)])
def test_aggregates_by_hand(aggregate: str, expected: float) -> None:
    assert float(AGGREGATES[aggregate]([2, 3, 4, 98])) == expected


@pytest.mark.parametrize("score", SCORES)
@given(curves=CURVES)
def test_score_lies_within_the_curve_and_grows_with_it(score: str, curves: np.ndarray) -> None:
    scores = SCORES[score](curves)
    assert scores.shape == curves.shape[:1]
    assert (curves.min(axis=1) <= scores).all()
    assert (scores <= curves.max(axis=1)).all()
    higher = curves + np.linspace(0.0, 1.0, curves.shape[1])
    assert (SCORES[score](higher) >= scores).all()


@pytest.mark.parametrize("score", SCORES)
@given(curves=CURVES, shift=st.floats(-100, 100), scale=st.floats(0.01, 100))
def test_score_shifts_and_scales_with_the_curve(score: str, curves: np.ndarray, shift: float, scale: float) -> None:
    expected = scale * SCORES[score](curves) + shift
    assert SCORES[score](scale * curves + shift) == pytest.approx(expected, rel=1e-6, abs=1e-3)


@pytest.mark.parametrize("score", SCORES)
@given(curves=CURVES)
def test_scores_do_not_change_the_curves(score: str, curves: np.ndarray) -> None:
    before = curves.copy()
    SCORES[score](curves)[:] = 0.0
    assert (curves == before).all()


@pytest.mark.parametrize("aggregate", AGGREGATES)
@given(scores=RUNS, shift=st.floats(-100, 100), scale=st.floats(0.01, 100))
def test_aggregate_lies_within_the_scores_and_moves_with_them(
    aggregate: str, scores: list[float], shift: float, scale: float
) -> None:
    function = AGGREGATES[aggregate]
    value = float(function(scores))
    assert min(scores) <= value <= max(scores)
    assert float(function(scores[::-1])) == pytest.approx(value, rel=1e-9, abs=1e-6)
    moved = scale * np.asarray(scores) + shift
    assert float(function(moved)) == pytest.approx(scale * value + shift, rel=1e-6, abs=1e-3)


@pytest.mark.parametrize("aggregate", AGGREGATES)
@given(scores=arrays(np.float64, 6, elements=VALUES), gains=arrays(np.float64, 6, elements=st.floats(0, 1e6)))
def test_aggregate_grows_with_each_score(aggregate: str, scores: np.ndarray, gains: np.ndarray) -> None:
    slack = 1e-6
    assert float(AGGREGATES[aggregate](scores + gains)) >= float(AGGREGATES[aggregate](scores)) - slack


@pytest.mark.parametrize("value", [0.1, 1 / 3, 500.0, -7.7])
@pytest.mark.parametrize("n", [1, 3, 6, 10, 11])
def test_equal_scores_give_that_score_to_the_last_bit(value: float, n: int) -> None:
    for function in AGGREGATES.values():
        assert float(function([value] * n)) == value


@given(RUNS)
def test_three_runs_in_four_reach_the_lower_quantile(scores: list[float]) -> None:
    assert np.mean(np.asarray(scores) >= float(lower_quantile(scores)) - 1e-9) >= 0.75 - 1 / len(scores)


def test_curves_are_scored_one_by_one_and_then_aggregated() -> None:
    curves = np.array([[0.0, 0, 0, 3, 3, 3], [9, 9, 9, 1, 1, 1]])
    assert score_curves(curves, "mean-last", "mean") == 2.0
    assert score_curves(curves, "best", "lower-quantile") == 4.5


@pytest.mark.parametrize(
    ("score", "aggregate", "message"),
    [("mean_last", "iqm", "unknown score 'mean_last': did you mean 'mean-last'?"), ("auc", "median", "known: iqm")],
)
def test_unknown_name_is_told_with_the_nearest(score: str, aggregate: str, message: str) -> None:
    with pytest.raises(UserError) as raised:
        score_curves(np.ones((1, 1)), score, aggregate)
    assert message in str(raised.value)


@pytest.mark.parametrize("score", SCORES)
def test_no_evaluations_are_no_score(score: str) -> None:
    with pytest.raises(ValueError, match="no evaluations"):
        SCORES[score](np.empty((2, 0)))


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_no_scores_are_no_aggregate(aggregate: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        AGGREGATES[aggregate]([])
