"""DQN's search space.

SB3's defaults are those of ``stable_baselines3/dqn/dqn.py`` 2.9; "the zoo samples" refers to
``sample_dqn_params`` in ``rl_zoo3/hyperparams_opt.py`` 2.9, "the zoo trains" to its ``hyperparams/dqn.yml``.
"""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sb3_hpo.search_space import Parameter, SearchSpace
from sb3_hpo.transforms import FractionOf, Named, OneMinus, PowerOfTwo, Schedule

SPACE = SearchSpace(
    (
        Parameter(
            "learning_rate",
            FloatDistribution(1e-5, 1e-2, log=True),
            argument="learning_rate",
            default=1e-4,
            source="the zoo samples 1e-5 to 2e-3, but trains CartPole with 2.3e-3 and MountainCar with 4e-3",
        ),
        Parameter(
            "lr_schedule",
            CategoricalDistribution(["constant", "linear"]),
            argument="learning_rate",
            default=1e-4,
            transform=Schedule("learning_rate"),
            source="the schedules that the zoo's YAML can write",
        ),
        Parameter(
            "one_minus_gamma",
            FloatDistribution(1e-4, 0.03, log=True),
            argument="gamma",
            default=0.99,
            transform=OneMinus(),
            source="the zoo samples it so",
        ),
        Parameter(
            "batch_size_pow",
            IntDistribution(4, 9),
            argument="batch_size",
            default=32,
            transform=PowerOfTwo(),
            source="the zoo samples 2**2 to 2**11; it trains with 32 to 128, and a gradient step's cost grows with it",
        ),
        Parameter(
            "train_freq_pow",
            IntDistribution(2, 8),
            argument="train_freq",
            default=4,
            transform=PowerOfTwo(),
            source="the zoo samples 1 to 10, but trains MountainCar with 16 and CartPole with 256",
        ),
        Parameter(
            "gradient_steps_fraction",
            FloatDistribution(0.25, 1.0, step=0.25),
            argument="gradient_steps",
            default=1,
            transform=FractionOf("train_freq"),
            source="the zoo trains with 1/4 (Atari), 1/2 (CartPole) and 1 (Acrobot) gradient steps per step",
        ),
        Parameter(
            "buffer_size",
            IntDistribution(10_000, 1_000_000, log=True),
            argument="buffer_size",
            default=1_000_000,
            source="from MountainCar's 10,000 in the zoo to SB3's default",
        ),
        Parameter(
            "learning_starts",
            CategoricalDistribution([0, 100, 1_000, 5_000]),
            argument="learning_starts",
            default=100,
            source="SB3's default and what the zoo trains classic control with, and one decade more",
        ),
        Parameter(
            "exploration_final_eps",
            FloatDistribution(0.0, 0.2),
            argument="exploration_final_eps",
            default=0.05,
            source="the zoo samples it so",
        ),
        Parameter(
            "exploration_fraction",
            FloatDistribution(0.01, 0.5),
            argument="exploration_fraction",
            default=0.1,
            source="the zoo samples 0 to 0.5; SB3 divides by it, so not 0",
        ),
        Parameter(
            "target_update_interval",
            IntDistribution(1, 20_000, log=True),
            argument="target_update_interval",
            default=10_000,
            source="the zoo samples it so",
        ),
        Parameter(
            "net_arch",
            CategoricalDistribution(["small", "medium", "big"]),
            argument="policy_kwargs.net_arch",
            default=[64, 64],
            transform=Named({"small": [64, 64], "medium": [256, 256], "big": [400, 300]}),
            source="the zoo samples it so",
        ),
        Parameter(
            "activation_fn",
            CategoricalDistribution(["relu", "tanh"]),
            argument="policy_kwargs.activation_fn",
            default="nn.ReLU",
            transform=Named({"relu": "nn.ReLU", "tanh": "nn.Tanh"}),
            source="the zoo samples these two for its on-policy algorithms; ReLU is SB3's default",
        ),
    )
)
