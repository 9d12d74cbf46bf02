"""When the choice among the finalists has to end, so that the comparison with the default still fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.interruption import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sb3_hpo.validation_plan import ValidationPlan


class TimeToChoose(Deadline):
    """Is over when what is left is the share that belongs to the trainings that compare with the default.

    Workers that wait for the choice do some of these already. What they take is not lost to the choice: the fewer are
    left, the longer it goes on. They are the default's: what is left is the finalist's, which may take longer than the
    plan expects of one on average.

    :param deadline: when all trainings must have ended
    :param plan: the trainings that are expected to fit
    :param judging: says of whom how many of those that compare are not done yet, and what one of his took, in seconds;
        None where none was done
    :param n_workers: trainings that run side by side
    """

    def __init__(
        self,
        deadline: Deadline,
        plan: ValidationPlan,
        judging: Callable[[], Sequence[tuple[int, float | None]]],
        n_workers: int = 1,
    ) -> None:
        super().__init__(None)
        self._deadline = deadline
        left = deadline.seconds_left
        self._seconds_per_training = None if left is None else left / max(1, plan.n_trainings)
        self._judging = judging
        self._n_workers = n_workers

    @property
    def seconds_left(self) -> float | None:
        """Wall-clock seconds until it, not below 0; None without a limit."""
        left = self._deadline.seconds_left
        if left is None or self._seconds_per_training is None:
            return None
        planned = self._seconds_per_training
        return max(0.0, left - sum(n * max(planned, (took or 0.0) / self._n_workers) for n, took in self._judging()))

    @property
    def is_over(self) -> bool:
        """Whether it has passed."""
        return self.seconds_left == 0.0
