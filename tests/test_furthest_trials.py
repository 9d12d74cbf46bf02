from __future__ import annotations

import math
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import IntDistribution
from optuna.samplers._tpe.sampler import _split_trials, default_gamma
from optuna.trial import FrozenTrial, TrialState, create_trial

from sb3_hpo.furthest_trials import BEST_LEARNED_FROM, MOST_LEARNED_FROM, FurthestTrials
from sb3_hpo.new_params import NewParams
from tests.test_new_params import SPACE

STATES = {state.name[0].lower(): state for state in TrialState}


def trial_of(number: int, x: int | None, letter: str, last_step: int | None) -> FrozenTrial:
    """A trial of configuration ``x``, None for one that has none yet, in the state that the letter names."""
    trial = create_trial(
        state=STATES[letter],
        value=1.0 if letter == "c" else None,
        params={} if x is None else {"x": x},
        distributions={} if x is None else {"x": IntDistribution(0, 9)},
        intermediate_values={} if last_step is None else {last_step: float(number)},
    )
    trial.number = number
    return trial


def numbers(trials: list[FrozenTrial]) -> list[int]:
    return [trial.number for trial in trials]


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        ([(1, "p", 5), (1, "p", 10), (2, "p", 5), (1, "c", 100)], [2, 3]),
        # One that goes on has not come further yet, and one that failed in going on takes nothing back.
        ([(1, "p", 5), (1, "r", 10)], [0]),
        ([(1, "p", 5), (1, "f", 10)], [0]),
        # Many seeds of a grid's point, or a copy: the latest of those that came as far.
        ([(1, "c", 100), (1, "c", 100)], [1]),
        ([(None, "r", None), (None, "w", None), (3, "r", None)], [0, 1, 2]),
        ([], []),
    ],
)
def test_of_each_configuration_the_one_that_came_furthest(trials: list[tuple], expected: list[int]) -> None:
    made = [trial_of(number, *trial) for number, trial in enumerate(trials)]
    assert numbers(FurthestTrials().among(made)) == expected


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("cpfrw"), st.integers(1, 5)), max_size=12), st.data())
def test_looking_at_the_ended_ones_once_changes_nothing(trials: list[tuple], data: st.DataObject) -> None:
    """While the study grows and its trials end, it says what it would say if it saw all for the first time."""
    furthest = FurthestTrials()
    letters = [data.draw(st.sampled_from("rw")) for _ in trials]
    for n in range(len(trials) + 1):
        made = [
            trial_of(number, x, letter if data.draw(st.booleans()) else letters[number], step)
            for number, (x, letter, step) in enumerate(trials[:n])
        ]
        for number, trial in enumerate(made):
            if trial.state.is_finished():
                letters[number] = trials[number][1]
        assert numbers(furthest.among(made)) == numbers(FurthestTrials().among(made))


@pytest.mark.parametrize("share_complete", [0.0, 0.001, 0.5, 1.0])
def test_of_a_large_study_the_best_and_the_latest(share_complete: float) -> None:
    generator = np.random.default_rng(0)
    trials = [
        create_trial(
            state=TrialState.COMPLETE if is_complete else TrialState.PRUNED,
            value=value if is_complete else None,
            params={"x": number},
            distributions={"x": IntDistribution(0, 10_000)},
            intermediate_values={5 * 2 ** int(generator.integers(4)): value},
        )
        for number, (is_complete, value) in enumerate(
            zip(generator.random(3_000) < share_complete, generator.choice([*range(500), math.nan], 3_000), strict=True)
        )
        if not (is_complete and math.isnan(value))
    ]
    for number, trial in enumerate(trials):
        trial.number = number
    kept = FurthestTrials().among(trials)
    assert numbers(kept) == sorted(set(numbers(kept)))
    assert len(kept) == MOST_LEARNED_FROM
    n_latest = len(set(numbers(kept)) & set(range(len(trials) - MOST_LEARNED_FROM, len(trials))))
    assert n_latest >= MOST_LEARNED_FROM - BEST_LEARNED_FROM
    # To TPE they hold the same good trials as all do.
    study = optuna.create_study(direction="maximize")
    good = [numbers(_split_trials(study, some, default_gamma(len(some)))[0]) for some in (trials, kept)]
    assert len(good[0]) == 25
    assert good[0] == good[1]


def test_a_sampler_sees_each_configuration_once() -> None:
    seen: set[tuple[int, ...]] = set()

    class Looking(optuna.samplers.RandomSampler):
        def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, Any]:
            states = (TrialState.COMPLETE, TrialState.PRUNED)
            seen.add(tuple(numbers(study._get_trials(deepcopy=True, states=states, use_cache=True))))
            return super().infer_relative_search_space(study, trial)

    study = optuna.create_study(sampler=NewParams(Looking(seed=0), SPACE, 0))
    for _ in range(2):
        study.enqueue_trial({"x": 1, "kind": "a"})
    study.optimize(lambda trial: float(len(SPACE.suggest(trial))), n_trials=4)
    assert len(study.get_trials()) == 4
    assert seen == {(1,), (1, 2)}
