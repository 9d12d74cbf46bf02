"""Ending a training of the search early: it has reached what was asked for, or it gets no better."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from stable_baselines3.common.callbacks import BaseCallback, EvalCallback

from sb3_hpo.wording import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sb3_hpo.settings import TuningSettings


class _StopOnEvaluationsInARow(BaseCallback, ABC):
    """Stops training once so many evaluations in a row were of a kind. For ``callback_after_eval``.

    :param n_evaluations: evaluations in a row that it takes
    """

    parent: EvalCallback

    def __init__(self, n_evaluations: int) -> None:
        super().__init__()
        self.n_evaluations = n_evaluations
        self.n_in_a_row = 0

    @property
    def is_met(self) -> bool:
        """Whether there were so many."""
        return self.n_in_a_row >= self.n_evaluations

    def go_on_after(self, earlier: Sequence[float]) -> None:
        """Count the evaluations that the training had before it paused.

        :param earlier: their mean returns
        """
        for mean_reward in earlier:
            self._count(mean_reward)

    def _on_step(self) -> bool:
        self._count(self.parent.last_mean_reward)
        return not self.is_met

    def _count(self, mean_reward: float) -> None:
        self.n_in_a_row = self.n_in_a_row + 1 if self._is_of_the_kind(mean_reward) else 0

    @abstractmethod
    def _is_of_the_kind(self, mean_reward: float) -> bool:
        """Whether an evaluation counts; asked once for each, in their order."""


class StopOnConsecutiveRewards(_StopOnEvaluationsInARow):
    """Stops training once several evaluations in a row reach a mean return. For ``callback_after_eval``.

    SB3's ``StopTrainingOnRewardThreshold`` asks for one, the best so far, which may have been luck.

    :param mean_reward: mean return that an evaluation must have at least
    :param n_evaluations: evaluations in a row that must have it
    """

    def __init__(self, mean_reward: float, n_evaluations: int) -> None:
        super().__init__(n_evaluations)
        self.mean_reward = mean_reward

    def _is_of_the_kind(self, mean_reward: float) -> bool:
        return mean_reward >= self.mean_reward

    @property
    def reason(self) -> str:
        """Why it stops a training."""
        evaluations = count(self.n_evaluations, "evaluation")
        return f"a mean return of at least {self.mean_reward:g} in {evaluations} in a row"


class StopOnNoImprovement(_StopOnEvaluationsInARow):
    """Stops training once several evaluations in a row are no better than the best before. For ``callback_after_eval``.

    SB3's ``StopTrainingOnNoModelImprovement`` asks its parent for the best mean return. A parent knows only those since
    the training went on, among which it chooses the model to save; this one goes on with those before, too.

    :param n_evaluations: evaluations in a row without a better mean return
    """

    def __init__(self, n_evaluations: int) -> None:
        super().__init__(n_evaluations)
        self.best_mean_reward = -math.inf

    def _is_of_the_kind(self, mean_reward: float) -> bool:
        is_better = mean_reward > self.best_mean_reward
        self.best_mean_reward = max(self.best_mean_reward, mean_reward)
        return not is_better

    @property
    def reason(self) -> str:
        """Why it stops a training."""
        return f"no better mean return in {count(self.n_in_a_row, 'evaluation')}"


@dataclasses.dataclass(frozen=True)
class EarlyStopping:
    """The callbacks that end one training early.

    :param callbacks: those that were asked for
    """

    callbacks: Sequence[StopOnConsecutiveRewards | StopOnNoImprovement]

    @classmethod
    def of(cls, settings: TuningSettings, earlier: Sequence[float] = ()) -> EarlyStopping:
        """New callbacks for one training, or for the rest of one that paused.

        :param earlier: mean returns of the evaluations that it had before it paused: what is counted in a row goes on
            over the pause
        """
        callbacks: list[StopOnConsecutiveRewards | StopOnNoImprovement] = []
        if settings.stop_at is not None:
            callbacks.append(StopOnConsecutiveRewards(float(settings.stop_at), settings.stop_after))
        if settings.no_improvement is not None:
            callbacks.append(StopOnNoImprovement(settings.no_improvement))
        for callback in callbacks:
            callback.go_on_after(earlier)
        return cls(callbacks)

    @property
    def reason(self) -> str | None:
        """Why the training was stopped; None if it was not."""
        return next((callback.reason for callback in self.callbacks if callback.is_met), None)
