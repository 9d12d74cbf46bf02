"""RecurrentPPO's search space: PPO's, and its LSTM."""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, IntDistribution

from sb3_hpo.parameter import Parameter
from sb3_hpo.search_space import SearchSpace
from sb3_hpo.spaces import on_policy
from sb3_hpo.transforms import PowerOfTwo

SPACE = SearchSpace(
    (
        *on_policy.clipped_surrogate(n_steps_default=128, batch_size_default=128),
        Parameter(
            "lstm_hidden_size_pow",
            IntDistribution(4, 8),
            argument="policy_kwargs.lstm_hidden_size",
            default=256,
            transform=PowerOfTwo(),
            source="the zoo trains with 32 to 128, and has 16 to 512 as a comment; 256 is SB3's default",
        ),
        Parameter(
            "enable_critic_lstm",
            CategoricalDistribution([False, True]),
            argument="policy_kwargs.enable_critic_lstm",
            default=True,
            source="the zoo trains with both",
        ),
        *on_policy.networks({"none": {"pi": [], "vf": []}}),
        *on_policy.exploration(),
    ),
    fit=(on_policy.fit_rollout, on_policy.fit_batch),
)
