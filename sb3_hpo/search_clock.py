"""When the search has to end so that validation has its time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.objective import seconds_of_whole_training
from sb3_hpo.promoting import n_finals
from sb3_hpo.trial_attributes import RUNS

if TYPE_CHECKING:
    from sb3_hpo.interruption import Deadline
    from sb3_hpo.settings import TuningSettings

MAX_VALIDATION_SHARE = 0.5
"""Largest share of a command's time that is kept back for validation."""

MAX_CHOOSING_SHARE = 0.1
"""Largest share of it that is kept back to choose among the finalists: more of it is better spent on the search."""

MAX_CLOSING_SHARE = 0.25
"""Largest share of it that is kept back to train finalists to the end, where trials pause."""


class SearchClock:
    """When the search must end so that validation has its time: asked at every step of a training.

    Validation trains the finalists on selection seeds, then the best of them and the default on validation seeds;
    what that takes is estimated by the trainings so far. It gets that much time, but no more than
    :data:`MAX_VALIDATION_SHARE` of it.

    Before that, where trials pause, finalists are trained to the end.

    :param n_workers: workers that share the trainings
    """

    def __init__(self, settings: TuningSettings, deadline: Deadline, n_workers: int = 1) -> None:
        self._deadline = deadline
        self._n_judging = 2 * settings.n_validation_seeds
        self._n_choosing = settings.n_validation_trainings - self._n_judging
        self._n_finalists = settings.n_finalists
        self._n_workers = max(1, n_workers)
        self._longest_reserve = MAX_VALIDATION_SHARE * (deadline.seconds_left or 0.0)
        self._longest_choosing = MAX_CHOOSING_SHARE * (deadline.seconds_left or 0.0)
        self._reserve = self._longest_reserve if settings.n_validation_trainings else 0.0
        self._n_rounds = math.ceil(n_finals(settings) / self._n_workers)
        self._longest_closing = MAX_CLOSING_SHARE * (deadline.seconds_left or 0.0)
        self._closing = self._longest_closing
        self._has_seen_whole = False

    @property
    def is_over(self) -> bool:
        """Whether the rest of the time belongs to validation."""
        left = self._deadline.seconds_left
        return left is not None and left <= self._reserve

    @property
    def is_closing(self) -> bool:
        """Whether what is left is just enough to train finalists to the end."""
        left = self._deadline.seconds_left
        return left is not None and left <= self._reserve + self._closing

    @property
    def seconds_left(self) -> float | None:
        """Seconds of search left; None without a limit."""
        left = self._deadline.seconds_left
        return None if left is None else max(0.0, left - self._reserve)

    def learn_from(self, trial: FrozenTrial) -> None:
        """Set aside as much time as validation takes if its trainings take as long as those of this trial."""
        runs = trial.user_attrs.get(RUNS, [])
        is_complete = trial.state == TrialState.COMPLETE
        # By a part of a training only as long as there is no whole one.
        if not runs or not (is_complete or (trial.state == TrialState.PRUNED and not self._has_seen_whole)):
            return
        self._has_seen_whole = is_complete
        longest = max(seconds_of_whole_training(run) for run in runs)
        seconds = longest / self._n_workers
        choosing = min(self._longest_choosing, self._n_choosing * seconds)
        if self._n_finalists:
            # A seed that not all finalists are trained on chooses nothing.
            choosing -= choosing % (self._n_finalists * seconds)
        self._reserve = min(self._longest_reserve, choosing + self._n_judging * seconds)
        self._closing = min(self._longest_closing, self._n_rounds * longest)
