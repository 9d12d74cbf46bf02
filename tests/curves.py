"""Learning curves without any training: an objective that reports as this project's does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sb3_hpo.parameter import Parameter
from sb3_hpo.search_space import SearchSpace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sb3_hpo.pruners import PruningScale

SMALL = SearchSpace(
    (
        Parameter("x", FloatDistribution(0.0, 1.0), "x", "a test", 0.5),
        Parameter("steps", FloatDistribution(0.0, 1.0, step=0.5), "steps", "a test", 0.5),
        Parameter("width", IntDistribution(1, 4), "width", "a test", 2),
        Parameter("kind", CategoricalDistribution(["a", "b"]), "kind", "a test", "a"),
        Parameter("slope", IntDistribution(1, 2), "slope", "a test", 1, when={"kind": ["b"]}),
    )
)
"""A parameter of every kind, one of them conditional."""

FINITE = SearchSpace(tuple(parameter for parameter in SMALL if parameter.name != "x"))
"""Without the continuous one: 3 * 4 * (1 + 2) = 36 configurations."""


def quality(params: Mapping[str, object]) -> float:
    """What a trial learns in the end."""
    return 100.0 * (params.get("x", 0.0) + params["steps"]) + params["width"] + params.get("slope", 0)


def curve_objective(
    space: SearchSpace, scale: PruningScale, level: Callable[[Mapping], float] = quality
) -> Callable[[optuna.Trial], float]:
    """Reports every evaluation at its environment step: a learning curve, then on later seeds its end."""
    every = scale.n_timesteps // scale.n_evaluations

    def objective(trial: optuna.Trial) -> float:
        final = level(space.suggest(trial))
        for seed in range(scale.n_seeds):
            for step in range(every, scale.n_timesteps + 1, every):
                trial.report(
                    curve(final, step / scale.n_timesteps if seed == 0 else 1.0), seed * scale.n_timesteps + step
                )
                if trial.should_prune():
                    raise optuna.TrialPruned
        return curve(final, 1.0)

    return objective


def curve(final: float, progress: float) -> float:
    """Rises fast, and forgets a little from the middle on."""
    return final * (1 - math.exp(-8 * progress)) - 5.0 * max(0.0, progress - 0.5)
