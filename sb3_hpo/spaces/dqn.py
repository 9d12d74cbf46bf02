"""DQN's search space (https://arxiv.org/abs/1312.5602)."""

from __future__ import annotations

from sb3_hpo.search_space import SearchSpace
from sb3_hpo.spaces import off_policy

SPACE = SearchSpace(
    (
        *off_policy.q_learning(learning_rate=1e-4),
        *off_policy.epsilon_greedy(final_eps_default=0.05, fraction_default=0.1, fraction_low=0.01),
        *off_policy.q_networks(),
        *off_policy.hindsight(),
    ),
    fit=(*off_policy.FIT, off_policy.fit_target_update),
)
