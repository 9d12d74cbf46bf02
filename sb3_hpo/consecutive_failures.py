"""Trials that fail one after the other end a study: the next one would, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.budget import FINISHED
from sb3_hpo.trial_attributes import FAILURE, TRACEBACK, lost_its_worker, was_interrupted

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


class ConsecutiveFailuresError(RuntimeError):
    """Several trials in a row failed: the cause is unlikely to lie in their configurations."""


class ConsecutiveFailures:
    """Counts the trials that failed one after the other.

    One that lost its worker is none of them, and does not separate them either: its retries have a limit of their own,
    and so have workers that die (:data:`sb3_hpo.crew.MAX_DEATHS`).

    :param limit: how many of them end the study
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._failures: list[FrozenTrial] = []

    def count(self, trial: FrozenTrial) -> None:
        """Look at how a trial ended."""
        if trial.state in FINISHED:
            self._failures.clear()
        elif not (was_interrupted(trial) or lost_its_worker(trial)):
            self._failures.append(trial)

    def check(self) -> None:
        """End the study where there are too many.

        :raises ConsecutiveFailuresError: with the error of the last one
        """
        if len(self._failures) >= self._limit:
            last = self._failures[-1]
            raise ConsecutiveFailuresError(
                f"{len(self._failures)} trials in a row failed, the last one, trial {last.number}, with\n"
                f"{last.user_attrs.get(TRACEBACK, last.user_attrs.get(FAILURE, 'an unknown error'))}"
            )
