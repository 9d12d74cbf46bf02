"""What the search spaces of all families share: learning rate, discount, batch size, networks, gSDE.

"The zoo samples" refers to ``rl_zoo3/hyperparams_opt.py`` 2.9, "the zoo trains" to its ``hyperparams/<algo>.yml``.
SB3's defaults are those of ``stable_baselines3`` and ``sb3_contrib`` 2.9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sb3_hpo.features import BOX_ACTIONS, MLP_POLICY
from sb3_hpo.parameter import Parameter
from sb3_hpo.transforms import CONSTANT, LINEAR, Named, NetArch, OneMinus, PowerOfTwo, Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_UPDATES = 5
"""Rollouts, each followed by an update, that a training has at least."""


def learning_rate(default: float, low: float, high: float, source: str) -> tuple[Parameter, Parameter]:
    """The learning rate and its schedule."""
    rate = Parameter(
        "learning_rate",
        FloatDistribution(low, high, log=True),
        argument="learning_rate",
        default=default,
        source=source,
    )
    return rate, schedule("lr_schedule", "learning_rate", default)


def schedule(name: str, argument: str, default: float) -> Parameter:
    """Whether an argument, whose parameter comes before, stays constant or falls linearly to 0.

    :param default: SB3's default of the argument
    """
    return Parameter(
        name,
        CategoricalDistribution([CONSTANT, LINEAR]),
        argument=argument,
        default=default,
        transform=Schedule(argument),
        source="the two schedules that the zoo's YAML can write",
    )


def discount(high: float = 0.03, source: str = "the zoo samples it so") -> Parameter:
    """``gamma``, searched as its distance from 1."""
    return Parameter(
        "one_minus_gamma",
        FloatDistribution(1e-4, high, log=True),
        argument="gamma",
        default=0.99,
        transform=OneMinus(),
        source=source,
    )


def batch_size(
    default: int, low: int, high: int, source: str, widened: Mapping[str, IntDistribution] | None = None
) -> Parameter:
    """The size of a minibatch, ``2**low`` to ``2**high`` transitions.

    :param widened: other ranges of the exponent, by feature
    """
    return Parameter(
        "batch_size_pow",
        IntDistribution(low, high),
        argument="batch_size",
        default=default,
        transform=PowerOfTwo(),
        source=source,
        widened=widened or {},
    )


def net_arch(
    networks: Mapping[str, object],
    default: object,
    source: str,
    heads: tuple[str, ...] = (),
    widened: Mapping[str, Mapping[str, object]] | None = None,
) -> Parameter:
    """The hidden layers of the networks.

    :param networks: ``net_arch`` by name
    :param heads: the networks that a bare list of layers stands for
    :param widened: further choices, by feature and name
    """
    more = widened or {}
    return Parameter(
        "net_arch",
        CategoricalDistribution(list(networks)),
        argument="policy_kwargs.net_arch",
        default=default,
        transform=NetArch({**networks, **{name: net for nets in more.values() for name, net in nets.items()}}, heads),
        source=source,
        requires=frozenset({MLP_POLICY}),
        widened={feature: CategoricalDistribution([*networks, *nets]) for feature, nets in more.items()},
    )


def activation_fn(default: str) -> Parameter:
    """The activation function between the layers.

    :param default: its class, such as ``"nn.ReLU"``
    """
    return Parameter(
        "activation_fn",
        CategoricalDistribution(["relu", "tanh"]),
        argument="policy_kwargs.activation_fn",
        default=default,
        transform=Named({"relu": "nn.ReLU", "tanh": "nn.Tanh"}),
        source="the zoo samples these two; ReLU is SB3's default off-policy, Tanh on-policy",
        requires=frozenset({MLP_POLICY}),
    )


def gsde() -> tuple[Parameter, Parameter]:
    """Generalized state-dependent exploration (https://arxiv.org/abs/2005.05719), for continuous actions only."""
    return (
        Parameter(
            "use_sde",
            CategoricalDistribution([False, True]),
            argument="use_sde",
            default=False,
            source="off in SB3, on in what the zoo trains MountainCarContinuous and the PyBullet environments with",
            requires=frozenset({BOX_ACTIONS}),
        ),
        Parameter(
            "sde_sample_freq",
            CategoricalDistribution([-1, 4, 8, 16, 64]),
            argument="sde_sample_freq",
            default=-1,
            source="SB3's default, once a rollout, and the steps that the zoo trains with",
            when={"use_sde": (True,)},
        ),
    )


def log_std_init(default: float, *, with_gsde_only: bool) -> Parameter:
    """The initial logarithm of the standard deviation of continuous actions.

    :param with_gsde_only: whether the policy reads it with gSDE only
    """
    return Parameter(
        "log_std_init",
        FloatDistribution(-4.0, 1.0),
        argument="policy_kwargs.log_std_init",
        default=default,
        source="the zoo trains with -3.67 to 0; SB3's default is 0 on-policy and -3 off-policy",
        when={"use_sde": (True,)} if with_gsde_only else {},
        requires=frozenset({BOX_ACTIONS}),
    )


def power_of_two_floor(number: int) -> int:
    """The largest power of two that is not above a positive number."""
    return int(2 ** (number.bit_length() - 1))
