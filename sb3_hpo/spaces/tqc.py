"""TQC's search space (https://arxiv.org/abs/2005.04269): SAC's, and how its quantiles are truncated."""

from __future__ import annotations

from optuna.distributions import IntDistribution

from sb3_hpo.parameter import Parameter
from sb3_hpo.search_space import SearchSpace
from sb3_hpo.spaces import off_policy

SPACE = SearchSpace(
    (
        *off_policy.actor_critic(learning_rate=3e-4),
        off_policy.tau(),
        off_policy.entropy(),
        Parameter(
            "n_quantiles",
            IntDistribution(10, 50),
            argument="policy_kwargs.n_quantiles",
            default=25,
            source="the zoo samples 5 to 50, dropping fewer from the few; with 10 any number dropped leaves some",
        ),
        Parameter(
            "top_quantiles_to_drop_per_net",
            IntDistribution(0, 5),
            argument="top_quantiles_to_drop_per_net",
            default=2,
            source="the zoo samples it so; the paper uses 0, 2 and 5",
        ),
        *off_policy.gsde(),
        off_policy.continuous_net_arch([256, 256]),
        *off_policy.hindsight(),
    ),
    fit=off_policy.FIT,
)
