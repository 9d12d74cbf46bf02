"""What a search on a table may spend: evaluations of the table, each of which is paid for once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sb3_hpo.scores import FloatArray


class Purse:
    """A budget in evaluations of the table.

    :param budget: evaluations that may be paid for
    :param keeps_from: evaluations from which on a training has a checkpoint, so that what it was paid for once is free
        from then on; None for never
    """

    def __init__(self, budget: int, keeps_from: int | None) -> None:
        self.budget = budget
        self.spent = 0
        self.is_empty = False
        """Whether something could not be paid for."""
        self._keeps_from = keeps_from
        self._reached: dict[tuple[int, int], int] = {}

    @property
    def left(self) -> int:
        """Evaluations left."""
        return self.budget - self.spent

    def reached(self, training: tuple[int, int]) -> int:
        """Evaluations that a training, of a configuration on a seed, need not be paid for."""
        return self._reached.get(training, 0)

    def pay(self, training: tuple[int, int], n_evaluations: int, cost: int = 1) -> bool:
        """Bring a training to so many evaluations; False, and nothing paid, if there is not enough left."""
        if cost > self.left:
            self.is_empty = True
            return False
        self.spent += cost
        if self._keeps_from is not None and n_evaluations >= self._keeps_from:
            self._reached[training] = max(n_evaluations, self.reached(training))
        return True


class TimedPurse(Purse):
    """A purse that adds up the time that what is paid for took when the table was made.

    :param times: seconds since the start of each training, shape ``(n_configurations, n_seeds, n_evaluations)``; None
        where the table has none
    """

    def __init__(self, budget: int, keeps_from: int | None, times: FloatArray | None) -> None:
        super().__init__(budget, keeps_from)
        self.seconds = 0.0
        self._times = times

    def pay(self, training: tuple[int, int], n_evaluations: int, cost: int = 1) -> bool:
        """As any purse does; what it pays for takes its time."""
        is_paid = super().pay(training, n_evaluations, cost)
        if is_paid and self._times is not None and cost:
            times, first = self._times[training], n_evaluations - cost
            self.seconds += float(times[n_evaluations - 1] - (times[first - 1] if first else 0.0))
        return is_paid
