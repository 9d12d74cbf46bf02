from __future__ import annotations

from typing import Any

import optuna
import pytest

from sb3_hpo.algorithms import get_algorithm
from sb3_hpo.features import BOX_ACTIONS, MLP_POLICY
from sb3_hpo.search_space import Budget
from sb3_hpo.spaces import ars, off_policy, on_policy

HER = {"replay_buffer_class": "HerReplayBuffer"}


@pytest.mark.parametrize(
    ("n_steps", "budget", "fitted"),
    [
        (2048, Budget(100_000, 8), 2048),  # 6 rollouts
        (2048, Budget(81_920, 8), 2048),  # exactly 5
        (2048, Budget(81_919, 8), 1024),
        (2048, Budget(5_000, 1), 512),
        (2048, Budget(5_000, 8), 64),
        (100, Budget(5_000, 8), 100),
        (128, Budget(5_000, 8), 64),
        (5, Budget(10, 16), 2),  # no room for five: advantages need two steps
    ],
)
def test_rollout_leaves_room_for_five_updates(n_steps: int, budget: Budget, fitted: int) -> None:
    assert on_policy.fit_rollout({"n_steps": n_steps, "gamma": 0.9}, budget) == {"n_steps": fitted, "gamma": 0.9}


@pytest.mark.parametrize(
    ("n_steps", "n_envs", "batch_size", "fitted"),
    [
        (32, 8, 256, 256),
        (32, 4, 256, 128),
        (16, 3, 512, 48),
        (16, 3, 32, 24),
        (1024, 3, 512, 512),
        (8, 5, 32, 20),
        (2, 1, 64, 2),
        (2048, 1, 64, 64),
    ],
)
def test_batch_divides_the_rollout(n_steps: int, n_envs: int, batch_size: int, fitted: int) -> None:
    configuration = {"n_steps": n_steps, "batch_size": batch_size}
    assert on_policy.fit_batch(configuration, Budget(100_000, n_envs)) == {"n_steps": n_steps, "batch_size": fitted}


@pytest.mark.parametrize(
    ("train_freq", "gradient_steps", "budget", "fitted"),
    [
        (256, 128, Budget(50_000), (256, 128)),
        (256, 128, Budget(1_280), (256, 128)),  # exactly 5
        (256, 128, Budget(1_279), (128, 64)),
        (256, -1, Budget(1_000), (128, -1)),
        (4, 1, Budget(5), (1, 1)),
        (64, 64, Budget(1_000, 4), (32, 32)),
        ([1, "episode"], -1, Budget(5), ([1, "episode"], -1)),
    ],
)
def test_training_is_often_enough_for_the_budget(
    train_freq: Any, gradient_steps: int, budget: Budget, fitted: tuple[Any, int]
) -> None:
    configuration = {"train_freq": train_freq, "gradient_steps": gradient_steps}
    result = off_policy.fit_train_freq(configuration, budget)
    assert (result["train_freq"], result["gradient_steps"]) == fitted


@pytest.mark.parametrize(
    ("configuration", "budget", "fitted"),
    [
        ({"learning_starts": 10_000}, Budget(100_000), 10_000),
        ({"learning_starts": 10_000}, Budget(50_000), 5_000),
        ({"learning_starts": 0}, Budget(50_000), 0),
        ({"learning_starts": 0, **HER}, Budget(50_000, 1, 50), 50),
        ({"learning_starts": 0, **HER}, Budget(50_000, 4, 50), 200),
        ({"learning_starts": 0, **HER}, Budget(50_000, 1, None), 1_000),
        ({"learning_starts": 10_000, **HER}, Budget(50_000, 1, 50), 5_000),
        ({"learning_starts": 100, **HER}, Budget(100, 1, 50), 50),
    ],
)
def test_learning_starts_early_but_with_hindsight_after_an_episode(
    configuration: dict[str, Any], budget: Budget, fitted: int
) -> None:
    assert off_policy.fit_learning_starts(configuration, budget) == {**configuration, "learning_starts": fitted}


def test_target_network_is_updated_at_most_once_a_step_of_all_environments() -> None:
    fit = off_policy.fit_target_update
    assert fit({"target_update_interval": 1}, Budget(1_000, 4)) == {"target_update_interval": 4}
    assert fit({"target_update_interval": 10}, Budget(1_000, 4)) == {"target_update_interval": 10}


@pytest.mark.parametrize(
    ("n_delta", "n_top", "budget", "fitted"),
    [
        (64, 32, Budget(10_000_000, 1, 200), (64, 32)),
        (64, 32, Budget(50_000, 1, 200), (25, 25)),
        (64, 4, Budget(50_000, 1, 200), (25, 4)),
        (64, 4, Budget(50_000), (25, 4)),
        (64, 4, Budget(100), (1, 1)),
    ],
)
def test_population_leaves_room_for_five_updates(
    n_delta: int, n_top: int, budget: Budget, fitted: tuple[int, int]
) -> None:
    result = ars.fit_population({"n_delta": n_delta, "n_top": n_top}, budget)
    assert (result["n_delta"], result["n_top"]) == fitted


def test_arguments_that_are_not_named_stay_so() -> None:
    for algo in ("ppo", "dqn", "ars"):
        assert get_algorithm(algo).search_space.fitted({"policy": "MlpPolicy"}, Budget(10)) == {"policy": "MlpPolicy"}


@pytest.mark.parametrize("algo", ["a2c", "ars", "ddpg", "dqn", "ppo", "sac", "trpo"])
def test_nothing_changes_where_all_fits(algo: str) -> None:
    space = get_algorithm(algo).search_space.for_features(frozenset({BOX_ACTIONS, MLP_POLICY}))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(50):
        configuration = space.to_hyperparams(space.suggest(study.ask()))
        if "n_steps" in configuration and "batch_size" in configuration:
            configuration["batch_size"] = min(configuration["batch_size"], configuration["n_steps"])
        assert space.fitted(configuration, Budget(1_000_000, 1, 200)) == configuration
