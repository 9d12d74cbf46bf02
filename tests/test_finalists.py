from __future__ import annotations

import numpy as np
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from sb3_hpo.finalists import choose_finalists, key_of_trial, unit_point
from tests.tasks import SPACE


def trial(number: int, value: float | None, state: TrialState = TrialState.COMPLETE, **params: object) -> FrozenTrial:
    params = {"learning_rate": 1e-3, "one_minus_gamma": 0.01, "n_steps": 5, **params}
    created = create_trial(
        state=state, value=value, params=params, distributions={p.name: p.distribution for p in SPACE}
    )
    created.number = number
    return created


def numbers(trials: list[FrozenTrial]) -> list[int]:
    return [trial.number for trial in trials]


@pytest.mark.parametrize(("n_finalists", "expected"), [(1, [2]), (2, [2, 0]), (3, [2, 0, 3]), (9, [2, 0, 3, 1])])
def test_few_trials_are_taken_by_their_score(n_finalists: int, expected: list[int]) -> None:
    trials = [trial(i, value, learning_rate=10.0 ** -(i + 1)) for i, value in enumerate([-2.0, -9.0, 0.0, -5.0])]
    assert numbers(choose_finalists(trials, SPACE, n_finalists)) == expected


def test_of_equal_scores_the_one_that_was_there_sooner_comes_first() -> None:
    trials = [trial(i, value, learning_rate=10.0 ** -(i + 1)) for i, value in enumerate([500.0, 500.0, 500.0, 490.0])]
    for i, reports in enumerate([[9.0, 500.0], [400.0, 500.0], [200.0, 500.0], [499.0, 490.0]]):
        trials[i].intermediate_values = dict(enumerate(reports))
    assert numbers(choose_finalists(trials, SPACE, 4)) == [1, 2, 0, 3]


def test_lonely_luck_does_not_take_every_place() -> None:
    """A plateau of 50 and two lucky trials far from it, amid failures: one of the plateau is a finalist, too."""
    generator = np.random.default_rng(0)
    plateau = [trial(i, 50.0 + generator.normal(), learning_rate=10 ** generator.uniform(-2, -1.5)) for i in range(15)]
    failures = [trial(15 + i, generator.normal(), learning_rate=10 ** generator.uniform(-5, -3)) for i in range(15)]
    lucky = [trial(30, 54.0, learning_rate=1e-4), trial(31, 53.0, learning_rate=2e-5)]
    chosen = numbers(choose_finalists([*plateau, *failures, *lucky], SPACE, 3))
    assert chosen[:2] == [30, 31]
    assert chosen[2] < 15


def test_only_complete_trials_each_once_and_not_the_default() -> None:
    trials = [
        trial(0, 99.0),
        trial(1, None, TrialState.FAIL, learning_rate=0.01),
        trial(2, 90.0, TrialState.PRUNED, learning_rate=0.02),
        trial(3, 8.0, learning_rate=0.03),
        trial(4, 9.0, learning_rate=0.03),
        trial(5, 9.0, learning_rate=0.03),
        trial(6, 1.0, learning_rate=0.04),
    ]
    assert numbers(choose_finalists(trials, SPACE, 5, {key_of_trial(trials[0])})) == [4, 6]
    assert choose_finalists(trials[1:3], SPACE, 3) == []
    assert choose_finalists(trials[:1], SPACE, 3, {key_of_trial(trials[0])}) == []


def test_default_takes_no_place() -> None:
    trials = [trial(i, float(i), learning_rate=10 ** (-1 - i / 10)) for i in range(12)]
    assert numbers(choose_finalists(trials, SPACE, 3, {key_of_trial(trials[11])}))[:2] == [10, 9]


@pytest.mark.parametrize(
    ("params", "point"),
    [
        ({"learning_rate": 1e-5, "one_minus_gamma": 1e-3, "n_steps": 5}, [0, 0, 0.5**0.5, 0]),
        ({"learning_rate": 1e-3, "one_minus_gamma": 0.01, "n_steps": 10}, [0.5, 0.5, 0, 0.5**0.5]),
        ({"learning_rate": 1e-1}, [1, 0.5, 0, 0]),
    ],
)
def test_point_of_a_configuration(params: dict, point: list[float]) -> None:
    assert unit_point(params, SPACE).tolist() == pytest.approx(point)


def test_choices_are_as_far_apart_as_the_ends_of_a_range() -> None:
    params = {"learning_rate": 1e-5, "one_minus_gamma": 1e-3, "n_steps": 5}
    for changed in ({"n_steps": 10}, {"learning_rate": 1e-1}):
        distance = np.linalg.norm(unit_point({**params, **changed}, SPACE) - unit_point(params, SPACE))
        assert distance == pytest.approx(1.0)
