"""Which trials of a study can still change, so that those that have ended are looked at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial


class EndedTrials:
    """The oldest trials of a study, up to the first one that still waits or runs.

    A trial that has ended never changes again, and younger ones get higher numbers: what was counted among the oldest
    holds for good. What is left is about as long as there are workers, however many trials the study has.
    """

    def __init__(self) -> None:
        self._n = 0

    def new_and_rest(self, trials: Sequence[FrozenTrial]) -> tuple[Sequence[FrozenTrial], Sequence[FrozenTrial]]:
        """Those of the oldest that were not among them at the last call, and all that are not among them yet.

        :param trials: all trials of the study, by number
        """
        first = self._n
        for trial in trials[first:]:
            if trial.number != self._n or not trial.state.is_finished():
                break
            self._n += 1
        return trials[first : self._n], trials[self._n :]
