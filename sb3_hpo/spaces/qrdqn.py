"""QR-DQN's search space (https://arxiv.org/abs/1710.10044): DQN's and the number of quantiles."""

from __future__ import annotations

from optuna.distributions import IntDistribution

from sb3_hpo.parameter import Parameter
from sb3_hpo.search_space import SearchSpace
from sb3_hpo.spaces import off_policy

SPACE = SearchSpace(
    (
        *off_policy.q_learning(learning_rate=5e-5),
        *off_policy.epsilon_greedy(final_eps_default=0.01, fraction_default=0.005, fraction_low=0.005),
        Parameter(
            "n_quantiles",
            IntDistribution(5, 200, log=True),
            argument="policy_kwargs.n_quantiles",
            default=200,
            source="the zoo samples it so, evenly; it trains with 10 to 170",
        ),
        *off_policy.q_networks(),
        *off_policy.hindsight(),
    ),
    fit=(*off_policy.FIT, off_policy.fit_target_update),
)
