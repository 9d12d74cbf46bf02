"""DQN on clipped rewards: an algorithm with SB3's interface, and an argument that SB3 does not have."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3 import DQN


class ClippedDQN(DQN):
    """DQN whose temporal-difference targets use rewards clipped to ``[-reward_clip, reward_clip]``."""

    def __init__(self, policy: Any, env: Any, reward_clip: float = 1.0, **kwargs: Any) -> None:
        self.reward_clip = reward_clip
        super().__init__(policy, env, **kwargs)

    def _store_transition(
        self, replay_buffer: Any, buffer_action: Any, new_obs: Any, reward: Any, dones: Any, infos: Any
    ) -> None:
        clipped = np.clip(reward, -self.reward_clip, self.reward_clip)
        super()._store_transition(replay_buffer, buffer_action, new_obs, clipped, dones, infos)
