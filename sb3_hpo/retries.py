"""Trials that are tried again with the same parameters: their worker died, or was asked to stop."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.trial_attributes import (
    CANDIDATE,
    FAILURE,
    FIXED_PARAMS,
    POINT,
    TrialInterruptedError,
    inherited,
    left_to_the_next,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT = (FIXED_PARAMS, POINT, "failed_trial", "retry_history")


class RetryDeadTrial(RetryHeartbeatStaleTrialCallback):
    """Optuna's callback, whose copies begin without what the dead trial had recorded, but for whole trainings.

    A trial that had no parameters yet is not tried again: the next one is as good. Trainings of the validation are
    asked for again by the command that needs them.

    :param max_retries: how often a trial whose worker died is tried again
    """

    def __init__(self, max_retries: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            super().__init__(max_retry=max_retries)

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Put what a dead trial was to try back into the queue, if it has retries left."""
        if CANDIDATE not in trial.user_attrs and has_content(trial) and not _is_tried_again(study, trial):
            trial.user_attrs = left_to_the_next(trial)
            trial.system_attrs = _to_try_again(trial)
            super().__call__(study, trial)


def _is_tried_again(study: optuna.Study, dead: FrozenTrial) -> bool:
    """Whether another process that found the trial dead in the same moment has put it into the queue."""
    trials = study.get_trials(deepcopy=False)
    return any(dead.number in trial.system_attrs.get("retry_history", ()) for trial in trials)


def has_content(trial: FrozenTrial) -> bool:
    """Whether a trial holds something that another one would not: parameters, or what it was enqueued for."""
    return bool(trial.params or trial.system_attrs.get(FIXED_PARAMS) or inherited(trial.user_attrs))


def hand_back(study: optuna.Study, trial: FrozenTrial) -> None:
    """Put what an interrupted trial was to try back into the queue, for whoever goes on with the study."""
    if not has_content(trial):
        return
    copy = optuna.create_trial(
        state=TrialState.WAITING,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=left_to_the_next(trial),
        system_attrs=_to_try_again(trial),
    )
    study.add_trial(copy)


def _to_try_again(trial: FrozenTrial) -> dict[str, Any]:
    """System attributes of a trial that tries the same again: not those in which pruners keep how far it came."""
    kept = {key: value for key, value in trial.system_attrs.items() if key in _KEPT}
    fixed = {**kept.get(FIXED_PARAMS, {}), **trial.params}
    return {**kept, FIXED_PARAMS: fixed} if fixed else kept


def give_up(study: optuna.Study, is_ours: Callable[[FrozenTrial], bool], reason: str) -> None:
    """Hand back the running trials whose workers were ended at once.

    :param is_ours: whether a running trial is one of these
    :param reason: what ended them
    """
    storage = study._storage
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if not is_ours(trial):
            continue
        try:
            storage.set_trial_user_attr(trial._trial_id, FAILURE, f"{TrialInterruptedError.__name__}: {reason}")
            storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        except UpdateFinishedTrialError:
            continue
        hand_back(study, storage.get_trial(trial._trial_id))


def reap(study: optuna.Study) -> None:
    """Fail the running trials whose workers are dead; those that have retries left go back into the queue."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        fail_stale_trials(study)
