from __future__ import annotations

import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

from sb3_hpo.configuration import merge
from sb3_hpo.finite import FiniteCallback, check_weights, is_finite, learn_finite
from tests.tasks import FailingStep, FakeTask, Faulty, cartpole

MODELS = {
    "dqn": (DQN, {"learning_starts": 5, "buffer_size": 1_000}),
    "a2c": (A2C, {}),
    "ppo": (PPO, {"n_steps": 16, "batch_size": 16, "n_epochs": 1}),
}


@pytest.mark.parametrize("algo", MODELS)
@pytest.mark.parametrize("fault", ["nan observation", "inf observation", "nan reward", "inf reward", "-inf reward"])
@pytest.mark.parametrize("n_envs", [1, 2])
def test_training_ends_at_the_step_that_is_no_number(algo: str, fault: str, n_envs: int) -> None:
    model_class, kwargs = MODELS[algo]
    env = cartpole(n_envs, 0, lambda env: Faulty(env, fault, 13))
    model = model_class("MlpPolicy", env, device="cpu", policy_kwargs={"net_arch": [4]}, seed=0, **kwargs)
    with pytest.raises(FloatingPointError, match=f"{fault.split()[1]}s at environment step {13 * n_envs}$"):
        model.learn(100, callback=FiniteCallback())


def test_the_last_observation_of_an_episode_is_looked_at() -> None:
    model = DQN("MlpPolicy", cartpole(1, 0, lambda env: Faulty(env, "nan at the end", 0)), device="cpu", seed=0)
    with pytest.raises(FloatingPointError, match="observations at environment step"):
        model.learn(100, callback=FiniteCallback())


def test_the_first_observation_is_looked_at() -> None:
    model = A2C("MlpPolicy", cartpole(1, 0), device="cpu", seed=0)
    model._last_obs = np.full((1, 4), np.nan, np.float32)
    model._last_episode_starts = np.ones(1, bool)
    with pytest.raises(FloatingPointError, match="observations at environment step 0"):
        model.learn(100, callback=FiniteCallback(), reset_num_timesteps=False)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, at the mean of infinite values
@pytest.mark.parametrize(("fault", "what"), [("inf reward", "rewards"), ("inf observation", "observations")])
def test_what_is_normalized_is_looked_at(fault: str, what: str) -> None:
    env = VecNormalize(cartpole(1, 0, lambda env: Faulty(env, fault, 13)))
    model = A2C("MlpPolicy", env, device="cpu", seed=0)
    with pytest.raises(FloatingPointError, match=f"NaN or infinite {what} at environment step 13"):
        model.learn(100, callback=FiniteCallback())


def test_what_is_finite_is_trained_to_the_end() -> None:
    model = SAC("MlpPolicy", make_vec_env("Pendulum-v1", seed=0), device="cpu", learning_starts=10, seed=0)
    model.learn(20, callback=FiniteCallback())
    assert model.num_timesteps == 20


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([1.0, -3e38], np.float32), True),
        (np.array([3e38, 3e38], np.float32), True),  # whose sum is infinite
        (np.array([np.inf, -np.inf]), False),
        (np.array([[0.0], [np.nan]]), False),
        (np.zeros((0,), np.float32), True),
        (3, True),
        (np.float64("nan"), False),
        (np.full((2, 2), 255, np.uint8), True),
        ({"a": np.zeros(2), "b": np.array([3])}, True),
        ({"a": np.zeros(2), "b": np.array([np.nan], np.float32)}, False),
    ],
)
def test_is_finite(values: object, expected: bool) -> None:
    assert is_finite(values) == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_weight_is_enough(value: float) -> None:
    model = A2C("MlpPolicy", cartpole(1, 0), device="cpu", seed=0)
    check_weights(model)
    with torch.no_grad():
        list(model.policy.parameters())[-1][0] = value
    with pytest.raises(FloatingPointError, match="weights at environment step 0"):
        check_weights(model)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, at the squares of what the network gives
def test_what_bad_weights_led_to_is_the_context() -> None:
    task = FakeTask()
    training = task.prepare(merge(task.configuration, {"learning_rate": 1e30, "policy_kwargs": {"net_arch": [64]}}))
    with pytest.raises(FloatingPointError, match="NaN or infinite weights") as caught:
        learn_finite(training, training.create_model(0), [])
    assert isinstance(caught.value.__context__, ValueError)


def test_another_error_stays_what_it_is() -> None:
    training = FakeTask(wrapper=FailingStep).prepare(FakeTask().configuration)
    with pytest.raises(OSError, match="simulator"):
        learn_finite(training, training.create_model(0), [])
