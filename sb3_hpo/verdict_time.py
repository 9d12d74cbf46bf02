"""Whether a time limit leaves validation the trainings of a verdict, and the whole enough of them to find something."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sb3_hpo.comparison import MIN_SEEDS_FOR_A_VERDICT
from sb3_hpo.search_clock import MAX_VALIDATION_SHARE
from sb3_hpo.training_seconds import TrainingSeconds
from sb3_hpo.wording import count, duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.trial import FrozenTrial

ENOUGH = 40
"""Trainings of the default that a time limit should be worth, of all workers together, validation included.

DQN on CartPole: of nine runs worth 40 to 61 of them six ended with a winner that solves the task on at least nine
fresh seeds of ten, of six worth 17 to 25 one (``benchmarks/README.md``, ``repeat_tune.py``).
"""

_MARGIN = 1.1
"""By so much more time is suggested than is expected to be enough."""


class VerdictTime:
    """Looks at the trials of the default, and says what is missing while there is something to be done about it.

    The first one may have paused before it learned anything; where it goes on, it is known what that costs.

    :param n_seeds: validation seeds that were asked for
    :param seconds: wall-clock seconds of the whole command; None without a limit, and nothing is said
    :param n_workers: workers that share the trainings
    :param say: called with what there is to say
    """

    def __init__(self, n_seeds: int, seconds: float | None, n_workers: int, say: Callable[[str], None]) -> None:
        self._n_trainings = 2 * min(n_seeds, MIN_SEEDS_FOR_A_VERDICT)
        self._seconds = seconds
        self._n_workers = max(1, n_workers)
        self._say = say
        self._is_told = seconds is None
        self._known = TrainingSeconds()

    def trial_finished(self, trial: FrozenTrial) -> None:
        """Look at a trial that has ended."""
        self._known.learn_from(trial)
        seconds = self._known.of_trained_default
        if self._is_told or self._seconds is None or seconds is None:
            return
        says = self._too_few_to_compare(seconds, self._seconds) or self._too_few_in_all(seconds, self._seconds)
        if says:
            self._is_told = True
            self._say(f"a training of the default takes about {duration(seconds)}: {says}")

    def _too_few_to_compare(self, seconds: float, available: float) -> str:
        n_at_once = min(self._n_workers, self._n_trainings)
        n_affordable = int(MAX_VALIDATION_SHARE * available / seconds) * n_at_once
        if n_affordable >= self._n_trainings:
            return ""
        wanted = math.ceil(self._n_trainings / n_at_once) * seconds / MAX_VALIDATION_SHARE
        return (
            f"in its half of the time validation can do {n_affordable or 'none'} of the {self._n_trainings} that it "
            f"takes to compare two on {count(self._n_trainings // 2, 'seed')}; shorter trainings (-n) or --timeout "
            f"{_minutes(wanted)}m would be enough"
        )

    def _too_few_in_all(self, seconds: float, available: float) -> str:
        n_affordable = int(available * self._n_workers / seconds)
        if not self._n_trainings or n_affordable >= ENOUGH:
            return ""
        wanted = ENOUGH * seconds / self._n_workers
        return (
            f"the time is worth {n_affordable} of them, and runs worth less than {ENOUGH} often find nothing that "
            f"holds; shorter trainings (-n) or --timeout {_minutes(wanted)}m would be enough"
        )


def _minutes(seconds: float) -> int:
    return math.ceil(_MARGIN * seconds / 60.0)
