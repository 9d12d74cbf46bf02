"""The algorithms of SB3 itself, registered by entry points as anybody else's would be."""

from __future__ import annotations

from sb3_hpo.algorithms import Algorithm
from sb3_hpo.spaces.dqn import SPACE as DQN_SPACE

dqn = Algorithm("stable_baselines3:DQN", DQN_SPACE)
