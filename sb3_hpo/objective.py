"""Objective: one trial is one configuration, trained on every tuning seed."""

from __future__ import annotations

import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna

from sb3_hpo.callbacks import InterruptionCallback, TrialEvalCallback
from sb3_hpo.configuration import merge, to_zoo
from sb3_hpo.scores import carry_forward, score_curves
from sb3_hpo.seeds import evaluation_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.task import Task, Training

HYPERPARAMS = "hyperparams"
"""Trial attribute: the whole configuration, in the zoo's notation."""
RUNS = "runs"
"""Trial attribute: a mapping for each training: its seeds, steps, seconds and the returns of each evaluation."""
FAILURE = "failure"
"""Trial attribute: why a trial failed, in one line."""
TRACEBACK = "traceback"
"""Trial attribute: the traceback of a trial that failed."""


class TrialInterruptedError(Exception):
    """A trial was stopped from outside: by the user, or because time is up. It says nothing about the trial."""


class Objective:
    """What Optuna maximizes: the score of a configuration, trained on the same seeds as every other one.

    Trainings follow one another; the steps that a trial reports are environment steps since its start, so that a
    pruner sees one long learning curve. From the second training on, the value reported is the mean over the seeds
    so far, each with its latest evaluation. What was trained with what, and every return, is kept in the trial's
    attributes :data:`HYPERPARAMS` and :data:`RUNS`.

    :param task: what is trained
    :param search_space: what is sampled
    :param settings: evaluations, episodes, environments of an evaluation, and how they are scored
    :param tuning_seeds: seeds to train on, in order
    :param interrupted: asked at every step whether to give the trial up
    """

    def __init__(
        self,
        task: Task,
        search_space: SearchSpace,
        settings: TuningSettings,
        tuning_seeds: Sequence[int],
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._task = task
        self._search_space = search_space
        self._settings = settings
        self._tuning_seeds = list(tuning_seeds)
        self._interrupted = interrupted

    def __call__(self, trial: optuna.Trial) -> float:
        """Train a configuration and return its score.

        :raises optuna.TrialPruned: if the pruner gave it up
        :raises TrialInterruptedError: if it was stopped from outside
        """
        try:
            return self._score(trial)
        except optuna.TrialPruned:
            raise
        except KeyboardInterrupt:
            trial.set_user_attr(FAILURE, f"{TrialInterruptedError.__name__}: stopped at once by a signal")
            raise
        except Exception as error:
            trial.set_user_attr(FAILURE, f"{type(error).__name__}: {error}")
            trial.set_user_attr(TRACEBACK, traceback.format_exc())
            raise

    def _score(self, trial: optuna.Trial) -> float:
        params = self._search_space.suggest(trial)
        configuration = merge(self._task.configuration, self._search_space.to_hyperparams(params))
        trial.set_user_attr(HYPERPARAMS, to_zoo(configuration))
        training = self._task.prepare(configuration)
        runs: list[dict[str, Any]] = []
        for seed in self._tuning_seeds:
            run = {"seed": seed, "eval_env_seed": evaluation_seed(seed)}
            runs.append(run)
            try:
                self._train(trial, training, run, runs)
            finally:
                trial.set_user_attr(RUNS, runs)
        return score_curves(learning_curves(runs), self._settings.score, self._settings.aggregate)

    def _train(self, trial: optuna.Trial, training: Training, run: dict[str, Any], runs: list[dict[str, Any]]) -> None:
        settings = self._settings
        start = time.monotonic()
        model = training.create_model(run["seed"])
        eval_env = training.create_eval_env(run["eval_env_seed"], settings.n_eval_envs or settings.n_eval_episodes)
        log_path = self._log_path(trial, run["seed"])
        evaluation = TrialEvalCallback(
            eval_env,
            trial,
            best_model_save_path=log_path,
            log_path=log_path,
            n_eval_episodes=settings.n_eval_episodes,
            eval_freq=max(1, training.n_timesteps // settings.n_evaluations),
            deterministic=self._task.deterministic_eval,
            step_offset=sum(earlier["n_timesteps"] for earlier in runs[:-1]),
            earlier_means=[float(np.mean(earlier["returns"][-1])) for earlier in runs[:-1]],
        )
        interruption = InterruptionCallback(self._interrupted)
        try:
            training.learn(model, [interruption, evaluation])
        finally:
            run["n_timesteps"] = model.num_timesteps
            run["timesteps"] = evaluation.evaluations_timesteps
            run["returns"] = [[float(r) for r in returns] for returns in evaluation.evaluations_results]
            run["seconds"] = round(time.monotonic() - start, 3)
            close(model, eval_env)
        if interruption.is_interrupted:
            raise TrialInterruptedError("stopped from outside before the training ended")
        if evaluation.is_pruned:
            raise optuna.TrialPruned(f"pruned after {evaluation.num_timesteps} environment steps")
        if not run["returns"]:
            raise RuntimeError("the training ended before its first evaluation")

    def _log_path(self, trial: optuna.Trial, seed: int) -> str | None:
        if self._settings.optimization_log_path is None:
            return None
        folder = Path(self._settings.optimization_log_path) / f"trial_{trial.number}"
        return str(folder if len(self._tuning_seeds) == 1 else folder / f"seed_{seed}")


def learning_curves(runs: Sequence[dict[str, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Mean returns of a trial's evaluations, shape ``(n_seeds, n_evaluations)``, from its attribute ``runs``.

    A training that ended early keeps its last value to the end.
    """
    return carry_forward([[float(np.mean(returns)) for returns in run["returns"]] for run in runs])


def close(model: BaseAlgorithm, eval_env: VecEnv) -> None:
    """Release the environments of a training."""
    if model.env is not None:
        model.env.close()
    eval_env.close()
