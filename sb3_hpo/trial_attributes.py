"""What a trial's attributes are called, and what they say about how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.exceptions import TrialPruned, UpdateFinishedTrialError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import FrozenTrial

HYPERPARAMS = "hyperparams"
"""The whole configuration, in the zoo's notation."""

RUNS = "runs"
"""A mapping for each training: its seeds, steps, seconds and the returns of each evaluation.

``planned_evaluations`` says how many evaluations its whole length has; ``n_evaluations`` says so too once it has come
to its end, ``stopped_early`` why it did before its time. One that went on with another trial's training has all
evaluations, and in ``resumed_at`` the environment steps that it had then; the seconds are those since.
"""

SECONDS_AT = "seconds_at"
"""In a mapping of :data:`RUNS`: seconds that the training had cost at each evaluation, without the storage."""

SECONDS_BY_PART = "seconds_by_part"
"""In a mapping of :data:`RUNS`: seconds of this trial's part of the training, by what they were spent on."""

COSTLY = "stopped_for_cost"
"""In a mapping of :data:`RUNS`: why a training was ended that cost many times what the others do."""

UNAFFORDABLE = "unaffordable"
"""In a mapping of :data:`RUNS`: why a whole training costs more than there is time for."""

FINAL_RETURNS = "final_returns"
"""In a mapping of :data:`RUNS` that came to its end: returns of the episodes that judged the agent then."""

STOPPED_TRAINING = "stopped_training"
"""A training on a further seed that was stopped, as :data:`RUNS` has them: it counts with what it cost, not with its
score (:mod:`sb3_hpo.ties`)."""

TAKEN_OVER_FROM = "taken_over_from"
"""In a mapping of :data:`RUNS`: number of the trial that did this training; missing where the trial did it itself."""

FINISHED_TRAININGS = "finished_trainings"
"""What a trial that is tried again leaves to the next one, see :func:`left_to_the_next`: a mapping with its
:data:`HYPERPARAMS`, and ``trainings``, those of :data:`RUNS` that had come to their end."""

FAILURE = "failure"
"""Why a trial failed, in one line that begins with the name of the error."""

TRACEBACK = "traceback"
"""The traceback of a trial that failed."""

TUNED = "tuned"
"""What was sampled, in SB3's terms, to be read: one hyperparameter on each line."""

SEEDS = "seeds"
"""The seeds that a trial was trained on, in order: what :data:`RUNS` has, to be read."""

ENVIRONMENT_STEPS = "environment_steps"
"""Environment steps that a trial trained itself, over all its seeds: a number, by which trials can be sorted."""

TRAINING_SECONDS = "training_seconds"
"""Seconds that its trainings took, evaluations included: a number, by which trials can be sorted."""

REASON = "reason"
"""In words: why a trial ended before its whole training, or where it came from. Missing for one that did neither."""

ORIGIN = "origin"
"""Where a configuration that was not sampled comes from."""

DEFAULT_CONFIGURATION = "default configuration"
"""The :data:`ORIGIN` of the configuration that is tuned from."""

SB3_DEFAULTS = "SB3's defaults"
"""The :data:`ORIGIN` of what SB3 does where nothing is configured."""

FALLING_DEFAULT = "default configuration with a falling learning rate"
"""The :data:`ORIGIN` of the configuration that is tuned from, but for its constant learning rate."""

COMMAND = "command"
"""Key of the command whose budget a trial counts towards."""

WORKER = "worker"
"""Who runs a trial: see :mod:`sb3_hpo.worker_identity`."""

CANDIDATE = "candidate"
"""In a validation study: fingerprint of the configuration trained."""

SEED = "seed"
"""In a validation study: the training seed."""

N_EPISODES = "n_episodes"
"""In a validation study: episodes that judge the trained agent."""

N_TIMESTEPS = "n_timesteps"
"""In a validation study: environment steps trained."""

LATE_MEAN = "late_mean"
"""In a validation study: mean return over the last quarter of the training (:mod:`sb3_hpo.late_returns`)."""

FIXED_PARAMS = "fixed_params"
"""Optuna's system attribute of a trial that was enqueued: the params it is to have."""

POINT = "sb3_hpo:grid_point"
"""System attribute: the point of a grid that a trial tries."""

OF_ONE_RUN = (
    HYPERPARAMS,
    TUNED,
    RUNS,
    STOPPED_TRAINING,
    SEEDS,
    ENVIRONMENT_STEPS,
    TRAINING_SECONDS,
    REASON,
    FAILURE,
    TRACEBACK,
    COMMAND,
    WORKER,
)
"""Attributes that a trial which is tried again must not inherit."""

TOLD_OF_AN_ENDED_TRIAL = (UpdateFinishedTrialError, ValueError, AssertionError)
"""What ``Study.optimize`` raises where others have ended its trial: the last one if the trial had got a value."""


class TrialInterruptedError(Exception):
    """A trial was stopped from outside: by the user, or because time is up. It says nothing about the trial."""


class TrialPausedError(TrialPruned):
    """A trial paused at a rung: another one may go on with its training."""


class NotAdmittedError(TrialInterruptedError):
    """A trial was begun although others use the budget up; it was given up before it trained anything."""


class WorkerDiedError(Exception):
    """The process, or the machine, that ran a trial is gone."""


_INTERRUPTIONS = (TrialInterruptedError.__name__, NotAdmittedError.__name__)


def was_interrupted(trial: FrozenTrial) -> bool:
    """Whether a trial was given up for a reason outside it."""
    return str(trial.user_attrs.get(FAILURE, "")).startswith(_INTERRUPTIONS)


def is_affordable(trial: FrozenTrial) -> bool:
    """Whether a trial meets its constraints; one that has none does: see :mod:`sb3_hpo.affordable`."""
    return all(value <= 0.0 for value in trial.constraints.values())


def lost_its_worker(trial: FrozenTrial) -> bool:
    """Whether a trial ended because its worker died."""
    return str(trial.user_attrs.get(FAILURE, "")).startswith(WorkerDiedError.__name__)


def inherited(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a trial that do not tell what became of it."""
    return {key: value for key, value in attributes.items() if key not in OF_ONE_RUN}


def left_to_the_next(trial: FrozenTrial) -> dict[str, Any]:
    """The attributes that a trial leaves to the one that tries its parameters again: with its whole trainings."""
    left = inherited(trial.user_attrs)
    whole = [run for run in trial.user_attrs.get(RUNS, []) if "n_evaluations" in run]
    if whole:
        trainings = [{TAKEN_OVER_FROM: trial.number, **run} for run in whole]
        left[FINISHED_TRAININGS] = {HYPERPARAMS: trial.user_attrs[HYPERPARAMS], "trainings": trainings}
    return left


def paid_trainings(trial: FrozenTrial) -> list[dict[str, Any]]:
    """All trainings of a trial, with one that was stopped and does not count for its score."""
    stopped = trial.user_attrs.get(STOPPED_TRAINING)
    return [*trial.user_attrs.get(RUNS, []), *([] if stopped is None else [stopped])]


def own_timesteps(run: Mapping[str, Any]) -> int:
    """Environment steps of a training that its trial did itself: not those of one that it continues or tries again.

    :param run: one element of the attribute :data:`RUNS`
    """
    return 0 if TAKEN_OVER_FROM in run else int(run.get("n_timesteps", 0) - run.get("resumed_at", 0))
