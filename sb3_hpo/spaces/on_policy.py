"""What the search spaces of on-policy algorithms share: A2C, PPO and its variants, TRPO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.distributions import FloatDistribution, IntDistribution

from sb3_hpo.parameter import Parameter
from sb3_hpo.spaces import common
from sb3_hpo.transforms import OneMinus, PowerOfTwo, ZeroAt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sb3_hpo.search_space import Budget

MIN_ROLLOUT_STEPS = 2
"""Steps of a rollout in each environment: advantages of a single one cannot be normalized."""

_LOWEST_ENT_COEF = 1e-8
_LOWEST_ONE_MINUS_LAMBDA = 1e-4

_HEADS = ("pi", "vf")
_NETWORKS = {
    "tiny": {"pi": [64], "vf": [64]},
    "small": {"pi": [64, 64], "vf": [64, 64]},
    "medium": {"pi": [256, 256], "vf": [256, 256]},
}


def learning_rate(default: float) -> tuple[Parameter, Parameter]:
    """The learning rate and its schedule."""
    return common.learning_rate(default, 1e-5, 2e-3, source="the zoo samples it so, and trains within it")


def discount() -> Parameter:
    """``gamma``."""
    return common.discount(0.1, source="the zoo samples 0.97 to 0.9999, but trains Pendulum and Reacher with 0.9")


def gae_lambda(default: float) -> Parameter:
    """``gae_lambda``, searched as its distance from 1."""
    return Parameter(
        "one_minus_gae_lambda",
        FloatDistribution(_LOWEST_ONE_MINUS_LAMBDA, 0.2, log=True),
        argument="gae_lambda",
        default=default,
        transform=OneMinus(one_at=_LOWEST_ONE_MINUS_LAMBDA),
        source="the zoo samples 0.9 to 0.9999, but trains CartPole with 0.8; the end of the range stands for 1",
    )


def n_steps(default: int, low: int, high: int, source: str) -> Parameter:
    """Steps of a rollout in each environment, ``2**low`` to ``2**high``."""
    return Parameter(
        "n_steps_pow",
        IntDistribution(low, high),
        argument="n_steps",
        default=default,
        transform=PowerOfTwo(),
        source=source,
    )


def batch_size(default: int) -> Parameter:
    """The size of a minibatch."""
    return common.batch_size(default, 5, 9, source="the zoo samples 2**2 to 2**10 and trains with 32 to 512")


def ent_coef() -> Parameter:
    """The coefficient of the entropy in the loss."""
    return Parameter(
        "ent_coef",
        FloatDistribution(_LOWEST_ENT_COEF, 0.1, log=True),
        argument="ent_coef",
        default=0.0,
        transform=ZeroAt(_LOWEST_ENT_COEF),
        source="the zoo samples it so; the low end of the range stands for 0, SB3's default",
    )


def max_grad_norm() -> Parameter:
    """The norm to which gradients are clipped."""
    return Parameter(
        "max_grad_norm",
        FloatDistribution(0.3, 5.0, log=True),
        argument="max_grad_norm",
        default=0.5,
        source="the zoo samples 0.3 to 2, but trains MountainCarContinuous with 5",
    )


def networks(more: Mapping[str, object] | None = None) -> tuple[Parameter, Parameter]:
    """The networks of actor and critic, and their activation function.

    :param more: further choices of ``net_arch`` by name
    """
    return (
        common.net_arch(
            {**(more or {}), **_NETWORKS},
            default=_NETWORKS["small"],
            source="the zoo samples it so for PPO",
            heads=_HEADS,
        ),
        common.activation_fn("nn.Tanh"),
    )


def exploration() -> tuple[Parameter, ...]:
    """How continuous actions explore."""
    return (*common.gsde(), common.log_std_init(0.0, with_gsde_only=False))


def clipped_surrogate(n_steps_default: int, batch_size_default: int) -> tuple[Parameter, ...]:
    """What PPO and its variants have in common, but for their networks."""
    return (
        *learning_rate(3e-4),
        discount(),
        gae_lambda(0.95),
        n_steps(n_steps_default, 3, 11, source="the zoo samples 2**5 to 2**12 and trains with 8 to 2048"),
        batch_size(batch_size_default),
        Parameter(
            "n_epochs",
            IntDistribution(1, 20, log=True),
            argument="n_epochs",
            default=10,
            source="the zoo samples 1, 5, 10 and 20 and trains with 4, too",
        ),
        Parameter(
            "clip_range",
            FloatDistribution(0.1, 0.4),
            argument="clip_range",
            default=0.2,
            source="the zoo samples 0.1, 0.2, 0.3 and 0.4 and trains BipedalWalker with 0.18",
        ),
        common.schedule("clip_range_schedule", "clip_range", 0.2),
        ent_coef(),
        max_grad_norm(),
    )


def fit_rollout(configuration: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
    """Shorten rollouts so that the budget has room for :data:`sb3_hpo.spaces.common.MIN_UPDATES` of them.

    A rollout is ``n_steps`` steps in each of ``n_envs`` environments.
    """
    longest = max(MIN_ROLLOUT_STEPS, budget.n_timesteps // (common.MIN_UPDATES * budget.n_envs))
    if configuration.get("n_steps", 0) <= longest:
        return dict(configuration)
    return {**configuration, "n_steps": common.power_of_two_floor(longest)}


def fit_batch(configuration: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
    """Make the minibatch divide the rollout, so that none is truncated: the largest such that is not above it."""
    if "n_steps" not in configuration or "batch_size" not in configuration:
        return dict(configuration)
    rollout = configuration["n_steps"] * budget.n_envs
    batch = min(configuration["batch_size"], rollout)
    while rollout % batch:
        batch -= 1
    return {**configuration, "batch_size": batch}
