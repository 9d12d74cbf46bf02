"""Objective: one trial is one configuration, trained on every tuning seed."""

from __future__ import annotations

import contextlib
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna

from sb3_hpo.callbacks import InterruptionCallback
from sb3_hpo.configuration import merge, to_zoo
from sb3_hpo.early_stopping import EarlyStopping
from sb3_hpo.errors import failure_in_one_line
from sb3_hpo.evaluation import eval_callback_class
from sb3_hpo.finite import learn_finite
from sb3_hpo.pruners import compares_seeds
from sb3_hpo.saved_models import SaveVecNormalizeCallback, trial_models
from sb3_hpo.scores import SCORES, carry_forward, score_curves
from sb3_hpo.search_space import Budget
from sb3_hpo.seeds import evaluation_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optuna.trial import FrozenTrial
    from stable_baselines3.common.base_class import BaseAlgorithm

    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.task import Task, Training
    from sb3_hpo.transforms import Plain

HYPERPARAMS = "hyperparams"
"""Trial attribute: the whole configuration, in the zoo's notation."""
RUNS = "runs"
"""Trial attribute: a mapping for each training: its seeds, steps, seconds and the returns of each evaluation.

Where a training came to its end, ``n_evaluations`` says how many evaluations its whole length has; where it was stopped
early, ``stopped_early`` says why.
"""
FAILURE = "failure"
"""Trial attribute: why a trial failed, in one line."""
TRACEBACK = "traceback"
"""Trial attribute: the traceback of a trial that failed."""


class TrialInterruptedError(Exception):
    """A trial was stopped from outside: by the user, or because time is up. It says nothing about the trial."""


