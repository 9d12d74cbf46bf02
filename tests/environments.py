"""Small environments for the tests, registered when this module is imported (``--gym-packages tests.environments``)."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.envs.classic_control import CartPoleEnv
from sb3_contrib.common.envs import InvalidActionEnvDiscrete
from stable_baselines3.common.envs import BitFlippingEnv


class ImageEnv(gym.Env):
    """Random images; the reward is for an action that matches their brightness."""

    observation_space = spaces.Box(0, 255, (36, 36, 1), dtype=np.uint8)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._step = 0
        return self._observe(), {}

    def step(self, action):
        reward = float(action == self._bright)
        self._step += 1
        return self._observe(), reward, self._step >= 10, False, {}

    def _observe(self):
        self._bright = int(self.np_random.integers(2))
        return np.full((36, 36, 1), 200 * self._bright, dtype=np.uint8)


class FaultyCartPole(CartPoleEnv):
    """CartPole that breaks where it is asked to; evaluation environments are not.

    :param fault: what breaks at the tenth step of an environment
    :param every: which of the environments made are broken: every second one for 2
    :param healthy: environments, the first ones, that are not
    """

    n_made = 0

    def __init__(self, fault=None, every=1, healthy=0):
        super().__init__()
        self.fault = None
        self.n_left = 10
        if fault is not None:
            FaultyCartPole.n_made += 1
            if self.n_made > healthy and self.n_made % every == 0:
                self.fault = fault

    def step(self, action):
        observation, reward, *rest = super().step(action)
        self.n_left -= 1
        if self.n_left < 0 and self.fault == "raise":
            raise OSError("the simulator broke down")
        if self.n_left < 0 and self.fault == "nan observation":
            observation = np.full_like(observation, np.nan)
        if self.n_left < 0 and self.fault is not None and self.fault.endswith("reward"):
            reward = float(self.fault.split()[0])
        return observation, reward, *rest


class SlowedCartPole(CartPoleEnv):
    """CartPole whose steps take long for as long as a file exists: a test has time to do something to a training.

    :param slow: the file
    :param deadly: file whose length counts the trainings that were to kill their process, by SIGKILL at the tenth step
    :param n_deaths: how many of them do
    :param n_spared: how many before them do not
    """

    def __init__(self, slow=None, deadly=None, n_deaths=0, n_spared=0):
        super().__init__()
        self.slow = slow
        self.deadly = deadly
        self.n_deaths = n_deaths
        self.n_spared = n_spared
        self.n_left = 10

    def step(self, action):
        self.n_left -= 1
        if self.slow is not None and Path(self.slow).exists():
            time.sleep(0.3)
        if self.n_left == 0 and self.deadly is not None:
            self._die()
        return super().step(action)

    def _die(self):
        with Path(self.deadly).open("a", encoding="utf-8") as file:
            place = file.tell() - self.n_spared
            file.write("." if place < self.n_deaths else "")
        if 0 <= place < self.n_deaths:
            os.kill(os.getpid(), signal.SIGKILL)


class ClimbingEnv(gym.Env):
    """Episodes of one step: a return of 1 in the first of an environment, of 9 in all others, whatever one does."""

    observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
    action_space = spaces.Discrete(2)
    n_episodes = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.n_episodes += 1
        return np.zeros(2, np.float32), {}

    def step(self, action):
        return np.zeros(2, np.float32), 1.0 if self.n_episodes == 1 else 9.0, True, False, {}


def _register(env_id: str, entry_point: object, **kwargs: object) -> None:
    if env_id not in gym.registry:
        gym.register(env_id, entry_point=entry_point, **kwargs)


_register("Goal-v0", lambda: BitFlippingEnv(n_bits=3, continuous=True, max_steps=10), max_episode_steps=10)
_register("Masked-v0", lambda: InvalidActionEnvDiscrete(dim=4, n_invalid_actions=2, ep_length=10))
_register("Image-v0", ImageEnv, max_episode_steps=10)
_register("Dict-v0", lambda: BitFlippingEnv(n_bits=3, max_steps=10), max_episode_steps=10)
_register("Faulty-v0", FaultyCartPole, max_episode_steps=30)
_register("Slowed-v0", SlowedCartPole, max_episode_steps=30)
_register("Climbing-v0", ClimbingEnv, max_episode_steps=10)
