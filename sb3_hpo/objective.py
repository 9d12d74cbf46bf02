"""Objective: one trial is one configuration, trained on every tuning seed."""

from __future__ import annotations

import contextlib
import functools
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import optuna
from stable_baselines3.common.callbacks import CallbackList

from sb3_hpo.callbacks import InterruptionCallback
from sb3_hpo.configuration import merge, to_zoo
from sb3_hpo.early_stopping import EarlyStopping
from sb3_hpo.errors import failure_in_one_line
from sb3_hpo.evaluation import eval_callback_class, judge_agent
from sb3_hpo.finite import learn_finite
from sb3_hpo.pausing import begin, drop_earlier, pause
from sb3_hpo.promotion import CONTINUES
from sb3_hpo.pruners import compares_seeds
from sb3_hpo.saved_models import SaveVecNormalizeCallback, trial_models
from sb3_hpo.scores import SCORES, carry_forward, score_curves
from sb3_hpo.search_space import Budget
from sb3_hpo.seeds import evaluation_seed
from sb3_hpo.tensorboard_log import Entry, TensorBoardLog, no_log
from sb3_hpo.training_time import TrainingTimer
from sb3_hpo.trial_attributes import (
    COSTLY,
    FAILURE,
    FINAL_RETURNS,
    HYPERPARAMS,
    RUNS,
    SECONDS_AT,
    SECONDS_BY_PART,
    TRACEBACK,
    TUNED,
    TrialInterruptedError,
    TrialPausedError,
)
from sb3_hpo.trial_cost import TrialCost
from sb3_hpo.trial_summary import in_lines, summarized

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optuna.trial import FrozenTrial
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.callbacks import BaseCallback

    from sb3_hpo.checkpoints import Checkpoints
    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.task import Task, Training
    from sb3_hpo.transforms import Plain


class Objective:
    """What Optuna maximizes: the score of a configuration, trained on the same seeds as every other one.

    Trainings follow one another, and a trial that is pruned never reaches its later seeds. What a trial reports, and
    at which steps, is told in :mod:`sb3_hpo.pruners`: a learning curve through all seeds, or a score for each seed.
    What was trained with what, and every return, is kept in the trial's attributes :data:`HYPERPARAMS` and
    :data:`RUNS`. The agent at the end of a whole training is judged as those of the validation are, so that this seed
    counts in the choice among the finalists.

    :param task: what is trained
    :param search_space: what is sampled
    :param settings: evaluations, episodes, environments of an evaluation, and how they are scored
    :param tuning_seeds: seeds to train on, in order
    :param interrupted: asked at every step whether to give the trial up
    :param models_folder: folder that keeps the best model of each finished trial; None to keep none
    :param checkpoints: what is kept of trials that pause, to go on with them; None if none does
    :param tensorboard: where every training is logged; None to log none
    """

    def __init__(
        self,
        task: Task,
        search_space: SearchSpace,
        settings: TuningSettings,
        tuning_seeds: Sequence[int],
        interrupted: Callable[[], bool] = lambda: False,
        models_folder: Path | None = None,
        checkpoints: Checkpoints | None = None,
        tensorboard: TensorBoardLog | None = None,
    ) -> None:
        self._task = task
        self._search_space = search_space
        self._settings = settings
        self._tuning_seeds = list(tuning_seeds)
        self._interrupted = interrupted
        self._models_folder = models_folder
        self._checkpoints = checkpoints
        self._tensorboard = tensorboard
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
        sampled = {key: configuration[key] for key in self._search_space.to_hyperparams(params) if key in configuration}
        trial.set_user_attr(TUNED, in_lines(sampled))
        training = self._task.prepare(configuration)
        runs: list[dict[str, Any]] = []
        with summarized(trial, runs):
            for index, seed in enumerate(self._tuning_seeds):
                run = {"seed": seed, "eval_env_seed": evaluation_seed(seed)}
                runs.append(run)
                try:
                    with self._logged(trial, sampled, run) as log:
                        self._train(trial, training, runs, folders[seed], log)
                finally:
                    trial.set_user_attr(RUNS, runs)
                if self._compares_seeds:
                    _report_score(trial, run, index, self._settings.score)
        if self._checkpoints is not None:
            drop_earlier(trial, self._checkpoints)
        return score_curves(learning_curves(runs), self._settings.score, self._settings.aggregate)

    def _logged(
        self, trial: optuna.Trial, hyperparams: Mapping[str, Any], run: Mapping[str, Any]
    ) -> contextlib.AbstractContextManager[Callable[[BaseAlgorithm], None]]:
        if self._tensorboard is None:
            return no_log()
        score = functools.partial(_score_of_seed, run, self._settings.score)
        return self._tensorboard.training(Entry(trial.number, trial.user_attrs.get(CONTINUES), hyperparams, run, score))

    def _train(
        self,
        trial: optuna.Trial,
        training: Training,
        runs: Sequence[dict[str, Any]],
        folder: str | None,
        log: Callable[[BaseAlgorithm], None],
    ) -> None:
        settings, run = self._settings, runs[-1]
        start = time.monotonic()
        eval_freq = max(1, training.n_timesteps // settings.n_evaluations)
        early_stopping, timer = EarlyStopping.of(settings), TrainingTimer()
        with contextlib.ExitStack() as environments:
            model = begin(trial, training, run, self._checkpoints if len(runs) == 1 else None)
            earlier = list(zip(run.get("timesteps", []), run.get("returns", []), strict=True))
            cost = TrialCost(settings.max_trial_cost, _trials(trial), run.get(SECONDS_AT, []))
            after_eval: list[BaseCallback] = [*early_stopping.callbacks, cost]
            environments.callback(close_environments, model)
            log(model)
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
                callback_after_eval=CallbackList(after_eval),
                step_offset=(len(runs) - 1) * training.n_timesteps,
                earlier_curves=learning_curves(runs[:-1]) if len(runs) > 1 else (),
                is_reporting=not self._compares_seeds,
                stops_between_rollouts=self._checkpoints is not None,
            )
            for callback in after_eval:
                callback.parent = evaluation  # SB3 tells only the list that they are in.
            interruption = InterruptionCallback(self._interrupted)
            try:
                learn_finite(training, model, [timer, interruption, evaluation])
            finally:
                run["n_timesteps"] = model.num_timesteps
                run["planned_evaluations"] = training.n_timesteps // eval_freq
                run["timesteps"] = [*(step for step, _ in earlier), *evaluation.evaluations_timesteps]
                new = [[float(r) for r in returns] for returns in evaluation.evaluations_results]
                run["returns"] = [*(returns for _, returns in earlier), *new]
                run["seconds"] = round(time.monotonic() - start, 3)
                run[SECONDS_AT] = cost.seconds_at
                run[SECONDS_BY_PART] = timer.seconds(evaluation.evaluation_seconds, evaluation.storage_seconds)
            is_paused = evaluation.is_pruned and not interruption.is_interrupted
            if is_paused and self._checkpoints is not None and len(runs) == 1:
                pause(trial, training, model, run, self._checkpoints)
            elif not (interruption.is_interrupted or is_paused or early_stopping.reason or cost.reason):
                n_episodes = settings.n_validation_episodes
                deterministic = self._task.deterministic_eval
                run[FINAL_RETURNS] = judge_agent(model, eval_env, n_episodes, deterministic=deterministic)
        if interruption.is_interrupted:
            raise TrialInterruptedError("stopped from outside before the training ended")
        if cost.reason is not None:
            run[COSTLY] = cost.reason
            raise optuna.TrialPruned(f"stopped for its cost: {cost.reason}")
        if evaluation.is_pruned:
            _raise_pruned(model, training, is_paused=self._checkpoints is not None)
        if not run["returns"]:
            raise RuntimeError("the training ended before its first evaluation")
        run["n_evaluations"] = training.n_timesteps // eval_freq
        if early_stopping.reason is not None:
            run["stopped_early"] = early_stopping.reason

    def _log_folder(self, trial: optuna.Trial) -> Path | None:
        if self._settings.optimization_log_path is None:
            return None
        return Path(self._settings.optimization_log_path) / f"trial_{trial.number}"


