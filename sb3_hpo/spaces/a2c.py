"""A2C's search space (https://arxiv.org/abs/1602.01783)."""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, IntDistribution

from sb3_hpo.parameter import Parameter
from sb3_hpo.search_space import SearchSpace
from sb3_hpo.spaces import on_policy

SPACE = SearchSpace(
    (
        *on_policy.learning_rate(7e-4),
        on_policy.discount(),
        on_policy.gae_lambda(1.0),
        Parameter(
            "n_steps",
            IntDistribution(4, 1024, log=True),
            argument="n_steps",
            default=5,
            source="the zoo samples 32 to 2048, but trains with 5 to 100, most with 8",
        ),
        on_policy.ent_coef(),
        on_policy.max_grad_norm(),
        Parameter(
            "normalize_advantage",
            CategoricalDistribution([False, True]),
            argument="normalize_advantage",
            default=False,
            source="SB3's default, with which the zoo trains, and what PPO does",
        ),
        Parameter(
            "use_rms_prop",
            CategoricalDistribution([False, True]),
            argument="use_rms_prop",
            default=True,
            source="the two optimizers that SB3 offers; False is Adam",
        ),
        *on_policy.networks(),
        *on_policy.exploration(),
    ),
    fit=(on_policy.fit_rollout,),
)
