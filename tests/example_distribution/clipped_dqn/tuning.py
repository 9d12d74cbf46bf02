"""What makes the algorithm tunable by name."""

from __future__ import annotations

from optuna.distributions import FloatDistribution, IntDistribution

from sb3_hpo import Algorithm, Parameter, SearchSpace
from sb3_hpo.transforms import PowerOfTwo

ALGORITHM = Algorithm(
    "clipped_dqn:ClippedDQN",
    SearchSpace(
        (
            Parameter(
                "learning_rate",
                FloatDistribution(1e-4, 1e-2, log=True),
                argument="learning_rate",
                default=1e-4,
                source="around DQN's default",
            ),
            Parameter(
                "batch_size_pow",
                IntDistribution(4, 7),
                argument="batch_size",
                default=32,
                transform=PowerOfTwo(),
                source="around DQN's default",
            ),
            Parameter(
                "reward_clip",
                FloatDistribution(0.1, 10, log=True),
                argument="reward_clip",
                default=1.0,
                source="a decade on either side of the default",
            ),
        )
    ),
)
