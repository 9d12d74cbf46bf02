"""Who trains, seen by those who wait for trainings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Workforce(Protocol):
    """Workers that take what they find in the study."""

    @property
    def n_workers(self) -> int:
        """How many trainings run side by side."""

    def tend(self) -> None:
        """Look after the workers; called about once a second while a training is waited for.

        :raises sb3_hpo.crew.WorkersDieError: if they die one after the other
        """

    def trial_finished(self) -> None:
        """Note that the workers get somewhere: the deaths before it are forgiven."""


class StartedWhenNeeded:
    """Workers that start once a training is waited for: where all of it was trained before, none do.

    Implements :class:`Workforce`.

    :param workforce: the workers
    :param start: starts them
    """

    def __init__(self, workforce: Workforce, start: Callable[[], None]) -> None:
        self._workforce = workforce
        self._start = start
        self._is_started = False

    @property
    def n_workers(self) -> int:
        """How many trainings run side by side."""
        return self._workforce.n_workers

    def tend(self) -> None:
        """Start the workers, or look after them."""
        if self._is_started:
            self._workforce.tend()
        else:
            self._is_started = True
            self._start()

    def trial_finished(self) -> None:
        """Note that the workers get somewhere."""
        self._workforce.trial_finished()