class Objective:
    """What Optuna maximizes: the score of a configuration, trained on the same seeds as every other one.

    Trainings follow one another, and a trial that is pruned never reaches its later seeds. What a trial reports, and
    at which steps, is told in :mod:`sb3_hpo.pruners`: a learning curve through all seeds, or a score for each seed.
    What was trained with what, and every return, is kept in the trial's attributes :data:`HYPERPARAMS` and
    :data:`RUNS`.

    :param task: what is trained
    :param search_space: what is sampled
    :param settings: evaluations, episodes, environments of an evaluation, and how they are scored
    :param tuning_seeds: seeds to train on, in order
    :param interrupted: asked at every step whether to give the trial up
    :param models_folder: folder that keeps the best model of each finished trial; None to keep none
    """

    def __init__(
        self,
        task: Task,
        search_space: SearchSpace,
        settings: TuningSettings,
        tuning_seeds: Sequence[int],
        interrupted: Callable[[], bool] = lambda: False,
        models_folder: Path | None = None,
    ) -> None:
        self._task = task
        self._search_space = search_space
        self._settings = settings
        self._tuning_seeds = list(tuning_seeds)
        self._interrupted = interrupted
        self._models_folder = models_folder
        self._compares_seeds = compares_seeds(settings.pruner, settings.pruner_kwargs)

    def __call__(self, trial: optuna.Trial) -> float:
        """Train a configuration and return its score.

        :raises optuna.TrialPruned: if the pruner gave it up
        :raises TrialInterruptedError: if it was stopped from outside
        """
        try:
            with trial_models(
                trial.number, self._tuning_seeds, kept_in=self._models_folder, saved_in=self._log_folder(trial)
            ) as folders:
                return self._score(trial, folders)
        except optuna.TrialPruned:
            raise
        except KeyboardInterrupt:
            trial.set_user_attr(FAILURE, f"{TrialInterruptedError.__name__}: stopped at once by a signal")
            raise
        except Exception as error:
            trial.set_user_attr(FAILURE, failure_in_one_line(error))
            trial.set_user_attr(TRACEBACK, traceback.format_exc())
            raise

    def _score(self, trial: optuna.Trial, folders: Mapping[int, str | None]) -> float:
        params = self._search_space.suggest(trial)
        configuration = configuration_of(self._task, self._search_space, params)
        trial.set_user_attr(HYPERPARAMS, to_zoo(configuration))
        training = self._task.prepare(configuration)
        runs: list[dict[str, Any]] = []
        for index, seed in enumerate(self._tuning_seeds):
            run = {"seed": seed, "eval_env_seed": evaluation_seed(seed)}
            runs.append(run)
            try:
                self._train(trial, training, runs, folders[seed])
            finally:
                trial.set_user_attr(RUNS, runs)
            if self._compares_seeds:
                _report_score(trial, run, index, self._settings.score)
        return score_curves(learning_curves(runs), self._settings.score, self._settings.aggregate)

    def _train(
        self, trial: optuna.Trial, training: Training, runs: Sequence[dict[str, Any]], folder: str | None
    ) -> None:
        settings, run = self._settings, runs[-1]
        start = time.monotonic()
        eval_freq = max(1, training.n_timesteps // settings.n_evaluations)
        early_stopping = EarlyStopping.of(settings)
        with contextlib.ExitStack() as environments:
            model = training.create_model(run["seed"])
            environments.callback(close_environments, model)
            eval_env = training.create_eval_env(run["eval_env_seed"], settings.n_eval_envs or settings.n_eval_episodes)
            environments.callback(eval_env.close)
            evaluation = eval_callback_class(model)(
                eval_env,
                trial,
                best_model_save_path=folder,
                log_path=None if settings.optimization_log_path is None else folder,
                n_eval_episodes=settings.n_eval_episodes,
                eval_freq=eval_freq,
                deterministic=self._task.deterministic_eval,
                callback_on_new_best=None if folder is None else SaveVecNormalizeCallback(folder),
                callback_after_eval=early_stopping.after_eval,
                step_offset=(len(runs) - 1) * training.n_timesteps,
                earlier_curves=learning_curves(runs[:-1]) if len(runs) > 1 else (),
                is_reporting=not self._compares_seeds,
            )
            early_stopping.attach(evaluation)
            interruption = InterruptionCallback(self._interrupted)
            try:
                learn_finite(training, model, [interruption, evaluation])
            finally:
                run["n_timesteps"] = model.num_timesteps
                run["timesteps"] = evaluation.evaluations_timesteps
                run["returns"] = [[float(r) for r in returns] for returns in evaluation.evaluations_results]
                run["seconds"] = round(time.monotonic() - start, 3)
        if interruption.is_interrupted:
            raise TrialInterruptedError("stopped from outside before the training ended")
        if evaluation.is_pruned:
            raise optuna.TrialPruned(f"pruned after {evaluation.num_timesteps} environment steps")
        if not run["returns"]:
            raise RuntimeError("the training ended before its first evaluation")
        run["n_evaluations"] = training.n_timesteps // eval_freq
        if early_stopping.reason is not None:
            run["stopped_early"] = early_stopping.reason

    def _log_folder(self, trial: optuna.Trial) -> Path | None:
        if self._settings.optimization_log_path is None:
            return None
        return Path(self._settings.optimization_log_path) / f"trial_{trial.number}"


def _report_score(trial: optuna.Trial, run: dict[str, Any], index: int, score: str) -> None:
    """Report the score of a seed's whole training.

    :param score: name of the score

    :raises optuna.TrialPruned: if the pruner gives the trial up
    """
    trial.report(float(SCORES[score](learning_curves([run]))[0]), index)
    if trial.should_prune():
        raise optuna.TrialPruned(f"pruned after {index + 1} seeds")


def was_interrupted(trial: FrozenTrial) -> bool:
    """Whether a trial was given up for a reason outside it."""
    return str(trial.user_attrs.get(FAILURE, "")).startswith(TrialInterruptedError.__name__)


def configuration_of(task: Task, space: SearchSpace, params: Mapping[str, Plain]) -> dict[str, Any]:
    """The whole configuration that is trained for ``params``: that of the task with theirs, made to fit its budget."""
    configuration = merge(task.configuration, space.to_hyperparams(params))
    budget = Budget(
        n_timesteps=int(configuration["n_timesteps"]),
        n_envs=int(configuration.get("n_envs", 1)),
        max_episode_steps=task.max_episode_steps,
    )
    return space.fitted(configuration, budget)


def learning_curves(runs: Sequence[dict[str, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Mean returns of a trial's evaluations, shape ``(n_seeds, n_evaluations)``, from its attribute ``runs``.

    A training that ended early keeps its last value to the end of its whole length.
    """
    curves = [[float(np.mean(returns)) for returns in run["returns"]] for run in runs]
    return carry_forward(curves, max(run.get("n_evaluations", 0) for run in runs))


def seconds_of_whole_training(run: Mapping[str, Any]) -> float:
    """Seconds that a training takes without early stopping: validation trains the whole length.

    :param run: one element of the attribute ``runs``
    """
    seconds = float(run["seconds"])
    n_done, n_evaluations = len(run.get("returns", [])), run.get("n_evaluations", 0)
    return seconds * max(1.0, n_evaluations / n_done) if n_done else seconds


def close_environments(model: BaseAlgorithm) -> None:
    """Release a model's training environments."""
    if model.env is not None:
        model.env.close()
