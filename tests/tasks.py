"""A task without the zoo: A2C on a short CartPole, small enough to be trained within a tenth of a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import gymnasium as gym
import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution
from stable_baselines3 import A2C
from stable_baselines3.common.env_util import make_vec_env

from sb3_hpo.checkpoints import load_model, save_model
from sb3_hpo.features import MLP_POLICY
from sb3_hpo.model_kwargs import to_objects
from sb3_hpo.parameter import Parameter
from sb3_hpo.search_space import SearchSpace
from sb3_hpo.transforms import OneMinus

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import VecEnv

SPACE = SearchSpace(
    (
        Parameter("learning_rate", FloatDistribution(1e-5, 1e-1, log=True), "learning_rate", "a test", 7e-4),
        Parameter("one_minus_gamma", FloatDistribution(1e-3, 0.1, log=True), "gamma", "a test", 0.99, OneMinus()),
        Parameter("n_steps", CategoricalDistribution([5, 10]), "n_steps", "a test", 5),
    )
)

MAX_EPISODE_STEPS = 30

EnvWrapper = Callable[[gym.Env], gym.Env]


def cartpole(n_envs: int, seed: int, wrapper: EnvWrapper = lambda env: env) -> VecEnv:
    """CartPole with short episodes."""
    return make_vec_env(
        lambda: wrapper(gym.make("CartPole-v1", max_episode_steps=MAX_EPISODE_STEPS)), n_envs=n_envs, seed=seed
    )


class FakeTask:
    """A2C on CartPole. Implements ``sb3_hpo.task.Task``.

    :param wrapper: put around the training environments
    :param own_callbacks: callbacks of the configuration, for each training
    """

    algo = "a2c"
    env_id = "CartPole-v1"
    deterministic_eval = True
    arguments: ClassVar[dict[str, object]] = {}
    features = frozenset({MLP_POLICY})
    environment: ClassVar[dict[str, str]] = {"action_space": "Discrete(2)"}
    max_episode_steps = MAX_EPISODE_STEPS

    def __init__(
        self,
        n_timesteps: int = 200,
        wrapper: EnvWrapper = lambda env: env,
        own_callbacks: Callable[[], Sequence[BaseCallback]] = list,
    ) -> None:
        self.configuration: Mapping[str, Any] = {
            "policy": "MlpPolicy",
            "n_timesteps": n_timesteps,
            "learning_rate": 7e-4,
            "policy_kwargs": {"net_arch": [8], "activation_fn": "nn.Tanh"},
        }
        self.wrapper = wrapper
        self.own_callbacks = own_callbacks
        self.trained: list[tuple[Mapping[str, Any], int]] = []
        """Configuration and seed of every model created."""
        self.restored: list[int] = []
        """Seed of every model that went on from a checkpoint."""
        self.eval_seeds: list[int] = []
        """Seed of every evaluation environment created."""

    def prepare(self, configuration: Mapping[str, Any]) -> FakeTraining:
        return FakeTraining(self, configuration)


class FakeTraining:
    """Implements ``sb3_hpo.task.Training``."""

    def __init__(self, task: FakeTask, configuration: Mapping[str, Any]) -> None:
        self.task = task
        self.configuration = configuration
        self.n_timesteps = int(configuration["n_timesteps"])

    def create_model(self, seed: int) -> BaseAlgorithm:
        self.task.trained.append((self.configuration, seed))
        kwargs = {key: value for key, value in to_objects(self.configuration).items() if key != "n_timesteps"}
        return A2C(env=cartpole(1, seed, self.task.wrapper), seed=seed, device="cpu", **kwargs)

    def create_eval_env(self, seed: int, n_envs: int) -> VecEnv:
        self.task.eval_seeds.append(seed)
        return cartpole(n_envs, seed)

    def save(self, model: BaseAlgorithm, folder: Path) -> None:
        save_model(model, folder)

    def restore(self, folder: Path, seed: int) -> BaseAlgorithm | None:
        self.task.restored.append(seed)
        return load_model(A2C, folder, cartpole(1, seed, self.task.wrapper), seed, "cpu")

    def learn(self, model: BaseAlgorithm, callbacks: Sequence[BaseCallback]) -> None:
        callbacks = [*self.task.own_callbacks(), *callbacks]
        is_new = model.num_timesteps == 0
        model.learn(self.n_timesteps - model.num_timesteps, callback=callbacks, reset_num_timesteps=is_new)


class FailingStep(gym.Wrapper):
    """An environment that breaks after some steps, with a message of two lines."""

    def __init__(self, env: gym.Env, n_steps: int = 20) -> None:
        super().__init__(env)
        self.n_left = n_steps

    def step(self, action: Any) -> Any:
        self.n_left -= 1
        if self.n_left < 0:
            raise OSError("the simulator\nbroke down")
        return super().step(action)


class Faulty(gym.Wrapper):
    """An environment that gives one value that is no number, at one step.

    :param fault: ``nan observation``, ``inf observation``, ``nan reward``, ``inf reward``, or ``nan at the end``: the
        last observation of an episode, at that step or after it
    """

    def __init__(self, env: gym.Env, fault: str, step: int) -> None:
        super().__init__(env)
        self.fault = fault
        self.n_left = step

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = super().step(action)
        self.n_left -= 1
        value, _, what = self.fault.partition(" ")
        if self.n_left == 0 and what == "observation":
            observation = observation * np.float32(value)
        if self.n_left == 0 and what == "reward":
            reward = float(value)
        if self.n_left <= 0 and what == "at the end" and (terminated or truncated):
            observation = np.full_like(observation, np.nan)
        return observation, reward, terminated, truncated, info


class ScriptedReturns(gym.Env):
    """CartPole's spaces, and episodes of one step whose returns are given."""

    observation_space = gym.spaces.Box(-1.0, 1.0, (4,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, returns: Iterator[float]) -> None:
        self.returns = returns

    def reset(self, **kwargs: Any) -> Any:
        return np.zeros(4, np.float32), {}

    def step(self, action: Any) -> Any:
        return np.zeros(4, np.float32), next(self.returns), True, False, {}


def record_predictions(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each action of an evaluation, from now on, was asked for as a deterministic one."""
    asked: list[bool] = []
    predict = A2C.predict

    def recorded(self: A2C, *args: Any, deterministic: bool = False, **kwargs: Any) -> Any:
        asked.append(deterministic)
        return predict(self, *args, deterministic=deterministic, **kwargs)

    monkeypatch.setattr(A2C, "predict", recorded)
    return asked
