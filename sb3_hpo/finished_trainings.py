"""Whole trainings that a trial takes over from the one it tries again.

Where a worker dies, or is stopped, on a later seed of a trial, what its earlier seeds have come to is kept: the trial
that tries the same parameters again trains only the seeds that are missing.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import optuna

from sb3_hpo.callbacks import expected_mean
from sb3_hpo.scores import learning_curves
from sb3_hpo.trial_attributes import FINISHED_TRAININGS, HYPERPARAMS, TAKEN_OVER_FROM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def finished_training(trial: optuna.Trial, seed: int) -> dict[str, Any] | None:
    """The training on a seed that the trial need not do again; None if there is none of this configuration."""
    finished = trial.user_attrs.get(FINISHED_TRAININGS)
    if finished is None or finished[HYPERPARAMS] != trial.user_attrs[HYPERPARAMS]:
        return None
    found = (run for run in finished["trainings"] if run["seed"] == seed)
    return copy.deepcopy(next(found, None))


def report_again(trial: optuna.Trial, runs: Sequence[Mapping[str, Any]], n_timesteps: int) -> None:
    """Report every evaluation of a training that was taken over, at the steps and with the values it had before.

    :param runs: the trainings of the trial so far; the last one is it
    :param n_timesteps: environment steps of one training
    :raises optuna.TrialPruned: if the pruner gives the trial up, by what others have come to since
    """
    run = runs[-1]
    (curve,) = learning_curves([run])
    earlier = learning_curves(runs[:-1]) if len(runs) > 1 else ()
    for place, step in enumerate(run["timesteps"][: run["planned_evaluations"]]):
        trial.report(expected_mean(float(curve[place]), place, earlier), (len(runs) - 1) * n_timesteps + step)
        if trial.should_prune():
            after = f"after {step:,} of {n_timesteps:,} environment steps"
            raise optuna.TrialPruned(f"pruned {after}, which trial {run[TAKEN_OVER_FROM]} trained")
