"""PPO's search space (https://arxiv.org/abs/1707.06347)."""

from __future__ import annotations

from sb3_hpo.search_space import SearchSpace
from sb3_hpo.spaces import on_policy

SPACE = SearchSpace(
    (
        *on_policy.clipped_surrogate(n_steps_default=2048, batch_size_default=64),
        *on_policy.networks(),
        *on_policy.exploration(),
    ),
    fit=(on_policy.fit_rollout, on_policy.fit_batch),
)
