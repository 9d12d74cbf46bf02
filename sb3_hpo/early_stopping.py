"""Ending a training of the search early: it has reached what was asked for, or it gets no better."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from stable_baselines3.common.callbacks import BaseCallback, EvalCallback

from sb3_hpo.wording import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sb3_hpo.settings import TuningSettings


class StopOnConsecutiveRewards(BaseCallback):
    """Stops training once several evaluations in a row reach a mean return. For ``callback_after_eval``.

    SB3's ``StopTrainingOnRewardThreshold`` asks for one, the best so far, which may have been luck.

    :param mean_reward: mean return that an evaluation must have at least
    :param n_evaluations: evaluations in a row that must have it
    :param earlier: mean returns of the evaluations that the training had before it paused
    """

    parent: EvalCallback

    def __init__(self, mean_reward: float, n_evaluations: int, earlier: Sequence[float] = ()) -> None:
        super().__init__()
        self.mean_reward = mean_reward
        self.n_evaluations = n_evaluations
        self.n_reached = 0
        for value in earlier:
            self._count(value)

    def _on_step(self) -> bool:
        self._count(self.parent.last_mean_reward)
        return self.n_reached < self.n_evaluations

    def _count(self, value: float) -> None:
        self.n_reached = self.n_reached + 1 if value >= self.mean_reward else 0


class StopOnNoImprovement(BaseCallback):
    """Stops training once several evaluations in a row are no better than the best before. For ``callback_after_eval``.

    SB3's ``StopTrainingOnNoModelImprovement`` asks its parent for the best mean return. A parent knows only those since
    the training went on, among which it chooses the model to save; this one goes on with those before, too.

    :param n_evaluations: evaluations in a row without a better mean return
    :param earlier: mean returns of the evaluations that the training had before it paused
    """

    parent: EvalCallback

    def __init__(self, n_evaluations: int, earlier: Sequence[float] = ()) -> None:
        super().__init__()
        self.n_evaluations = n_evaluations
        self.best_mean_reward = -math.inf
        self.n_no_better = 0
        for value in earlier:
            self._count(value)

    def _on_step(self) -> bool:
        self._count(self.parent.last_mean_reward)
        return self.n_no_better < self.n_evaluations

    def _count(self, value: float) -> None:
        self.n_no_better = 0 if value > self.best_mean_reward else self.n_no_better + 1
        self.best_mean_reward = max(self.best_mean_reward, value)


@dataclasses.dataclass(frozen=True)
class EarlyStopping:
    """The callbacks that end one training early, and which of them did.

    :param reached: stops where the mean return that was asked for is reached; None where none was
    :param no_improvement: stops where nothing improves; None where that was not asked for
    """

    reached: StopOnConsecutiveRewards | None
    no_improvement: StopOnNoImprovement | None

    @classmethod
    def of(cls, settings: TuningSettings, earlier: Sequence[float] = ()) -> EarlyStopping:
        """New callbacks for one training, or for the rest of one that paused.

        :param earlier: mean returns of the evaluations that it had before it paused: what is counted in a row goes on
            over the pause
        """
        reached = no_improvement = None
        if settings.stop_at is not None:
            reached = StopOnConsecutiveRewards(float(settings.stop_at), settings.stop_after, earlier)
        if settings.no_improvement is not None:
            no_improvement = StopOnNoImprovement(settings.no_improvement, earlier)
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
        if self.no_improvement is not None and self.no_improvement.n_no_better >= self.no_improvement.n_evaluations:
            return f"no better mean return in {count(self.no_improvement.n_no_better, 'evaluation')}"
        return None
