"""What a search found, and when: its best trial so far at each moment. Pure Python."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sb3_hpo.comparing.plan import Search


@dataclasses.dataclass(frozen=True)
class Incumbent:
    """A trial that was the best of its search when it ended, by the search's own score.

    :param steps: environment steps that the search had spent by then (of a table: evaluations)
    :param seconds: seconds that it had spent by then
    :param score: its score in the search
    :param key: names its configuration, the same wherever it was found
    """

    steps: int
    seconds: float
    score: float
    key: str


@dataclasses.dataclass(frozen=True)
class Trace:
    """What a search spent and found.

    :param n_trials: trials that ended within the budget
    :param steps: environment steps spent on them
    :param seconds: seconds spent on them
    :param incumbents: each better than the one before; empty if no trial was trained to its end
    """

    search: Search
    n_trials: int
    steps: int
    seconds: float
    incumbents: tuple[Incumbent, ...]

    def thinned(self, limit: int) -> Trace:
        """With so many incumbents at most: those that stood shortest are left out, never the first or the last one.

        The one before stands in for one that is left out.

        :param limit: 2 or more
        """
        kept = list(self.incumbents)
        while len(kept) > limit:
            lengths = [after.steps - one.steps for one, after in itertools.pairwise(kept[1:])]
            del kept[1 + lengths.index(min(lengths))]
        return dataclasses.replace(self, incumbents=tuple(kept))


class TraceRecorder:
    """Puts a trace together, trial after trial.

    :param search: whose trace it is
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._incumbents: list[Incumbent] = []
        self._n_trials, self._steps, self._seconds = 0, 0, 0.0

    def trial_ended(self, steps: int, seconds: float, score: float | None, key: str) -> None:
        """Note a trial.

        :param steps: environment steps that the search had spent at its end
        :param seconds: seconds that it had spent then
        :param score: of the trial; None if it was not trained to its end
        :param key: names its configuration
        """
        self._n_trials, self._steps, self._seconds = self._n_trials + 1, steps, seconds
        if score is not None and (not self._incumbents or score > self._incumbents[-1].score):
            self._incumbents.append(Incumbent(steps, seconds, score, key))

    @property
    def trace(self) -> Trace:
        """What was noted so far."""
        return Trace(self._search, self._n_trials, self._steps, self._seconds, tuple(self._incumbents))


def n_left_out(traces: Sequence[Trace], limit: int) -> int:
    """How many incumbents :meth:`Trace.thinned` leaves out of all these."""
    return sum(max(0, len(trace.incumbents) - limit) for trace in traces)
