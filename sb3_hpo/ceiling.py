"""Whether the search has come to a ceiling, where its scores tell the best configurations apart no more.

Many environments have a highest return: 500 in CartPole, all goals reached. Once as many configurations have it
on the tuning seeds as are finals, further trials bring more of the same, and what differs is how many other seeds
they fail on. That is for the selection seeds to say, so they get time that the search has no use for.

A study of DQN on CartPole had five trials whose agents ended with a score of 500 after six of eleven minutes of search.
It took the one of them that had been there all along, which on four fresh seeds had mean returns of 459, 209, 11 and
500 (``benchmarks/README.md``).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from sb3_hpo.trial_attributes import DEFAULT_CONFIGURATION, ORIGIN

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


class Ceiling:
    """Counts the configurations that share the best score.

    :param n_finals: how many it takes, two at least; the default is none of them
    """

    def __init__(self, n_finals: int) -> None:
        self._n_needed = max(2, n_finals)
        self._best = -math.inf
        self._worst = math.inf
        self._at_best: set[str] = set()

    @property
    def is_reached(self) -> bool:
        """Whether enough share the best score, and some trial did worse: where none ever learns, all are equal."""
        return len(self._at_best) >= self._n_needed and self._worst < self._best

    def learn_from(self, trial: FrozenTrial) -> None:
        """Look at a trial that has ended."""
        reports = list(trial.intermediate_values.values())
        self._worst = min([self._worst, *reports[-1:]])
        if trial.state != TrialState.COMPLETE or trial.value is None:
            return
        self._worst = min(self._worst, trial.value)
        if trial.value > self._best:
            self._best = trial.value
            self._at_best.clear()
        if trial.value == self._best and trial.user_attrs.get(ORIGIN) != DEFAULT_CONFIGURATION:
            self._at_best.add(repr(sorted(trial.params.items())))
