"""What became of a trial, in a person's words, and its colour in all pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.promotion import PAUSED as PAUSED_AT_RUNG
from sb3_hpo.trial_attributes import COSTLY, RUNS, was_interrupted

if TYPE_CHECKING:
    from collections.abc import Collection

COMPLETE = "complete"
WENT_ON = "went on"
PAUSED = "paused"
PRUNED = "pruned"
STOPPED_FOR_COST = "stopped for cost"
FAILED = "failed"
INTERRUPTED = "given up"
RUNNING = "running"
WAITING = "waiting"
VALIDATION = "validation"
"""Not what became of a trial, but what its training was for."""

COLOURS = {
    COMPLETE: "#00805f",
    WENT_ON: "#8fc7b6",
    PAUSED: "#e0a030",
    PRUNED: "#a6661d",
    STOPPED_FOR_COST: "#b8649a",
    FAILED: "#b3261e",
    INTERRUPTED: "#9aa0a6",
    RUNNING: "#4aa3df",
    WAITING: "#c8ccd0",
    VALIDATION: "#1f4e8c",
}
"""Outcome -> colour, in the order in which outcomes are listed."""

CUT_SHORT = (PAUSED, PRUNED, STOPPED_FOR_COST)
"""Outcomes of a configuration whose training did not come to its end because others did better, or cost less."""


def outcome_of(trial: FrozenTrial, continued: Collection[int] = ()) -> str:
    """What became of a trial.

    :param continued: numbers of the paused trials that another one goes on with
    """
    if trial.state == TrialState.PRUNED:
        return _outcome_of_pruned(trial, continued)
    if trial.state == TrialState.FAIL:
        return INTERRUPTED if was_interrupted(trial) else FAILED
    return {TrialState.COMPLETE: COMPLETE, TrialState.RUNNING: RUNNING}.get(trial.state, WAITING)


def _outcome_of_pruned(trial: FrozenTrial, continued: Collection[int]) -> str:
    if PAUSED_AT_RUNG in trial.system_attrs:
        return WENT_ON if trial.number in continued else PAUSED
    runs = trial.user_attrs.get(RUNS)
    if isinstance(runs, list) and any(isinstance(run, dict) and COSTLY in run for run in runs):
        return STOPPED_FOR_COST
    return PRUNED
