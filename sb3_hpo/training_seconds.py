"""How long whole trainings take, of the configurations that validation will train: known from the search."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.objective import seconds_of_whole_training
from sb3_hpo.trial_attributes import DEFAULT_CONFIGURATION, ORIGIN, RUNS

if TYPE_CHECKING:
    from sb3_hpo.transforms import Plain


class TrainingSeconds:
    """Seconds of a whole training of the default, and of the best trial so far: two trainings may differ tenfold."""

    def __init__(self) -> None:
        self._default_params: dict[str, Plain] | None = None
        self._of_default: float | None = None
        self._of_best: float | None = None
        self._best = -math.inf

    @property
    def of_default(self) -> float | None:
        """Of the configuration that is tuned from; that of the best trial as long as it was not trained."""
        return self._of_best if self._of_default is None else self._of_default

    @property
    def of_best(self) -> float | None:
        """Of the complete trial with the best value; without one, of the last that was trained at all."""
        return self._of_best

    def learn_from(self, trial: FrozenTrial) -> None:
        """Look at a trial that has ended; older ones come first."""
        seconds = seconds_of_trial(trial)
        if seconds is None:
            return
        if trial.user_attrs.get(ORIGIN) == DEFAULT_CONFIGURATION:
            self._default_params = trial.params
        if trial.params == self._default_params:
            self._of_default = seconds  # A later one is of more of a training.
        if trial.state == TrialState.COMPLETE and trial.value is not None and trial.value >= self._best:
            self._of_best, self._best = seconds, trial.value
        elif self._best == -math.inf:
            self._of_best = seconds


def seconds_of_trial(trial: FrozenTrial) -> float | None:
    """Seconds of a whole training of a trial's configuration, the longest of its seeds; None where it tells nothing."""
    runs = trial.user_attrs.get(RUNS, [])
    if not runs or trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
        return None
    return max(seconds_of_whole_training(run) for run in runs)