def _trials(trial: optuna.Trial) -> list[FrozenTrial]:
    """All trials of the study, as they are now."""
    return trial.study.get_trials(deepcopy=False)


def _report_score(trial: optuna.Trial, run: dict[str, Any], index: int, score: str) -> None:
    """Report the score of a seed's whole training.

    :param score: name of the score

    :raises optuna.TrialPruned: if the pruner gives the trial up
    """
    trial.report(_score_of_seed(run, score), index)
    if trial.should_prune():
        raise optuna.TrialPruned(f"pruned after {index + 1} seeds")


def _score_of_seed(run: Mapping[str, Any], score: str) -> float:
    return float(SCORES[score](learning_curves([run]))[0])


def _raise_pruned(model: BaseAlgorithm, training: Training, *, is_paused: bool) -> NoReturn:
    after = f"after {model.num_timesteps:,} of {training.n_timesteps:,} environment steps"
    raise TrialPausedError(f"paused {after}") if is_paused else optuna.TrialPruned(f"pruned {after}")


def configuration_of(task: Task, space: SearchSpace, params: Mapping[str, Plain]) -> dict[str, Any]:
    """The whole configuration that is trained for ``params``: that of the task with theirs, made to fit its budget."""
    configuration = merge(task.configuration, space.to_hyperparams(params))
    budget = Budget(
        n_timesteps=int(configuration["n_timesteps"]),
        n_envs=int(configuration.get("n_envs", 1)),
        max_episode_steps=task.max_episode_steps,
    )
    return space.fitted(configuration, budget)


def learning_curves(runs: Sequence[Mapping[str, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
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
    n_evaluations = run.get("n_evaluations", run.get("planned_evaluations", 0))
    n_before = sum(step <= run.get("resumed_at", 0) for step in run.get("timesteps", []))
    n_done = len(run.get("returns", [])) - n_before
    return seconds * max(1.0, n_evaluations / n_done) if n_done else seconds


def n_timesteps_trained(trial: FrozenTrial) -> int:
    """Environment steps that a trial trained itself, those of the trial that it continues left out."""
    runs = trial.user_attrs.get(RUNS, [])
    return sum(run.get("n_timesteps", 0) - run.get("resumed_at", 0) for run in runs)


def close_environments(model: BaseAlgorithm) -> None:
    """Release a model's training environments."""
    if model.env is not None:
        model.env.close()
