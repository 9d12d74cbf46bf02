"""Read a trial's configuration back from a storage, to train it or to export it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import TrialState

from sb3_hpo.configuration import checked
from sb3_hpo.errors import UserError, unknown_name
from sb3_hpo.storage import study_names
from sb3_hpo.study_description import DESCRIPTION, VALIDATION_SUFFIX, read_description
from sb3_hpo.trial_attributes import HYPERPARAMS

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

BEST = "best"
"""In the place of a trial's number: the trial with the best score."""


def load_study(storage: BaseStorage, study_name: str) -> optuna.Study:
    """An existing study.

    :raises UserError: if there is none of that name, with the nearest name there is
    """
    names = study_names(storage)
    if study_name not in names:
        raise unknown_name("study", study_name, [name for name in names if not name.endswith(VALIDATION_SUFFIX)])
    return optuna.load_study(study_name=study_name, storage=storage)


def load_trial(study: optuna.Study, number: int | str) -> FrozenTrial:
    """A trial of a study by its number, or the best complete one.

    :param number: the trial's number, from 0, or ``"best"``
    :raises UserError: if there is no such trial
    """
    trials = study.get_trials(deepcopy=False)
    if number == BEST:
        complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        if not complete:
            raise UserError(f"study {study.study_name!r} has no complete trial, so none is the best")
        return max(complete, key=lambda trial: trial.value or 0.0)
    for trial in trials:
        if trial.number == number:
            return trial
    known = f"0 to {len(trials) - 1}" if trials else "none"
    raise UserError(f"study {study.study_name!r} has no trial {number!r}: it has {known}")


def is_ours(study: optuna.Study) -> bool:
    """Whether a study was made by this package, rather than by the stock zoo."""
    return DESCRIPTION in study.user_attrs


def trial_configuration(study: optuna.Study, trial: FrozenTrial, algo: str) -> dict[str, Any]:
    """The whole configuration that a trial of one of our studies was trained with, in the zoo's notation.

    :param algo: algorithm that it is wanted for
    :raises UserError: if the study is about another algorithm, the trial was not begun, or it holds text that the zoo
        would run as code
    """
    description = read_description(study, study.study_name)
    if description.algo != algo:
        raise UserError(
            f"study {study.study_name!r} tunes {description.algo!r}, not {algo!r}: give --algo {description.algo}"
        )
    if HYPERPARAMS not in trial.user_attrs:
        raise UserError(f"trial {trial.number} of study {study.study_name!r} has not begun: it has no hyperparameters")
    return checked(trial.user_attrs[HYPERPARAMS])
