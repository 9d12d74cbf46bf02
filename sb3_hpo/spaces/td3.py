"""TD3's search space (https://arxiv.org/abs/1802.09477)."""

from __future__ import annotations

from sb3_hpo.search_space import SearchSpace
from sb3_hpo.spaces import off_policy

SPACE = SearchSpace(off_policy.deterministic_actor(), fit=off_policy.FIT)
