"""What a checkpoint must know beside what SB3 saves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import DQN
from stable_baselines3.common.vec_env import DummyVecEnv

from sb3_hpo.checkpoints import load_model, save_model

if TYPE_CHECKING:
    from pathlib import Path


def cartpoles() -> DummyVecEnv:
    return DummyVecEnv([lambda: gym.make("CartPole-v1")] * 2)


@pytest.mark.parametrize("n_timesteps", [40, 200])
def test_returns_of_n_steps_end_where_the_training_paused(tmp_path: Path, n_timesteps: int) -> None:
    # 100 steps of each environment: the buffer is full after 200.
    model = DQN("MlpPolicy", cartpoles(), n_steps=5, buffer_size=200, learning_starts=1_000, seed=0)
    model.learn(n_timesteps)
    save_model(model, tmp_path)
    model.env.close()
    resumed = load_model(DQN, tmp_path, cartpoles(), seed=1, device="cpu")
    resumed.learn(20, reset_num_timesteps=False)
    buffer = resumed.replay_buffer
    last = (n_timesteps // 2 - 1) % buffer.buffer_size
    assert (buffer.dones[last].astype(bool) | buffer.timeouts[last].astype(bool)).all()
    # Rewards are 1: what a return adds up ends with the step, and the target network says the rest.
    samples = buffer._get_samples(np.full(32, last))
    assert np.allclose(samples.rewards.numpy(), 1.0)
    assert np.allclose(samples.discounts.numpy(), resumed.gamma)
    running = buffer.dones[last] == 0
    assert (samples.dones.numpy() == 0).any() == running.any()
    resumed.env.close()


def test_an_empty_buffer_has_no_episode_to_end(tmp_path: Path) -> None:
    model = DQN("MlpPolicy", cartpoles(), n_steps=3, buffer_size=200, seed=0)
    save_model(model, tmp_path)
    resumed = load_model(DQN, tmp_path, cartpoles(), seed=1, device="cpu")
    assert not resumed.replay_buffer.timeouts.any()
