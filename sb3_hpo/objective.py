"""Objective: one trial is one configuration, trained on every tuning seed."""

from __future__ import annotations

import contextlib
import functools
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna

from sb3_hpo.affordable import constrain
from sb3_hpo.configuration import merge, to_zoo
from sb3_hpo.errors import failure_in_one_line
from sb3_hpo.evaluation import judge_agent
from sb3_hpo.finished_trainings import finished_training, report_again
from sb3_hpo.pausing import begin, drop_earlier, pause
from sb3_hpo.promotion import CONTINUES
from sb3_hpo.pruners import compares_seeds
from sb3_hpo.saved_models import SaveVecNormalizeCallback, trial_models
from sb3_hpo.scores import learning_curves, score_curves, score_training
from sb3_hpo.search_space import Budget
from sb3_hpo.seeds import evaluation_seed
from sb3_hpo.tensorboard_log import Entry, TensorBoardLog, no_log
from sb3_hpo.ties import shares_best_score
from sb3_hpo.training_watch import TrainingWatch
from sb3_hpo.trial_attributes import (
    FAILURE,
    FINAL_RETURNS,
    HYPERPARAMS,
    RUNS,
    STOPPED_TRAINING,
    TAKEN_OVER_FROM,
    TRACEBACK,
    TUNED,
    TrialInterruptedError,
    own_timesteps,
    paid_trainings,
)
from sb3_hpo.trial_summary import in_lines, summarized

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optuna.trial import FrozenTrial
    from stable_baselines3.common.base_class import BaseAlgorithm

    from sb3_hpo.checkpoints import Checkpoints
    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.task import Task, Training
    from sb3_hpo.transforms import Plain


