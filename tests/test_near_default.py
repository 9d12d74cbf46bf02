from __future__ import annotations

import optuna
import pytest
from optuna.samplers import TPESampler

from sb3_hpo.exploring import Exploring
from sb3_hpo.near_default import KEPT, SHARE, NearDefault
from sb3_hpo.new_params import NewParams
from sb3_hpo.samplers import SamplingContext, create_sampler
from tests.tasks import SPACE

DEFAULT = {"learning_rate": 3e-4, "one_minus_gamma": 0.02, "n_steps": 5}


def n_kept(trials: list[optuna.trial.FrozenTrial]) -> list[int]:
    """How many params of the default each trial has, of those that are never so by chance."""
    return [
        sum(trial.params.get(name) == DEFAULT[name] for name in ("learning_rate", "one_minus_gamma"))
        for trial in trials
    ]


def run(sampler: optuna.samplers.BaseSampler, n_trials: int) -> list[optuna.trial.FrozenTrial]:
    study = optuna.create_study(direction="maximize", sampler=sampler)

    def objective(trial: optuna.Trial) -> float:
        SPACE.suggest(trial)
        # As well as can be, far from the default.
        return -abs(trial.params["learning_rate"] - 0.05)

    study.optimize(objective, n_trials=n_trials)
    return study.trials


def near(seed: int, n_startup_trials: int) -> NewParams:
    sampler = TPESampler(seed=seed, n_startup_trials=n_startup_trials)
    return NewParams(NearDefault(sampler, DEFAULT, n_startup_trials, seed), SPACE, seed)


def test_a_share_of_the_startup_trials_keeps_most_of_the_default() -> None:
    kept = n_kept(run(near(0, 400), 400))
    # Where all three would be kept, one of them is let go. Both of these are kept by the default's one neighbour in
    # n_steps only; in their place new params are drawn.
    both = SHARE * (KEPT**2 * (1 - KEPT) + KEPT**3 / 3)
    one = SHARE * (2 * KEPT * (1 - KEPT) + KEPT**3 * 2 / 3)
    assert kept.count(2) <= 2
    assert kept.count(1) / len(kept) == pytest.approx(one / (1 - both), abs=0.06)


def test_the_default_itself_is_not_drawn() -> None:
    sampler = NearDefault(TPESampler(seed=0), DEFAULT, 10, 0)
    study = optuna.create_study()
    drawn = [sampler.sample_relative(study, study.ask()._cached_frozen_trial, {}) for _ in range(200)]
    assert max(map(len, drawn)) == len(DEFAULT) - 1
    assert {frozenset(params) for params in drawn if len(params) == 2} == {
        frozenset(DEFAULT) - {name} for name in DEFAULT
    }


def test_of_nothing_nothing_is_let_go() -> None:
    study = optuna.create_study()
    sampler = NearDefault(TPESampler(seed=0), {}, 10, 0)
    trial = study.ask()._cached_frozen_trial
    assert [sampler.sample_relative(study, trial, {}) for _ in range(10)] == [{}] * 10


def test_after_them_the_sampler_draws_alone() -> None:
    trials = run(near(0, 10), 60)
    assert sum(n_kept(trials[:10])) > 0
    assert sum(n_kept(trials[10:])) == 0


def test_it_draws_the_same_again_from_the_same_seed() -> None:
    first, second, other = (([t.params for t in run(near(seed, 10), 12)]) for seed in (3, 3, 4))
    assert first == second
    assert first != other


@pytest.mark.parametrize(("kwargs", "n_startup_trials"), [({}, 7), ({"n_startup_trials": 2}, 2)])
def test_tpe_looks_around_the_default_where_there_is_one(kwargs: dict, n_startup_trials: int) -> None:
    made = create_sampler("tpe", SamplingContext(SPACE, 0, 0, 7, DEFAULT), {**kwargs, "random_fraction": 0.0})
    assert isinstance(made, NewParams)
    assert isinstance(made.sampler, Exploring)
    assert isinstance(made.sampler.sampler, NearDefault)
    trials = run(made, n_startup_trials + 20)
    assert sum(n_kept(trials[n_startup_trials:])) == 0
    without = create_sampler("tpe", SamplingContext(SPACE, 0, 0, 7), kwargs)
    assert isinstance(without, NewParams)
    assert isinstance(without.sampler, Exploring)
    assert isinstance(without.sampler.sampler, TPESampler)


def test_random_search_stays_random() -> None:
    made = create_sampler("random", SamplingContext(SPACE, 0, 0, 7, DEFAULT))
    assert sum(n_kept(run(made, 30))) == 0
