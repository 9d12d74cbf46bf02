"""Whether the search has come to a ceiling, where its scores tell the best configurations apart no more.

Many environments have a highest return: 500 in CartPole, all goals reached. Once as many configurations as are finals
have it on the tuning seeds, at every evaluation of the second half of their trainings, further trials bring more of the
same, and what differs is how many other seeds they fail on. That is for the selection seeds to say, so they get time
that the search has no use for.

One that has the best score from its first evaluation on shows no ceiling either: that may be where one is who learns
nothing, and others are worse. In Taxi whoever delivers nobody has -200, and -1100 who tries to everywhere. A
configuration that had less before has climbed there.

One that has come there in the end alone shows no ceiling: in a study of DQN on CartPole that ended with three of these
the first two had 10, 28 and 170, and 500, 500, 500, 164 and 500, on further seeds. Of six in two other studies that had
been there for the second half four never failed, and two failed on one of five and two of five.

A study of DQN on CartPole had five trials whose agents ended with a score of 500 after six of eleven minutes of search.
It took the one of them that had been there all along, which on four fresh seeds had mean returns of 459, 209, 11 and
500 (``benchmarks/README.md``).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from sb3_hpo.scores import learning_curves
from sb3_hpo.trial_attributes import DEFAULT_CONFIGURATION, ORIGIN, RUNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optuna.trial import FrozenTrial


class Ceiling:
    """Counts the configurations that share the best score, had climbed to it, and had stayed there.

    :param n_finals: how many it takes, two at least; the default is none of them
    """

    def __init__(self, n_finals: int) -> None:
        self._n_needed = max(2, n_finals)
        self._best = -math.inf
        self._at_best: set[str] = set()

    @property
    def is_reached(self) -> bool:
        """Whether enough have climbed to the best score and stayed there."""
        return len(self._at_best) >= self._n_needed

    def learn_from(self, trial: FrozenTrial) -> None:
        """Look at a trial that has ended."""
        if trial.state != TrialState.COMPLETE or trial.value is None:
            return
        if trial.value > self._best:
            self._best = trial.value
            self._at_best.clear()
        is_default = trial.user_attrs.get(ORIGIN) == DEFAULT_CONFIGURATION
        if trial.value == self._best and not is_default and _has_come_to_stay(trial, self._best):
            self._at_best.add(repr(sorted(trial.params.items())))


def _has_come_to_stay(trial: FrozenTrial, value: float) -> bool:
    return _has_climbed(trial, value) and _has_stayed(trial, value)


def _has_climbed(trial: FrozenTrial, value: float) -> bool:
    """Whether an evaluation of the trial, on any of its seeds, was below this value."""
    return any(mean < value for mean in _means(trial))


def _means(trial: FrozenTrial) -> Iterable[float]:
    """Mean returns of all evaluations; what the trial reported where it has none.

    The reports of one that went on begin where it did.
    """
    runs = [run for run in trial.user_attrs.get(RUNS, []) if run.get("returns")]
    return learning_curves(runs).ravel() if runs else trial.intermediate_values.values()


def _has_stayed(trial: FrozenTrial, value: float) -> bool:
    """Whether all that a trial reported in the second half of its training is this value."""
    half = max(trial.intermediate_values, default=0) / 2
    return all(report == value for step, report in trial.intermediate_values.items() if step > half)
