"""How long whole trainings take, of the configurations that validation will train: known from the search."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.trial_attributes import DEFAULT_CONFIGURATION, ORIGIN, RUNS, SECONDS_AT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sb3_hpo.transforms import Plain


class TrainingSeconds:
    """Seconds of a whole training of the default, and of the best trial so far: two trainings may differ tenfold."""

    def __init__(self) -> None:
        self.of_trained_default: float | None = None
        """Of the configuration that is tuned from, by what it has been trained so far; None if it has not been."""
        self._default_params: dict[str, Plain] | None = None
        self._of_best: float | None = None
        self._best = -math.inf

    @property
    def of_default(self) -> float | None:
        """Of the configuration that is tuned from; that of the best trial as long as it was not trained."""
        return self._of_best if self.of_trained_default is None else self.of_trained_default

    @property
    def of_best(self) -> float | None:
        """Of the complete trial with the best value; without one, of the last that was trained at all."""
        return self._of_best

    def learn_from(self, trial: FrozenTrial) -> None:
        """Look at a trial that has ended; older ones come first."""
        if trial.user_attrs.get(ORIGIN) == DEFAULT_CONFIGURATION:
            self._default_params = trial.params
        seconds = seconds_of_trial(trial)
        if seconds is None:
            return
        if trial.params == self._default_params:
            self.of_trained_default = seconds  # A later one is of more of a training.
        if trial.state == TrialState.COMPLETE and trial.value is not None and trial.value >= self._best:
            self._of_best, self._best = seconds, trial.value
        elif self._best == -math.inf:
            self._of_best = seconds


def seconds_of_default(trials: Sequence[FrozenTrial]) -> float | None:
    """Seconds of a whole training of the configuration that is tuned from; None where it was not trained.

    :param trials: all trials of a study
    """
    default = next((trial.params for trial in trials if trial.user_attrs.get(ORIGIN) == DEFAULT_CONFIGURATION), None)
    known = [seconds_of_trial(trial) for trial in trials if trial.params == default]
    return next((seconds for seconds in reversed(known) if seconds is not None), None)


def seconds_of_trial(trial: FrozenTrial) -> float | None:
    """Seconds of a whole training of a trial's configuration, the longest of its seeds; None where it tells nothing."""
    if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
        return None
    known = [seconds_of_whole_training(run) for run in trial.user_attrs.get(RUNS, [])]
    return max((seconds for seconds in known if seconds is not None), default=None)


def seconds_of_whole_training(run: Mapping[str, Any]) -> float | None:
    """Seconds that a whole training takes, by one that may have ended early: validation trains the whole length.

    Its steps take as long as :func:`expected_seconds` says; what is done beside them, such as to make the environments,
    is done once.

    :param run: one element of the attribute ``runs``
    :return: None where it came to no evaluation
    """
    seconds_at: Sequence[float] = run.get(SECONDS_AT, ())
    if not seconds_at:
        return None
    n_before = sum(step <= run.get("resumed_at", 0) for step in run.get("timesteps", []))
    resumed_at = seconds_at[n_before - 1] if n_before else 0.0
    beside: float = run.get("seconds", 0.0) - (seconds_at[-1] - resumed_at)
    return expected_seconds(seconds_at, run.get("planned_evaluations", 0)) + max(0.0, beside)


def expected_seconds(seconds_at: Sequence[float], n_evaluations: int) -> float:
    """What the steps of a whole training take, at the pace of the second half of what there is of it.

    The first steps of an off-policy training learn nothing, and cost less than the later ones.

    :param seconds_at: seconds at each evaluation so far, one or more
    :param n_evaluations: evaluations of a whole training
    """
    n_done = len(seconds_at)
    n_first = n_done // 2
    first = seconds_at[n_first - 1] if n_first else 0.0
    pace = (seconds_at[-1] - first) / (n_done - n_first)
    return seconds_at[-1] + max(0, n_evaluations - n_done) * pace
