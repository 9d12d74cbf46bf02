"""CartPole that writes down when its first step was taken: ``--gym-packages timed_environment``."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
from gymnasium.envs.classic_control import CartPoleEnv

NAME = "TimedCartPole-v0"
FILE = "TIMED_ENVIRONMENT_FILE"
"""Environment variable: where to write the time, in seconds since the epoch."""


class TimedCartPole(CartPoleEnv):
    """The first of all processes that takes a step writes the time down."""

    def step(self, action: Any) -> Any:
        """As CartPole's."""
        path = Path(os.environ[FILE])
        if not path.exists():
            path.write_text(repr(time.time()), encoding="ascii")
        return super().step(action)


gym.register(id=NAME, entry_point=TimedCartPole, max_episode_steps=500)
