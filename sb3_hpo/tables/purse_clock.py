"""When a search on a table ends: its purse says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.search_clock import MAX_CLOSING_SHARE, SearchClock

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from sb3_hpo.tables.purse import Purse

MAX_FREE_TRIALS = 30
"""Trials in a row that cost nothing after which there is nothing left to try."""


class PurseClock(SearchClock):
    """Ends the search as the project's clock does, with evaluations of a table in the place of seconds.

    :param reserve: evaluations kept for the choice of the winner
    :param closing: evaluations before it that are kept to train finalists to the end
    """

    def __init__(self, purse: Purse, reserve: int, closing: int) -> None:
        self._purse = purse
        self._closing = min(closing, int(MAX_CLOSING_SHARE * purse.budget))
        self._budget_of_search = purse.budget - reserve
        self._spent = 0
        self._n_free = 0

    @property
    def is_over(self) -> bool:
        """Whether the rest of the budget belongs to the choice of the winner."""
        return self._purse.is_empty or self._purse.spent >= self._budget_of_search or self._n_free >= MAX_FREE_TRIALS

    @property
    def is_closing(self) -> bool:
        """Whether what is left of the search's is just enough to train finalists to the end."""
        return self._purse.spent >= self._budget_of_search - self._closing

    def interrupts(self) -> bool:
        """Whether a training that runs has to end."""
        return self._purse.is_empty or self._purse.spent > self._budget_of_search

    def learn_from(self, trial: FrozenTrial) -> None:
        """Count the trials that cost nothing."""
        self._n_free = self._n_free + 1 if self._purse.spent == self._spent else 0
        self._spent = self._purse.spent
