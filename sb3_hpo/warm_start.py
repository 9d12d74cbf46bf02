"""The best of an earlier study, as first trials of another one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.trial import TrialState

from sb3_hpo.configuration import from_zoo
from sb3_hpo.errors import UserError, unknown_name
from sb3_hpo.scores import iqm
from sb3_hpo.storage import study_names
from sb3_hpo.study import FirstTrial
from sb3_hpo.study_description import read_description
from sb3_hpo.transforms import OutsideSpaceError
from sb3_hpo.trial_attributes import HYPERPARAMS
from sb3_hpo.validation_trainings import known_scores

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.task import Task
    from sb3_hpo.transforms import Plain

N_TRIALS = 3
"""Configurations taken over: one may owe its place to luck, and each costs a trial that learns nothing new."""


def best_of(storage: BaseStorage, study_name: str, task: Task, space: SearchSpace) -> list[FirstTrial]:
    """The best configurations of an earlier study, of whatever environment or budget, the best one first.

    Those that were trained on fresh seeds come first, by their interquartile mean there; then by the score of the
    search. Params are taken over as they are where the search space has them, so that what is a share of a training
    stays one; else by the hyperparameters that they led to. What lies outside the search space is left out.

    :param study_name: a study in the same storage
    :param space: the search space of the study that begins
    :raises UserError: if there is no such study, it tuned another algorithm, or nothing in it can be taken over
    """
    names = study_names(storage)
    if study_name not in names:
        raise unknown_name("study to start from", study_name, names)
    study = optuna.load_study(storage=storage, study_name=study_name)
    description = read_description(study, study_name)
    algo = description.algo
    if algo != task.algo:
        raise UserError(
            f"study {study_name!r} tuned {algo}, this command tunes {task.algo}: name a study of {task.algo}"
        )
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not trials:
        raise UserError(f"study {study_name!r} has no complete trial to start from: go on with it first")
    first: list[FirstTrial] = []
    default = description.configuration
    for trial in sorted(trials, key=lambda trial: _worth(storage, study_name, trial, default), reverse=True):
        params = _params(trial, space)
        if params is not None and all(params != other.params for other in first):
            first.append(FirstTrial(params, f"trial {trial.number} of study {study_name}"))
    if not first:
        raise UserError(
            f"no complete trial of study {study_name!r} lies in the search space: leave --warm-start-from out, or give "
            "the --search-space of that study"
        )
    return first[:N_TRIALS]


def _worth(storage: BaseStorage, study_name: str, trial: FrozenTrial, default: Mapping[str, Any]) -> tuple[bool, float]:
    scores = known_scores(storage, study_name, trial.user_attrs[HYPERPARAMS], default)
    return bool(scores), float(iqm(np.asarray(scores))) if scores else float(trial.value or 0.0)


def _params(trial: FrozenTrial, space: SearchSpace) -> dict[str, Plain] | None:
    """The params with which the space gives what a trial was; None if it cannot."""
    with contextlib.suppress(UserError):
        space.to_hyperparams(trial.params)
        return dict(trial.params)
    with contextlib.suppress(OutsideSpaceError):
        return space.to_params(from_zoo(trial.user_attrs[HYPERPARAMS]))
    return None
