"""Who trains, seen by those who wait for trainings."""

from __future__ import annotations

from typing import Protocol


class Workforce(Protocol):
    """Workers that take what they find in the study."""

    @property
    def n_workers(self) -> int:
        """How many trainings run side by side."""

    def tend(self) -> None:
        """Look after the workers; called about once a second.

        :raises sb3_hpo.crew.WorkersDieError: if they die one after the other
        """

    def trial_finished(self) -> None:
        """Note that the workers get somewhere: the deaths before it are forgiven."""
