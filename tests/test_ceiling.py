from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.ceiling import Ceiling
from sb3_hpo.trial_attributes import DEFAULT_CONFIGURATION, ORIGIN, RUNS

if TYPE_CHECKING:
    from collections.abc import Sequence


def complete(
    value: float, x: float, *reports: float, curves: Sequence[Sequence[float]] | None = None, **user_attrs: str
) -> FrozenTrial:
    """A trial of parameter ``x``.

    :param curves: mean returns on each seed; one that was lower once where None
    """
    curves = [[value - 1.0, value]] if curves is None else curves
    return optuna.create_trial(
        value=value,
        params={"x": x},
        distributions={"x": FloatDistribution(0.0, 100.0)},
        intermediate_values=dict(enumerate(reports)),
        user_attrs={RUNS: [{"returns": [[mean, mean] for mean in curve]} for curve in curves], **user_attrs},
    )


def flat(value: float, x: float, n_evaluations: int = 3) -> FrozenTrial:
    """A trial that has the same value from its first to its last evaluation."""
    values = [value] * n_evaluations
    return complete(value, x, *values, curves=[values])


def paused(report: float) -> FrozenTrial:
    return optuna.create_trial(state=TrialState.PRUNED, intermediate_values={1: report})


def failed() -> FrozenTrial:
    return optuna.create_trial(state=TrialState.FAIL)


THREE = [complete(500.0, 1.0), complete(500.0, 2.0), complete(500.0, 3.0)]


def is_reached(*trials: FrozenTrial, n_finals: int = 3) -> bool:
    ceiling = Ceiling(n_finals)
    for trial in trials:
        ceiling.learn_from(trial)
    return ceiling.is_reached


@pytest.mark.parametrize("worse", [complete(9.0, 4.0), paused(9.0), complete(9.0, 4.0, 9.0)])
def test_it_is_reached_where_as_many_as_are_finals_share_the_best_score(worse: FrozenTrial) -> None:
    assert is_reached(worse, *THREE)
    assert is_reached(*THREE, worse)
    assert not is_reached(*THREE[:2], worse)
    assert is_reached(*THREE[:2], worse, n_finals=2)
    assert is_reached(*THREE[:2], worse, n_finals=1)
    assert not is_reached(*THREE[:1], worse, n_finals=1)


def test_where_no_trial_learned_anything_it_is_none() -> None:
    assert not is_reached(*(flat(-200.0, x) for x in range(10)), paused(-200.0), failed())


@pytest.mark.parametrize("n_evaluations", [1, 2, 20])
def test_a_floor_is_none_though_worse_agents_have_less(n_evaluations: int) -> None:
    """Taxi: who never delivers has -200 in the end, and -1100 who also tries to where it is not allowed."""
    floor = [flat(-200.0, float(x), n_evaluations) for x in range(10)]
    assert not is_reached(*floor, complete(-1100.0, 50.0, -1100.0), paused(-1100.0))
    without_runs = [complete(-200.0, float(x), -200.0, -200.0, curves=[]) for x in range(3)]
    assert not is_reached(*without_runs, complete(-1100.0, 50.0, -1100.0))


def test_who_was_at_the_best_score_from_the_first_evaluation_on_does_not_count() -> None:
    assert not is_reached(paused(9.0), *THREE[:2], flat(500.0, 3.0))
    assert is_reached(paused(9.0), *THREE[:2], flat(500.0, 3.0), complete(500.0, 4.0, 9.0, 500.0))


def test_who_went_on_is_looked_at_from_the_first_evaluation_of_its_training() -> None:
    """Its reports begin where it went on; what it had before is in its runs alone."""
    went_on = complete(500.0, 3.0, 500.0, 500.0, curves=[[9.0, 170.0, 500.0, 500.0, 500.0]])
    assert is_reached(*THREE[:2], went_on)


def test_one_seed_that_climbed_shows_that_the_configuration_did() -> None:
    stayed = [500.0, 500.0]
    assert is_reached(*THREE[:2], complete(500.0, 3.0, curves=[stayed, [9.0, 500.0]]))
    assert not is_reached(*THREE[:2], complete(500.0, 3.0, curves=[stayed, stayed]))


def test_where_runs_have_no_returns_the_reports_tell() -> None:
    assert is_reached(*THREE[:2], complete(500.0, 3.0, 9.0, 500.0, 500.0, curves=[[]]))
    assert not is_reached(*THREE[:2], complete(500.0, 3.0, 500.0, 500.0, 500.0, curves=[[]]))


def test_a_better_score_shows_that_it_was_none() -> None:
    assert not is_reached(paused(9.0), *THREE, complete(500.5, 4.0))


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        # Steps 0 to 4: those after step 2 are the second half.
        ((9.0, 9.0, 9.0, 500.0, 500.0), True),
        ((9.0, 500.0, 500.0, 499.0, 500.0), False),
        ((500.0, 500.0, 500.0, 500.0, 9.0), False),
        ((500.0,), True),
    ],
)
def test_who_has_come_there_in_the_end_alone_does_not_count(reports: tuple[float, ...], expected: bool) -> None:
    assert is_reached(paused(9.0), *THREE[:2], complete(500.0, 4.0, *reports)) == expected


def test_neither_the_default_nor_a_repetition_counts() -> None:
    default = complete(500.0, 4.0, **{ORIGIN: DEFAULT_CONFIGURATION})
    assert not is_reached(paused(9.0), *THREE[:2], default)
    assert not is_reached(paused(9.0), *THREE[:2], THREE[0])


def test_without_trials_it_is_not_reached() -> None:
    assert not is_reached()
    assert not is_reached(failed(), paused(1.0))


@given(st.lists(st.floats(-1e6, 1e6), unique=True))
def test_returns_that_all_differ_have_none(values: list[float]) -> None:
    assert not is_reached(paused(-1e7), *(complete(value, float(i)) for i, value in enumerate(values[:100])))
