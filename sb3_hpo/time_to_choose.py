"""When the choice among the finalists has to end, so that the comparison with the default still fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.interruption import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from sb3_hpo.validation_plan import ValidationPlan


class TimeToChoose(Deadline):
    """Is over when what is left is the share that belongs to the trainings that compare with the default.

    Workers that wait for the choice do some of these already. What they take is not lost to the choice: the fewer are
    left, the longer it goes on.

    :param deadline: when all trainings must have ended
    :param plan: the trainings that are expected to fit
    :param n_judging: says how many of those that compare are not done yet
    """

    def __init__(self, deadline: Deadline, plan: ValidationPlan, n_judging: Callable[[], int]) -> None:
        super().__init__(None)
        self._deadline = deadline
        left = deadline.seconds_left
        self._seconds_per_training = None if left is None else left / max(1, plan.n_trainings)
        self._n_judging = n_judging

    @property
    def seconds_left(self) -> float | None:
        """Wall-clock seconds until it, not below 0; None without a limit."""
        left = self._deadline.seconds_left
        if left is None or self._seconds_per_training is None:
            return None
        return max(0.0, left - self._n_judging() * self._seconds_per_training)

    @property
    def is_over(self) -> bool:
        """Whether it has passed."""
        return self.seconds_left == 0.0
