from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.samplers import RandomSampler

from sb3_hpo.exploring import RANDOM_FRACTION, Exploring
from sb3_hpo.parameter import Parameter
from sb3_hpo.samplers import SamplingContext, create_sampler
from sb3_hpo.search_space import SearchSpace
from tests.tasks import SPACE

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

SQUARE = SearchSpace(tuple(Parameter(name, IntDistribution(0, 9), name, "test", 0) for name in "xy"))
STUBBORN = {"x": 3, "y": 4}
DEFAULT = {"learning_rate": 3e-4, "one_minus_gamma": 0.02, "n_steps": 5}


class Stubborn(RandomSampler):
    """Stands for a sampler that has learned: it draws the same again and again, its last param by itself."""

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {"x": 3}

    def sample_independent(self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution) -> Any:
        return STUBBORN[param_name]


def drawn(n_startup_trials: int, n_trials: int, **options: Any) -> list[dict[str, Any]]:
    sampler = Exploring(Stubborn(), RandomSampler(seed=1), SQUARE, n_startup_trials, 0, **options)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: trial.suggest_int("x", 0, 9) + trial.suggest_int("y", 0, 9), n_trials=n_trials)
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize(("options", "fraction"), [({}, RANDOM_FRACTION), ({"random_fraction": 0.6}, 0.6)])
def test_a_share_is_drawn_by_the_explorer_and_as_a_whole(options: dict, fraction: float) -> None:
    params = drawn(0, 400, **options)
    # One in a hundred looks as if it were the sampler's.
    assert sum(p != STUBBORN for p in params) / len(params) == pytest.approx(0.99 * fraction, abs=0.06)
    assert {p["y"] for p in params if p["x"] == 3} > {4}


def test_startup_trials_are_left_to_the_sampler() -> None:
    params = drawn(50, 150)
    assert params[:50] == [STUBBORN] * 50
    assert params[50:] != [STUBBORN] * 100


@pytest.mark.parametrize("default", [None, DEFAULT])
def test_tpe_goes_on_exploring_around_the_default_and_elsewhere(default: dict | None) -> None:
    sampler = create_sampler("tpe", SamplingContext(SPACE, 0, 0, 5, default), {"random_fraction": 1.0})
    study = optuna.create_study(direction="maximize", sampler=sampler)

    def objective(trial: optuna.Trial) -> float:
        SPACE.suggest(trial)
        return -abs(trial.params["learning_rate"] - 0.05)

    study.optimize(objective, n_trials=45)
    later = [trial.params for trial in study.trials[5:]]
    n_kept = sum(params["learning_rate"] == DEFAULT["learning_rate"] for params in later)
    assert (5 < n_kept < 30) == (default is not None)
    # Nothing is learned from what was best.
    assert sum(params["learning_rate"] > 0.01 for params in later) < 20


def test_it_draws_the_same_again_from_the_same_seed() -> None:
    def params(seed: int) -> list[dict[str, Any]]:
        sampler = create_sampler("tpe", SamplingContext(SPACE, seed, 0, 3, DEFAULT))
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(lambda trial: float(len(SPACE.suggest(trial))), n_trials=20)
        return [trial.params for trial in study.trials]

    assert params(1) == params(1) != params(2)


def test_it_draws_anew_after_it_was_seeded_anew() -> None:
    explorer = RandomSampler(seed=1)
    sampler = Exploring(Stubborn(), explorer, SQUARE, 0, 0)
    before = explorer._rng.rng.get_state()[1].tolist()
    sampler.reseed_rng()
    assert explorer._rng.rng.get_state()[1].tolist() != before
