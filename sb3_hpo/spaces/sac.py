"""SAC's search space (https://arxiv.org/abs/1801.01290)."""

from __future__ import annotations

from sb3_hpo.search_space import SearchSpace
from sb3_hpo.spaces import off_policy

SPACE = SearchSpace(
    (
        *off_policy.actor_critic(learning_rate=3e-4),
        off_policy.tau(),
        off_policy.entropy(),
        *off_policy.gsde(),
        off_policy.continuous_net_arch([256, 256]),
        *off_policy.hindsight(),
    ),
    fit=off_policy.FIT,
)
