from __future__ import annotations

import itertools

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from sb3_hpo.new_params import MAX_DRAWS_OF_SAMPLER, NewParams
from sb3_hpo.parameter import Parameter
from sb3_hpo.search_space import SearchSpace

SPACE = SearchSpace(
    (
        Parameter("x", IntDistribution(0, 3), "x", "a test", 0),
        Parameter("kind", CategoricalDistribution(["a", "b"]), "kind", "a test", "a"),
        Parameter("y", IntDistribution(0, 2), "y", "a test", 0, when={"kind": ("b",)}),
    )
)
N_CONFIGURATIONS = 4 * (1 + 3)


class Stubborn(optuna.samplers.RandomSampler):
    """Proposes the same again and again."""

    def __init__(self) -> None:
        super().__init__(seed=0)
        self.n_asked = 0

    def sample_independent(self, study, trial, param_name, param_distribution):
        self.n_asked += param_name == "x"
        return {"x": 1, "kind": "a", "y": self.n_asked % 3}[param_name]


def keys(study: optuna.Study) -> list[tuple]:
    return [tuple(sorted(trial.params.items())) for trial in study.trials]


def run(study: optuna.Study, n_trials: int) -> None:
    study.optimize(lambda trial: float(len(SPACE.suggest(trial))), n_trials=n_trials)


def test_nothing_is_proposed_twice_as_long_as_there_is_something_new() -> None:
    study = optuna.create_study(sampler=NewParams(optuna.samplers.TPESampler(seed=0, n_startup_trials=3), SPACE, 0))
    run(study, 12)
    assert len(set(keys(study))) == 12
    # At the end it takes more draws than there are; it goes on all the same.
    run(study, 10)
    assert len(set(keys(study))) <= N_CONFIGURATIONS
    assert len(study.trials) == 22


def test_a_sampler_that_has_nothing_new_leaves_it_to_chance() -> None:
    stubborn = Stubborn()
    study = optuna.create_study(sampler=NewParams(stubborn, SPACE, 0))
    run(study, 1)
    assert study.trials[0].params == {"x": 1, "kind": "a"}
    stubborn.n_asked = 0
    run(study, 1)
    # What differs in a parameter that does not apply is no other configuration.
    assert stubborn.n_asked == MAX_DRAWS_OF_SAMPLER
    assert study.trials[1].params != study.trials[0].params


def test_what_others_try_right_now_is_known() -> None:
    study = optuna.create_study(sampler=NewParams(optuna.samplers.RandomSampler(seed=0), SPACE, 0))
    running = [study.ask() for _ in range(8)]
    for trial in running:
        SPACE.suggest(trial)
    assert len(set(keys(study))) == 8
    assert not list(itertools.filterfalse(lambda trial: trial.params, study.trials))


@pytest.mark.parametrize("n_begun", [0, 1, 2])
def test_what_is_to_be_tried_next_is_known(n_begun: int) -> None:
    study = optuna.create_study(sampler=NewParams(Stubborn(), SPACE, 0))
    for params in ({"x": 1, "kind": "a"}, {"x": 2, "kind": "a"}):
        study.enqueue_trial(params)
    for _ in range(n_begun):
        study.ask()
    sampled = NewParams(Stubborn(), SPACE, 0).sample_relative(study, study.trials[-1], {})
    assert (sampled["x"], sampled["kind"]) != (1, "a")


def test_nothing_is_proposed_twice_in_the_brackets_of_hyperband() -> None:
    study = optuna.create_study(
        sampler=NewParams(optuna.samplers.TPESampler(seed=0, n_startup_trials=3), SPACE, 0),
        pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9),
        direction="maximize",
    )

    def objective(trial: optuna.Trial) -> float:
        params = SPACE.suggest(trial)
        for step in range(1, 10):
            trial.report(float(len(params)), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(len(params))

    study.optimize(objective, n_trials=12)
    assert len(set(keys(study))) == 12
