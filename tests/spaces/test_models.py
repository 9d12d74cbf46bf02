"""Sampled configurations make models: the real ones, as the zoo makes them, on small environments."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import optuna
import pytest
import torch
import yaml
from rl_zoo3.exp_manager import ExperimentManager
from rl_zoo3.utils import ALGOS
from sb3_contrib import ARS
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from sb3_hpo.algorithms import algorithm_names, get_algorithm
from sb3_hpo.checkpoints import save_model
from sb3_hpo.configuration import from_zoo, merge
from sb3_hpo.features import BOX_ACTIONS, HER, MLP_POLICY, N_STEP_RETURNS
from sb3_hpo.objective import configuration_of
from sb3_hpo.plugin.task import ZooTask

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from sb3_hpo.search_space import SearchSpace

BASES = Path(__file__).parents[2] / "hyperparams"
N_CONFIGURATIONS = 300
N_TIMESTEPS = 20_000

CARTPOLE = "CartPole-v1"
PENDULUM = "Pendulum-v1"
GOAL = "sb3-hpo/BitFlipping-v0"
CONTINUOUS_GOAL = "sb3-hpo/ContinuousBitFlipping-v0"
MASKED = "sb3-hpo/InvalidActions-v0"

MAX_EPISODE_STEPS = 30
"""Of the environments that are registered here."""

_BIT_FLIPPING = "stable_baselines3.common.envs:BitFlippingEnv"
_REGISTERED: dict[str, tuple[str, dict[str, Any]]] = {
    GOAL: (_BIT_FLIPPING, {"n_bits": 10, "max_steps": MAX_EPISODE_STEPS}),
    CONTINUOUS_GOAL: (_BIT_FLIPPING, {"n_bits": 10, "max_steps": MAX_EPISODE_STEPS, "continuous": True}),
    MASKED: ("sb3_contrib.common.envs:InvalidActionEnvDiscrete", {"dim": 6, "n_invalid_actions": 2}),
}

WITH_HER = {
    "policy": "MultiInputPolicy",
    "buffer_size": 10_000,
    "replay_buffer_class": "HerReplayBuffer",
    "replay_buffer_kwargs": {"copy_info_dict": False},
}


FRUGAL = {"optimize_memory_usage": True, "replay_buffer_kwargs": {"handle_timeout_termination": False}}


@dataclasses.dataclass(frozen=True)
class Case:
    """An algorithm on an environment.

    :param changes: to the algorithm's own base
    :param features: that the task must have
    """

    algo: str
    env_id: str
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    features: frozenset[str] = frozenset({MLP_POLICY, N_STEP_RETURNS})

    def __str__(self) -> str:
        return f"{self.algo}-{self.env_id.rpartition('/')[2]}"


# Three environments: rollouts are then no powers of two.
THREE = {"n_envs": 3}
CONTINUOUS = frozenset({MLP_POLICY, N_STEP_RETURNS, BOX_ACTIONS})
CASES = [
    Case("a2c", CARTPOLE, THREE),
    Case("a2c", PENDULUM, THREE, CONTINUOUS),
    Case("ars", PENDULUM, {}, CONTINUOUS),
    Case("ars", CARTPOLE, {"policy": "LinearPolicy", "policy_kwargs": {}}, frozenset({N_STEP_RETURNS})),
    Case("crossq", PENDULUM, {}, CONTINUOUS),
    Case("ddpg", PENDULUM, {}, CONTINUOUS),
    Case("dqn", CARTPOLE, THREE),
    Case("ppo", CARTPOLE, THREE),
    Case("ppo", PENDULUM, THREE, CONTINUOUS),
    Case("ppo_lstm", CARTPOLE, THREE),
    Case("ppo_lstm", PENDULUM, THREE, CONTINUOUS),
    Case("ppo_mask", MASKED, THREE),
    Case("qrdqn", CARTPOLE, THREE),
    Case("sac", PENDULUM, {}, CONTINUOUS),
    Case("td3", PENDULUM, {}, CONTINUOUS),
    Case("tqc", PENDULUM, {}, CONTINUOUS),
    Case("trpo", CARTPOLE, THREE),
    Case("trpo", PENDULUM, THREE, CONTINUOUS),
]
HER_CASES = [
    *(Case(algo, GOAL, WITH_HER, frozenset({MLP_POLICY, HER})) for algo in ("dqn", "qrdqn")),
    *(
        Case(algo, CONTINUOUS_GOAL, WITH_HER, (CONTINUOUS - {N_STEP_RETURNS}) | {HER})
        for algo in ("ddpg", "sac", "td3", "tqc")
    ),
]


@pytest.fixture(scope="module", autouse=True)
def environments() -> Iterator[None]:
    for env_id, (entry_point, kwargs) in _REGISTERED.items():
        gym.register(
            env_id,
            entry_point=entry_point,
            kwargs=kwargs,
            max_episode_steps=MAX_EPISODE_STEPS,
            disable_env_checker=True,
        )
    torch.set_num_threads(1)
    yield
    for env_id in _REGISTERED:
        del gym.registry[env_id]


MakeTask = Callable[..., ZooTask]


@pytest.fixture
def make_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeTask:
    def make_task(case: Case, n_timesteps: int = N_TIMESTEPS) -> ZooTask:
        monkeypatch.setitem(ALGOS, case.algo, get_algorithm(case.algo).model_class)
        file = BASES / f"{case.algo}.yml"
        base = from_zoo(yaml.safe_load(file.read_text(encoding="utf-8"))["default"])
        base |= {**case.changes, "n_timesteps": n_timesteps}
        experiment = ExperimentManager(
            argparse.Namespace(),
            case.algo,
            case.env_id,
            str(tmp_path),
            config=str(file),
            n_timesteps=n_timesteps,
            optimize_hyperparameters=True,
            device="cpu",
            verbose=0,
        )
        return ZooTask(experiment, base)

    return make_task


def space_of(task: ZooTask) -> SearchSpace:
    return get_algorithm(task.algo).search_space.for_features(task.features)


def sampled(task: ZooTask, n: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Configurations as the objective trains them, with a replay buffer small enough to be made often."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    for _ in range(n):
        configuration = configuration_of(task, space_of(task), space_of(task).suggest(study.ask()))
        if "buffer_size" in configuration:
            configuration["buffer_size"] = 600
        yield configuration


def build(task: ZooTask, configuration: Mapping[str, Any]) -> BaseAlgorithm:
    model = task.prepare(configuration).create_model(seed=0)
    assert model.env is not None
    model.env.close()
    return model


def share_of(case: Case) -> int:
    """The cases of an algorithm share its configurations."""
    return N_CONFIGURATIONS // sum(other.algo == case.algo for other in CASES)


def test_every_algorithm_has_its_configurations() -> None:
    assert sorted({case.algo for case in CASES}) == algorithm_names()
    for algo in algorithm_names():
        assert sum(share_of(case) for case in CASES if case.algo == algo) == N_CONFIGURATIONS


@pytest.mark.parametrize("case", CASES, ids=str)
def test_sampled_configurations_make_models(case: Case, make_task: MakeTask) -> None:
    # Warnings are errors here: pyproject.toml says so.
    task = make_task(case)
    assert task.features == case.features
    for configuration in sampled(task, share_of(case)):
        build(task, configuration)


@pytest.mark.parametrize("case", HER_CASES, ids=str)
def test_sampled_configurations_make_models_with_hindsight_replay(case: Case, make_task: MakeTask) -> None:
    task = make_task(case)
    assert task.features == case.features
    for configuration in sampled(task, 20):
        model = build(task, configuration)
        kwargs = configuration["replay_buffer_kwargs"]
        assert model.replay_buffer.n_sampled_goal == kwargs["n_sampled_goal"]
        assert model.replay_buffer.goal_selection_strategy.name == kwargs["goal_selection_strategy"].upper()


def network(model: BaseAlgorithm) -> str:
    return str(model.policy)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defaults_make_the_model_that_sb3_makes(case: Case, make_task: MakeTask) -> None:
    task = make_task(case)
    bare = {key: task.configuration[key] for key in ("policy", "n_timesteps")}
    space = space_of(task)
    small = {"buffer_size": 600} if "buffer_size" in {parameter.argument for parameter in space} else {}
    named = build(task, merge(bare, {**space.to_hyperparams(space.to_params({})), **small}))
    assert network(named) == network(build(task, {**bare, **small}))


def cheaper(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with less work for a gradient step."""
    small = {"policy_kwargs": {"net_arch": [16]}} if configuration["policy"] != "LinearPolicy" else {}
    if "learning_starts" in configuration:
        small["batch_size"] = 16
    return merge(configuration, small)


