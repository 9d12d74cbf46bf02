"""What watches one training of a trial: evaluation and pruning, interruption, early stopping, cost and time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from stable_baselines3.common.callbacks import CallbackList

from sb3_hpo.callbacks import InterruptionCallback
from sb3_hpo.early_stopping import EarlyStopping
from sb3_hpo.evaluation import eval_callback_class
from sb3_hpo.finite import learn_finite
from sb3_hpo.training_time import TrainingTimer
from sb3_hpo.trial_attributes import (
    COSTLY,
    SECONDS_AT,
    SECONDS_BY_PART,
    TrialInterruptedError,
    TrialPausedError,
)
from sb3_hpo.trial_cost import TrialCost

if TYPE_CHECKING:
    from collections.abc import Callable

    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import VecEnv

    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.task import Training


class TrainingWatch:
    """Trains a model to its end, or until something ends it sooner, and keeps what happened.

    :param training: what is trained, and for how long
    :param run: one element of the trial's attribute ``runs``; where the training goes on, it has what came before
    :param settings: evaluations, early stopping and what a training may cost
    :param interrupted: asked at every step whether to give the training up
    :param pauses: whether a training that is pruned may go on later
    :param started: ``time.monotonic()`` from which the seconds of the training count
    """

    def __init__(
        self,
        trial: optuna.Trial,
        training: Training,
        run: dict[str, Any],
        settings: TuningSettings,
        interrupted: Callable[[], bool],
        *,
        pauses: bool,
        started: float,
    ) -> None:
        self._trial = trial
        self._training = training
        self._run = run
        self._settings = settings
        self._pauses = pauses
        self._started = started
        self._eval_freq = max(1, training.n_timesteps // settings.n_evaluations)
        self._earlier = list(zip(run.get("timesteps", []), run.get("returns", []), strict=True))
        self._early_stopping = EarlyStopping.of(settings, [float(np.mean(returns)) for _, returns in self._earlier])
        self._cost = TrialCost(settings.max_trial_cost, trial.study.get_trials(deepcopy=False), run.get(SECONDS_AT, []))
        self._interruption = InterruptionCallback(interrupted)
        self._timer = TrainingTimer()

    def learn(self, model: BaseAlgorithm, eval_env: VecEnv, **options: Any) -> None:
        """Train, and put what came of it into the run, however it ends.

        :param options: further arguments of the callback that evaluates
        """
        after_eval: list[BaseCallback] = [*self._early_stopping.callbacks, self._cost]
        self._evaluation = eval_callback_class(model)(
            eval_env,
            self._trial,
            n_eval_episodes=self._settings.n_eval_episodes,
            eval_freq=self._eval_freq,
            callback_after_eval=CallbackList(after_eval),
            stops_between_rollouts=self._pauses,
            **options,
        )
        for callback in after_eval:
            callback.parent = self._evaluation  # SB3 tells only the list that they are in.
        try:
            learn_finite(self._training, model, [self._timer, self._interruption, self._evaluation])
        finally:
            self._record(model)

    @property
    def is_paused(self) -> bool:
        """Whether the pruner gave the training up, which may go on later."""
        return self._is_pruned and not self._interruption.is_interrupted

    @property
    def is_whole(self) -> bool:
        """Whether the training came to its end."""
        was_stopped = self._early_stopping.reason is not None or self._cost.reason is not None
        return not (self._interruption.is_interrupted or self._evaluation.is_pruned or was_stopped)

    def conclude(self, model: BaseAlgorithm) -> None:
        """Note how many evaluations the training has, or say why it is not to be scored.

        :raises TrialInterruptedError: if it was stopped from outside
        :raises optuna.TrialPruned: if it was stopped by the pruner or for its cost
        """
        if self._interruption.is_interrupted:
            raise TrialInterruptedError("stopped from outside before the training ended")
        if self._cost.reason is not None:
            self._run[COSTLY] = self._cost.reason
            raise optuna.TrialPruned(f"stopped for its cost: {self._cost.reason}")
        if self._is_pruned:
            after = f"after {model.num_timesteps:,} of {self._training.n_timesteps:,} environment steps"
            raise TrialPausedError(f"paused {after}") if self._pauses else optuna.TrialPruned(f"pruned {after}")
        if not self._run["returns"]:
            raise RuntimeError("the training ended before its first evaluation")
        self._run["n_evaluations"] = self._run["planned_evaluations"]
        if self._early_stopping.reason is not None:
            self._run["stopped_early"] = self._early_stopping.reason

    @property
    def _is_pruned(self) -> bool:
        # One that pauses trains until the next rollout, and an evaluation before that may have ended it early.
        return self._evaluation.is_pruned and self._early_stopping.reason is None

    def _record(self, model: BaseAlgorithm) -> None:
        run, evaluation = self._run, self._evaluation
        run["n_timesteps"] = model.num_timesteps
        run["planned_evaluations"] = self._training.n_timesteps // self._eval_freq
        run["timesteps"] = [*(step for step, _ in self._earlier), *evaluation.evaluations_timesteps]
        new = [[float(r) for r in returns] for returns in evaluation.evaluations_results]
        run["returns"] = [*(returns for _, returns in self._earlier), *new]
        run["seconds"] = round(time.monotonic() - self._started, 3)
        run[SECONDS_AT] = self._cost.seconds_at
        run[SECONDS_BY_PART] = self._timer.seconds(evaluation.evaluation_seconds, evaluation.storage_seconds)
