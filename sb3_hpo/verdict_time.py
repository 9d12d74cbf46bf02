"""Whether a time limit leaves validation the trainings of a verdict, or of all its seeds if they are fewer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sb3_hpo.affordable import expected_seconds
from sb3_hpo.comparison import MIN_SEEDS_FOR_A_VERDICT
from sb3_hpo.search_clock import MAX_VALIDATION_SHARE
from sb3_hpo.trial_attributes import DEFAULT_CONFIGURATION, ORIGIN, RUNS, SECONDS_AT
from sb3_hpo.wording import count, duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.trial import FrozenTrial

_MARGIN = 1.1
"""By so much more time is suggested than is expected to be enough."""


class VerdictTime:
    """Looks at the first trial of the default, and says what is missing while there is something to be done about it.

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

    def trial_finished(self, trial: FrozenTrial) -> None:
        """Look at a trial that has ended."""
        seconds = None if self._is_told else _seconds_of_default(trial)
        if seconds is None or self._seconds is None:
            return
        self._is_told = True
        n_at_once = min(self._n_workers, self._n_trainings)
        n_affordable = int(MAX_VALIDATION_SHARE * self._seconds / seconds) * n_at_once
        if n_affordable >= self._n_trainings:
            return
        wanted = _MARGIN * math.ceil(self._n_trainings / n_at_once) * seconds / MAX_VALIDATION_SHARE
        self._say(
            f"a training of the default takes about {duration(seconds)}: in its half of the time validation can do "
            f"{n_affordable or 'none'} of the {self._n_trainings} that it takes to compare two on "
            f"{count(self._n_trainings // 2, 'seed')}; shorter trainings (-n) or --timeout "
            f"{math.ceil(wanted / 60.0)}m would be enough"
        )


def _seconds_of_default(trial: FrozenTrial) -> float | None:
    """What a whole training of the configuration that is tuned from is expected to take; None of any other trial."""
    runs = trial.user_attrs.get(RUNS, [])
    if trial.user_attrs.get(ORIGIN) != DEFAULT_CONFIGURATION or not runs or not runs[0].get(SECONDS_AT):
        return None
    return expected_seconds(runs[0][SECONDS_AT], runs[0].get("planned_evaluations", 0))