def n_trainings(model: BaseAlgorithm) -> float:
    """Rollouts that were followed by an update."""
    return model._n_updates / getattr(model, "n_epochs", getattr(model, "gradient_steps", 1))


def longest_rollout(model: BaseAlgorithm) -> int:
    """Environment steps, where an update takes a fixed number of them."""
    if isinstance(model, ARS):
        return 2 * model.n_delta * gym.spec(PENDULUM).max_episode_steps
    steps = model.train_freq.frequency if isinstance(model, OffPolicyAlgorithm) else model.n_steps
    return steps * model.n_envs


# ARS on CartPole, whose episodes end early: how many steps an update takes is not known.
STEADY = [case for case in [*CASES, *HER_CASES] if (case.algo, case.env_id) != ("ars", CARTPOLE)]


@pytest.mark.parametrize("case", STEADY, ids=str)
def test_sampled_configurations_train_within_a_small_budget(case: Case, make_task: MakeTask) -> None:
    n_timesteps = 2_000 if case.algo == "ars" else 120
    task = make_task(case, n_timesteps)
    for configuration in sampled(task, 3, seed=1):
        training = task.prepare(cheaper(configuration))
        model = training.create_model(seed=0)
        training.learn(model, [])
        assert n_timesteps <= model.num_timesteps < n_timesteps + longest_rollout(model)
        assert n_trainings(model) >= 4
        assert model.env is not None
        model.env.close()


