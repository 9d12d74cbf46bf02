"""CrossQ's search space (https://openreview.net/forum?id=PczQtTsTIX): SAC without target networks.

Without hindsight replay, too: it has no policy for the observations of goal environments.
"""

from __future__ import annotations

from optuna.distributions import IntDistribution

from sb3_hpo.parameter import Parameter
from sb3_hpo.search_space import SearchSpace
from sb3_hpo.spaces import off_policy

_WIDE_CRITIC = {"pi": [256, 256], "qf": [1024, 1024]}

SPACE = SearchSpace(
    (
        *off_policy.actor_critic(learning_rate=1e-3),
        off_policy.entropy(),
        Parameter(
            "policy_delay",
            IntDistribution(1, 4),
            argument="policy_delay",
            default=3,
            source="the zoo trains with 2 and 3, SB3's default; 1 is SAC's, 4 one more",
        ),
        *off_policy.gsde(),
        off_policy.continuous_net_arch(
            _WIDE_CRITIC,
            more={"wide_critic": _WIDE_CRITIC},
            source="what the zoo samples for SAC, and SB3's default; the paper's critics of 2048 units are left out: "
            "they want a GPU",
        ),
    ),
    fit=off_policy.FIT,
)
