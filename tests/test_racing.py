"""Racing over seeds: what is clearly worse never reaches its later seeds, under any pruner that compares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from stable_baselines3.common.env_util import make_vec_env

from sb3_hpo.errors import UserError
from sb3_hpo.objective import Objective
from sb3_hpo.scores import iqm
from sb3_hpo.settings import TuningSettings
from sb3_hpo.study import ENVIRONMENT_STEPS, SEEDS, STEP, open_study
from sb3_hpo.trial_attributes import RUNS
from tests.tasks import SPACE, FakeTask, FakeTraining

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stable_baselines3.common.vec_env import VecEnv

N_TIMESTEPS = 40

GOOD = {"learning_rate": 1e-2, "one_minus_gamma": 0.01, "n_steps": 5}
BAD = {**GOOD, "learning_rate": 1e-4}


class OneStep(gym.Env):
    """Episodes of one step, whose reward is what the configuration is worth, with a little noise."""

    observation_space = gym.make("CartPole-v1").observation_space
    action_space = gym.spaces.Discrete(2)

    def __init__(self, worth: float) -> None:
        self.worth = worth

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple:
        super().reset(seed=seed)
        return np.zeros(4, np.float32), {}

    def step(self, action: Any) -> tuple:
        return np.zeros(4, np.float32), self.worth + self.np_random.normal(), True, False, {}


class WorthTask(FakeTask):
    """A task on which what a configuration is worth is plain: more with a larger learning rate."""

    def prepare(self, configuration: Mapping[str, Any]) -> FakeTraining:
        return WorthTraining(self, configuration)


class WorthTraining(FakeTraining):
    def create_eval_env(self, seed: int, n_envs: int) -> VecEnv:
        self.task.eval_seeds.append(seed)
        worth = 100 * float(np.log10(self.configuration["learning_rate"]))
        return make_vec_env(lambda: OneStep(worth), n_envs=n_envs, seed=seed)


def race(
    configurations: list[dict], storage: optuna.storages.BaseStorage | None = None, **options: Any
) -> tuple[optuna.Study, WorthTask]:
    """A study that tries these configurations after the default one."""
    task = WorthTask(N_TIMESTEPS)
    settings = TuningSettings(
        **{"n_evaluations": 4, "n_eval_episodes": 2, "n_eval_envs": 1, "n_startup_trials": 1, **options}
    )
    storage = storage or optuna.storages.InMemoryStorage()
    study, description = open_study(storage, "s", task, SPACE, settings)
    for configuration in configurations:
        study.enqueue_trial(configuration)
    objective = Objective(task, SPACE, settings, description.tuning_seeds)
    study.optimize(objective, n_trials=1 + len(configurations))
    return study, task


@pytest.mark.parametrize("pruner", ["halving", "hyperband", "median", "percentile", "threshold"])
def test_clearly_worse_configuration_never_reaches_its_second_seed(pruner: str) -> None:
    kwargs = {"threshold": {"lower": -350.0}, "hyperband": {"max_resource": 18}}.get(pruner, {})
    study, _ = race([GOOD, BAD, GOOD, BAD], n_seeds=3, pruner=pruner, pruner_kwargs=kwargs)
    n_runs = [len(trial.user_attrs[RUNS]) for trial in study.trials]
    assert [trial.state for trial in study.trials][2::2] == [TrialState.PRUNED] * 2
    assert n_runs[2::2] == [1, 1]
    assert n_runs[1] == 3
    assert study.user_attrs[STEP] == ENVIRONMENT_STEPS


def test_wilcoxon_spares_a_worse_configuration_its_seeds_after_the_fourth() -> None:
    study, _ = race([GOOD, BAD, GOOD], n_seeds=6, pruner="wilcoxon")
    assert [len(trial.user_attrs[RUNS]) for trial in study.trials] == [6, 6, 4, 6]
    assert study.trials[2].state == TrialState.PRUNED
    for trial in study.trials:
        steps = list(trial.intermediate_values)
        assert steps == list(range(len(trial.user_attrs[RUNS])))
    best = study.best_trial
    assert best.value == pytest.approx(float(iqm(list(best.intermediate_values.values()))))
    assert study.user_attrs[STEP] == SEEDS


def test_every_trial_meets_the_same_seeds_in_the_same_order() -> None:
    study, task = race([GOOD, BAD, GOOD], n_seeds=3, pruner="none")
    seeds = [seed for _, seed in task.trained]
    assert len(set(seeds)) == 3
    assert seeds == 4 * seeds[:3]
    assert task.eval_seeds == 4 * task.eval_seeds[:3]
    assert [run["seed"] for run in study.trials[2].user_attrs[RUNS]] == seeds[:3]


def test_pruned_trial_met_the_first_of_the_same_seeds() -> None:
    study, task = race([GOOD, BAD], n_seeds=2, pruner="halving")
    seeds = [seed for _, seed in task.trained]
    assert seeds == [*seeds[:2], *seeds[:2], seeds[0]]
    assert study.trials[2].state == TrialState.PRUNED


def test_study_keeps_to_one_meaning_of_step() -> None:
    storage = optuna.storages.InMemoryStorage()
    race([], storage, n_seeds=4, pruner="median")
    with pytest.raises(UserError, match="'s' compares trials by environment steps, pruner 'wilcoxon' by seeds"):
        race([], storage, n_seeds=4, pruner="wilcoxon")
    race([GOOD], storage, n_seeds=4, pruner="halving")