@pytest.mark.parametrize("algo", ["ddpg", "td3"])
def test_sampled_no_noise_is_no_noise_whatever_the_base_has(algo: str, make_task: MakeTask) -> None:
    task = make_task(Case(algo, PENDULUM))
    assert task.configuration["noise_type"] == "normal"
    kinds = {None: 0, "NormalActionNoise": 0, "OrnsteinUhlenbeckActionNoise": 0}
    for configuration in sampled(task, 20):
        noise = build(task, configuration).action_noise
        kinds[None if noise is None else type(noise).__name__] += 1
        assert ("noise_type" in configuration) == ("noise_std" in configuration) == (noise is not None)
    assert all(kinds.values())


@pytest.mark.parametrize("algo", ["dqn", "qrdqn"])
def test_n_step_returns_are_learned_from_as_sampled(algo: str, make_task: MakeTask) -> None:
    task = make_task(Case(algo, CARTPOLE))
    seen = set()
    for configuration in sampled(task, 20):
        model = build(task, configuration)
        seen.add(getattr(model.replay_buffer, "n_steps", 1))
        assert getattr(model.replay_buffer, "n_steps", 1) == model.n_steps == configuration["n_steps"]
    assert len(seen) > 3


@pytest.mark.parametrize("change", [FRUGAL, WITH_HER])
def test_where_sb3_has_no_n_step_returns_they_are_not_sampled(change: Mapping[str, Any], make_task: MakeTask) -> None:
    task = make_task(Case("dqn", GOAL, change) if "policy" in change else Case("dqn", CARTPOLE, change))
    assert all("n_steps" not in configuration for configuration in sampled(task, 3))


def test_models_are_made_and_restored_where_such_networks_train_fastest(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def training_device(device: str, model_kwargs: Mapping[str, object], observation_space: gym.Space[Any]) -> str:
        asked.append((device, model_kwargs["policy"], observation_space.shape))
        return "cpu"

    monkeypatch.setattr("sb3_hpo.plugin.task.training_device", training_device)
    task = make_task(next(case for case in CASES if (case.algo, case.env_id) == ("dqn", CARTPOLE)))
    task._experiment.device = "auto"
    training = task.prepare(next(sampled(task, 1)))
    asked.clear()
    model = training.create_model(seed=0)
    assert len(asked) == 1
    save_model(model, tmp_path)
    restored = training.restore(tmp_path, seed=0)
    assert restored is not None
    for made in (model, restored):
        assert made.env is not None
        made.env.close()
    assert asked == [("auto", "MlpPolicy", (4,))] * 2
