"""Stopping what is on its way to cost many times what the others do."""

from __future__ import annotations

import itertools
import statistics
import time
from typing import TYPE_CHECKING, Any

from stable_baselines3.common.callbacks import BaseCallback

from sb3_hpo.trial_attributes import RUNS, SECONDS_AT
from sb3_hpo.wording import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optuna.trial import FrozenTrial

    from sb3_hpo.callbacks import TrialEvalCallback

MIN_TRAININGS = 5
"""Configurations that must have been trained before anything is compared with their median."""

MAX_TRAININGS = 1_000
"""The latest configurations that the median is taken of."""

MIN_EXCESS_S = 10.0
"""Seconds above the median below which nothing is stopped: less is not worth it, and may be the machine's noise."""


class TrialCost(BaseCallback):
    """Notes what a training has cost at each evaluation, and ends it at many times the median of the others.

    For ``callback_after_eval``. What was spent on the storage does not count; a training that goes on counts what it
    had cost before.

    :param max_cost: multiple of the median; None to let it cost what it does
    :param trials: all trials of the study; those that are finished are the others
    :param earlier: seconds at each evaluation that the training had before
    """

    parent: TrialEvalCallback

    def __init__(self, max_cost: float | None, trials: Sequence[FrozenTrial], earlier: Sequence[float] = ()) -> None:
        super().__init__()
        self.seconds_at = list(earlier)
        self.reason: str | None = None
        """Why the training was stopped; None if it was not."""
        self._max_cost = max_cost
        self._trials = trials
        self._started = time.monotonic() - (earlier[-1] if earlier else 0.0)

    def _on_step(self) -> bool:
        seconds = time.monotonic() - self._started - self.parent.storage_seconds
        self.seconds_at.append(round(seconds, 3))
        if self._max_cost is None:
            return True
        median = median_seconds(self._trials, len(self.seconds_at))
        if median is None or seconds <= max(self._max_cost * median, median + MIN_EXCESS_S):
            return True
        self.reason = (
            f"{duration(seconds)} until evaluation {len(self.seconds_at)}, {seconds / max(median, 1e-3):.1f} times the "
            "median of the others (--max-trial-cost)"
        )
        return False


def median_seconds(trials: Sequence[FrozenTrial], n_evaluations: int) -> float | None:
    """Median of the seconds that configurations take to an evaluation; None where too few have been trained.

    Each configuration counts once, and one that was given up before as what it would have taken: those that come far
    are what the search has settled on, and where that is costly they would raise the bar for each other.

    :param trials: all trials of a study; those that are finished count, the latest :data:`MAX_TRAININGS`
    :param n_evaluations: the evaluation, from 1
    """
    of_configurations = list(itertools.islice(_trainings(trials), MAX_TRAININGS))
    if len(of_configurations) < MIN_TRAININGS:
        return None
    growth = Growth([seconds_at for trainings in of_configurations for seconds_at in trainings], n_evaluations)
    return statistics.median(statistics.fmean(map(growth.seconds, trainings)) for trainings in of_configurations)


def _trainings(trials: Sequence[FrozenTrial]) -> Iterator[list[list[float]]]:
    """Of each configuration, the latest first, the seconds at the evaluations of each of its trainings."""
    seen: set[tuple[tuple[str, Any], ...]] = set()
    for trial in reversed(trials):
        runs: list[dict[str, Any]] = trial.user_attrs.get(RUNS, [])
        known = [run[SECONDS_AT] for run in runs if run.get(SECONDS_AT)]
        key = tuple(trial.params.items())
        if known and key not in seen:
            seen.add(key)
            yield known


class Growth:
    """What trainings take to an evaluation, those that did not come so far by how it grew for those that did.

    Not by their pace: the first steps of an off-policy training learn nothing, and cost a fraction of the later ones.

    :param trainings: of each the seconds at its evaluations
    :param n_evaluations: the evaluation, from 1
    """

    def __init__(self, trainings: Sequence[Sequence[float]], n_evaluations: int) -> None:
        self._trainings = trainings
        self._n_evaluations = n_evaluations
        self._factors: dict[int, float] = {}

    def seconds(self, seconds_at: Sequence[float]) -> float:
        """What a training takes, or would take."""
        n_done = len(seconds_at)
        if n_done >= self._n_evaluations:
            return seconds_at[self._n_evaluations - 1]
        if n_done not in self._factors:
            self._factors[n_done] = self._factor(n_done)
        return seconds_at[-1] * self._factors[n_done]

    def _factor(self, n_done: int) -> float:
        """How many times as long as to one evaluation it takes to the one; at their pace where none came so far."""
        furthest = min(self._n_evaluations, max(map(len, self._trainings)))
        ratios = [
            seconds_at[furthest - 1] / seconds_at[n_done - 1]
            for seconds_at in self._trainings
            if len(seconds_at) >= furthest and seconds_at[n_done - 1] > 0.0
        ]
        known = statistics.median(ratios) if ratios else furthest / n_done
        return known * self._n_evaluations / furthest
