"""Name -> Optuna pruner. A pruner's resource, or step, is environment steps spent on the trial."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import optuna

from sb3_hpo.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.pruners import BasePruner

FIRST_RUNG = 0.15
"""Share of a training after which halving compares trials for the first time."""

REDUCTION_FACTOR = 3
"""Halving keeps the best third at each rung: at 15 and at 45 percent of the first training of a trial."""


@dataclasses.dataclass(frozen=True)
class PruningScale:
    """What the steps that a trial reports at mean.

    :param n_timesteps: environment steps of one training
    :param n_seeds: trainings of one trial, one after the other
    :param n_startup_trials: trials that are never pruned by comparison with the median
    """

    n_timesteps: int
    n_seeds: int
    n_startup_trials: int


def create_pruner(name: str, scale: PruningScale) -> BasePruner:
    """The Optuna pruner of that name.

    :param name: one of :data:`PRUNERS`
    :raises UserError: for an unknown name
    """
    check_pruner(name)
    return PRUNERS[name](scale)


def check_pruner(name: str) -> None:
    """Check a pruner's name.

    :raises UserError: for an unknown name
    """
    if name not in PRUNERS:
        raise unknown_name("pruner", name, PRUNERS)


def _none(scale: PruningScale) -> BasePruner:
    return optuna.pruners.NopPruner()


def _median(scale: PruningScale) -> BasePruner:
    # The zoo warms up for a third of the evaluations too (rl_zoo3, exp_manager.py).
    return optuna.pruners.MedianPruner(n_startup_trials=scale.n_startup_trials, n_warmup_steps=scale.n_timesteps // 3)


def _halving(scale: PruningScale) -> BasePruner:
    return optuna.pruners.SuccessiveHalvingPruner(
        min_resource=max(1, int(FIRST_RUNG * scale.n_timesteps)), reduction_factor=REDUCTION_FACTOR
    )


def _hyperband(scale: PruningScale) -> BasePruner:
    return optuna.pruners.HyperbandPruner(
        min_resource=max(1, int(FIRST_RUNG * scale.n_timesteps)),
        max_resource=scale.n_timesteps * scale.n_seeds,
        reduction_factor=REDUCTION_FACTOR,
    )


PRUNERS: dict[str, Callable[[PruningScale], BasePruner]] = {
    "none": _none,
    "median": _median,
    "halving": _halving,
    "hyperband": _hyperband,
}
