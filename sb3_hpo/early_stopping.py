"""Ending a training of the search early: it has reached what was asked for, or it gets no better."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from stable_baselines3.common.callbacks import (
    BaseCallback,
    EvalCallback,
    StopTrainingOnNoModelImprovement,
)

from sb3_hpo.wording import count

if TYPE_CHECKING:
    from sb3_hpo.settings import TuningSettings


class StopOnConsecutiveRewards(BaseCallback):
    """Stops training once several evaluations in a row reach a mean return. For ``callback_after_eval``.

    SB3's ``StopTrainingOnRewardThreshold`` asks for one, the best so far, which may have been luck.

    :param mean_reward: mean return that an evaluation must have at least
    :param n_evaluations: evaluations in a row that must have it
    """

    parent: EvalCallback

    def __init__(self, mean_reward: float, n_evaluations: int) -> None:
        super().__init__()
        self.mean_reward = mean_reward
        self.n_evaluations = n_evaluations
        self.n_reached = 0

    def _on_step(self) -> bool:
        self.n_reached = self.n_reached + 1 if self.parent.last_mean_reward >= self.mean_reward else 0
        return self.n_reached < self.n_evaluations


@dataclasses.dataclass(frozen=True)
class EarlyStopping:
    """The callbacks that end one training early, and which of them did.

    :param reached: stops where the mean return that was asked for is reached; None where none was
    :param no_improvement: stops where nothing improves; None where that was not asked for
    """

    reached: StopOnConsecutiveRewards | None
    no_improvement: StopTrainingOnNoModelImprovement | None

    @classmethod
    def of(cls, settings: TuningSettings) -> EarlyStopping:
        """New callbacks for one training."""
        reached = no_improvement = None
        if settings.stop_at is not None:
            reached = StopOnConsecutiveRewards(float(settings.stop_at), settings.stop_after)
        if settings.no_improvement is not None:
            # SB3 stops after *more than* so many evaluations.
            no_improvement = StopTrainingOnNoModelImprovement(settings.no_improvement - 1)
        return cls(reached, no_improvement)

    @property
    def callbacks(self) -> list[BaseCallback]:
        """Those that were asked for."""
        return [callback for callback in (self.reached, self.no_improvement) if callback is not None]

    @property
    def reason(self) -> str | None:
        """Why the training was stopped; None if it was not."""
        if self.reached is not None and self.reached.n_reached >= self.reached.n_evaluations:
            evaluations = count(self.reached.n_evaluations, "evaluation")
            return f"a mean return of at least {self.reached.mean_reward:g} in {evaluations} in a row"
        sb3 = self.no_improvement
        if sb3 is not None and sb3.no_improvement_evals > sb3.max_no_improvement_evals:
            return f"no better mean return in {count(sb3.no_improvement_evals, 'evaluation')}"
        return None