class Objective:
    """What Optuna maximizes: the score of a configuration, trained on the same seeds as every other one.

    Trainings follow one another, and a trial that is pruned never reaches its later seeds. One that shares the
    best score is trained on further ones (:mod:`sb3_hpo.ties`). What a trial reports, and
    at which steps, is told in :mod:`sb3_hpo.pruners`: a learning curve through all seeds, or a score for each seed.
    What was trained with what, and every return, is kept in the trial's attributes :data:`HYPERPARAMS` and
    :data:`RUNS`. One that is tried again takes over the trainings that had come to their end
    (:mod:`sb3_hpo.finished_trainings`). The agent at the end of a whole training is judged as those of the validation
    are, so that this seed counts in the choice among the finalists.

    :param task: what is trained
    :param search_space: what is sampled
    :param settings: evaluations, episodes, environments of an evaluation, and how they are scored
    :param tuning_seeds: seeds to train on, in order
    :param interrupted: asked at every step whether to give the trial up
    :param models_folder: folder that keeps the best model of each finished trial; None to keep none
    :param checkpoints: what is kept of trials that pause, to go on with them; None if none does
    :param tensorboard: where every training is logged; None to log none
    :param further_seeds: seeds to train on as long as the trial shares the best score, in order
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
        further_seeds: Sequence[int] = (),
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
        self._further_seeds = () if self._compares_seeds else tuple(further_seeds)
        # Optuna's Gaussian process wants constraints of all trials or of none, and a study may get a time limit late.
        self._limits_cost = settings.max_trial_cost is not None and settings.sampler != "gp"

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
                run = self._begin_run(trial, runs, seed)
                try:
                    self._train_or_take_over(trial, training, runs, folders[seed], sampled)
                finally:
                    if index == 0 and self._limits_cost:
                        constrain(trial, run)
                    trial.set_user_attr(RUNS, runs)
                if self._compares_seeds:
                    _report_score(trial, run, index, self._settings.score)
            for seed in self._further_seeds:
                if not shares_best_score(trial.study, runs, self._settings.score):
                    break
                if not self._train_further(trial, training, runs, seed, sampled):
                    break
        if self._checkpoints is not None:
            drop_earlier(trial, self._checkpoints)
        return self._score_of(runs)

    def _score_of(self, runs: Sequence[Mapping[str, Any]]) -> float:
        return score_curves(learning_curves(runs), self._settings.score, self._settings.aggregate)

    def _train_further(
        self,
        trial: optuna.Trial,
        training: Training,
        runs: list[dict[str, Any]],
        seed: int,
        sampled: Mapping[str, Any],
    ) -> bool:
        """Train on a further seed; False where that was ended from outside or for its cost: the others count."""
        run = self._begin_run(trial, runs, seed)
        try:
            self._train_or_take_over(trial, training, runs, None, sampled, is_reporting=False)
        except (TrialInterruptedError, optuna.TrialPruned):
            runs.remove(run)
            trial.set_user_attr(STOPPED_TRAINING, run)
            return False
        finally:
            trial.set_user_attr(RUNS, runs)
        return True

    def _begin_run(self, trial: optuna.Trial, runs: list[dict[str, Any]], seed: int) -> dict[str, Any]:
        """A training on a seed, added to those of the trial: a new one, or a whole one of the trial it tries again.

        Where models are kept none is taken over, as what it has saved belongs to the other trial.
        """
        keeps_models = self._models_folder is not None or self._settings.optimization_log_path is not None
        finished = None if keeps_models else finished_training(trial, seed)
        runs.append(finished or {"seed": seed, "eval_env_seed": evaluation_seed(seed)})
        return runs[-1]

    def _train_or_take_over(
        self,
        trial: optuna.Trial,
        training: Training,
        runs: Sequence[dict[str, Any]],
        folder: str | None,
        sampled: Mapping[str, Any],
        *,
        is_reporting: bool = True,
    ) -> None:
        """Have the last training of a trial done, if it is not, and its evaluations reported."""
        if TAKEN_OVER_FROM not in runs[-1]:
            with self._logged(trial, sampled, runs[-1]) as log:
                self._train(trial, training, runs, folder, log, is_reporting=is_reporting)
        elif is_reporting and not self._compares_seeds:
            report_again(trial, runs, training.n_timesteps)

    def _logged(
        self, trial: optuna.Trial, hyperparams: Mapping[str, Any], run: Mapping[str, Any]
    ) -> contextlib.AbstractContextManager[Callable[[BaseAlgorithm], None]]:
        if self._tensorboard is None:
            return no_log()
        score = functools.partial(score_training, run, self._settings.score)
        return self._tensorboard.training(Entry(trial.number, trial.user_attrs.get(CONTINUES), hyperparams, run, score))

    def _train(
        self,
        trial: optuna.Trial,
        training: Training,
        runs: Sequence[dict[str, Any]],
        folder: str | None,
        log: Callable[[BaseAlgorithm], None],
        *,
        is_reporting: bool = True,
    ) -> None:
        settings, run = self._settings, runs[-1]
        started = time.monotonic()
        with contextlib.ExitStack() as environments:
            model = begin(trial, training, run, self._checkpoints if len(runs) == 1 else None)
            environments.callback(close_environments, model)
            pauses = self._checkpoints is not None
            watch = TrainingWatch(trial, training, run, settings, self._interrupted, pauses=pauses, started=started)
            log(model)
            eval_env = training.create_eval_env(run["eval_env_seed"], settings.n_eval_envs or settings.n_eval_episodes)
            environments.callback(eval_env.close)
            watch.learn(
                model,
                eval_env,
                best_model_save_path=folder,
                log_path=None if settings.optimization_log_path is None else folder,
                deterministic=self._task.deterministic_eval,
                callback_on_new_best=None if folder is None else SaveVecNormalizeCallback(folder),
                step_offset=(len(runs) - 1) * training.n_timesteps,
                earlier_curves=learning_curves(runs[:-1]) if len(runs) > 1 else (),
                is_reporting=is_reporting and not self._compares_seeds,
            )
            if watch.is_paused and self._checkpoints is not None and len(runs) == 1:
                pause(trial, training, model, run, self._checkpoints)
            elif watch.is_whole:
                n_episodes, deterministic = settings.n_validation_episodes, self._task.deterministic_eval
                run[FINAL_RETURNS] = judge_agent(model, eval_env, n_episodes, deterministic=deterministic)
        watch.conclude(model)

    def _log_folder(self, trial: optuna.Trial) -> Path | None:
        if self._settings.optimization_log_path is None:
            return None
        return Path(self._settings.optimization_log_path) / f"trial_{trial.number}"


def _report_score(trial: optuna.Trial, run: dict[str, Any], index: int, score: str) -> None:
    """Report the score of a seed's whole training.

    :param score: name of the score

    :raises optuna.TrialPruned: if the pruner gives the trial up
    """
    trial.report(score_training(run, score), index)
    if trial.should_prune():
        raise optuna.TrialPruned(f"pruned after {index + 1} seeds")


def configuration_of(task: Task, space: SearchSpace, params: Mapping[str, Plain]) -> dict[str, Any]:
    """The whole configuration that is trained for ``params``: that of the task with theirs, made to fit its budget."""
    configuration = merge(task.configuration, space.to_hyperparams(params))
    budget = Budget(
        n_timesteps=int(configuration["n_timesteps"]),
        n_envs=int(configuration.get("n_envs", 1)),
        max_episode_steps=task.max_episode_steps,
    )
    return space.fitted(configuration, budget)


def n_timesteps_trained(trial: FrozenTrial) -> int:
    """Environment steps that a trial trained itself, those of the trial that it continues or tries again left out."""
    return sum(map(own_timesteps, paid_trainings(trial)))


def close_environments(model: BaseAlgorithm) -> None:
    """Release a model's training environments."""
    if model.env is not None:
        model.env.close()
