"""TRPO's search space (https://arxiv.org/abs/1502.05477)."""

from __future__ import annotations

from optuna.distributions import FloatDistribution, IntDistribution

from sb3_hpo.parameter import Parameter
from sb3_hpo.search_space import SearchSpace
from sb3_hpo.spaces import on_policy

SPACE = SearchSpace(
    (
        *on_policy.learning_rate(1e-3),
        on_policy.discount(),
        on_policy.gae_lambda(0.95),
        on_policy.n_steps(2048, 7, 11, source="the zoo samples 2**5 to 2**12 and trains with 512 to 2048"),
        on_policy.batch_size(128),
        Parameter(
            "n_critic_updates",
            IntDistribution(5, 30),
            argument="n_critic_updates",
            default=10,
            source="the zoo samples it so",
        ),
        Parameter(
            "cg_max_steps",
            IntDistribution(5, 30),
            argument="cg_max_steps",
            default=15,
            source="the zoo samples it so",
        ),
        Parameter(
            "cg_damping",
            FloatDistribution(1e-3, 0.5, log=True),
            argument="cg_damping",
            default=0.1,
            source="the zoo trains with 0.001 to 0.1 and has up to 0.5 as a comment",
        ),
        Parameter(
            "target_kl",
            FloatDistribution(1e-3, 0.1, log=True),
            argument="target_kl",
            default=0.01,
            source="the zoo samples it so",
        ),
        *on_policy.networks(),
        *on_policy.exploration(),
    ),
    fit=(on_policy.fit_rollout, on_policy.fit_batch),
)
