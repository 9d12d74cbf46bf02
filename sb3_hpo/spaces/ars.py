"""ARS's search space (https://arxiv.org/abs/1803.07055): random directions instead of gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sb3_hpo.parameter import Parameter, SameAs
from sb3_hpo.search_space import SearchSpace
from sb3_hpo.spaces import common
from sb3_hpo.transforms import AtLeast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sb3_hpo.search_space import Budget

EPISODE_STEPS = 200
"""Length of an episode where the environment does not tell: that of most classic control."""

_N_DELTA = 8


def fit_population(configuration: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
    """Try fewer directions so that the budget has room for :data:`sb3_hpo.spaces.common.MIN_UPDATES` updates.

    An update takes an episode to each side of every direction. How long episodes are depends on how good the policy
    is; they count with their greatest length.
    """
    if "n_delta" not in configuration:
        return dict(configuration)
    steps = 2 * (budget.max_episode_steps or EPISODE_STEPS) * configuration.get("n_eval_episodes", 1)
    most = max(1, budget.n_timesteps // (common.MIN_UPDATES * steps))
    if configuration["n_delta"] <= most:
        return dict(configuration)
    fitted = {**configuration, "n_delta": most}
    if fitted.get("n_top") is not None:
        fitted["n_top"] = min(most, fitted["n_top"])
    return fitted


SPACE = SearchSpace(
    (
        *common.learning_rate(
            0.02,
            1e-3,
            0.1,
            source="the zoo trains with 0.01 to 0.03, SB3's default is 0.02; what the zoo "
            "samples, 1e-5 to 2e-3, is below all of these",
        ),
        Parameter(
            "n_top",
            IntDistribution(1, 64, log=True),
            argument="n_top",
            default=SameAs("n_delta", _N_DELTA),
            source="the zoo samples 1 to 64 and trains with 1 to 32",
        ),
        Parameter(
            "n_unused_plus_one",
            IntDistribution(1, 41, log=True),
            argument="n_delta",
            default=_N_DELTA,
            transform=AtLeast("n_top"),
            source="directions beyond those that count: the zoo trains with 0 to 40",
        ),
        Parameter(
            "delta_std",
            FloatDistribution(0.005, 0.3, log=True),
            argument="delta_std",
            default=0.05,
            source="the zoo samples 0.01 to 0.3, but trains BipedalWalker with 0.0075",
        ),
        Parameter(
            "zero_policy",
            CategoricalDistribution([False, True]),
            argument="zero_policy",
            default=True,
            source="the zoo trains linear policies from zero weights and others from random ones",
        ),
        common.net_arch(
            {"tiny": [16], "small": [32], "medium": [64, 64]},
            default=[64, 64],
            source="the zoo trains with the first and the last; the one between is a comment in its sampler",
        ),
        common.activation_fn("nn.ReLU"),
    ),
    fit=(fit_population,),
)
