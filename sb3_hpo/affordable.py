"""What a training may cost where time is short: a configuration that validation cannot train again is of no use.

A study learns what helps in the first steps of a training, and that is often what costs most: as many gradient steps
as environment steps, large batches. With a time limit the finalists then come out so costly that validation has no
time to choose among them, nor for the five seeds on which a verdict by means stands. So what a whole training is
expected to cost is a constraint of each trial, as Optuna has them (:meth:`optuna.trial.Trial.set_constraint`): TPE
learns to propose what can be afforded, and trainings that cannot do not go on at the rungs, so that they hardly ever
come to be finalists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from sb3_hpo.training_seconds import seconds_of_default, seconds_of_whole_training
from sb3_hpo.trial_attributes import UNAFFORDABLE
from sb3_hpo.trial_cost import median_seconds
from sb3_hpo.wording import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna
    from optuna.trial import FrozenTrial

VALIDATION_TIME = "validation_time"
"""Study attribute: what validation has time for, a :class:`ValidationTime` as a mapping; None without a time limit."""
CONSTRAINT = "whole training, above what is affordable"
"""Optuna's constraint: the share by which a whole training is expected to cost more; at most 0 where it does not."""


class ValidationTime(TypedDict):
    """The time that there is for validation, and the trainings that are to fit into it.

    :param seconds: of all workers together
    :param n_default_trainings: trainings of the default
    :param n_finalist_trainings: trainings of finalists: to choose among them, and to judge the chosen one
    """

    seconds: float
    n_default_trainings: int
    n_finalist_trainings: int


ABOVE_DEFAULT = 1.5
"""What costs no more than so many times as much as the default is always affordable.

Where even the default takes too long for all validation seeds, they are fewer, and what costs as much is no worse.
"""


def constrain(trial: optuna.Trial, run: dict[str, Any]) -> None:
    """Note on a trial how a whole training of it compares with what is affordable, if anything limits it.

    :param run: its first training, as the trial's attribute ``runs`` has it; where it is not affordable, it says so
    """
    available: ValidationTime | None = trial.study.user_attrs.get(VALIDATION_TIME)
    n_evaluations = run.get("planned_evaluations", 0)
    expected = seconds_of_whole_training(run)
    if available is None or expected is None or not n_evaluations:
        return
    usual = _usual_seconds(trial.study.get_trials(deepcopy=False), n_evaluations)
    usual = expected if usual is None else usual
    left = available["seconds"] - available["n_default_trainings"] * usual
    limit = max(left / available["n_finalist_trainings"], ABOVE_DEFAULT * usual)
    trial.set_constraint(CONSTRAINT, expected / limit - 1.0)
    if expected > limit:
        run[UNAFFORDABLE] = (
            f"a whole training would take {duration(expected)}, more than the {duration(limit)} for which validation "
            "has time"
        )


def _usual_seconds(trials: Sequence[FrozenTrial], n_evaluations: int) -> float | None:
    """What a whole training of the default takes, or is expected to; where it was not trained, the median of all.

    Expected by its own pace, as that of any trial is, and not by how the times of others grew: one that learns nothing
    before its first evaluations takes a hundred times as long in all.
    """
    of_default = seconds_of_default(trials)
    return median_seconds(trials, n_evaluations) if of_default is None else of_default
