"""Trainings on seeds that the search never saw, each a trial of a study of its own in the same storage."""

from __future__ import annotations

import contextlib
import math
import traceback
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.trial import TrialState
from stable_baselines3.common.vec_env import sync_envs_normalization

from sb3_hpo.callbacks import InterruptionCallback
from sb3_hpo.configuration import from_zoo
from sb3_hpo.errors import failure_in_one_line
from sb3_hpo.evaluation import evaluate_agent
from sb3_hpo.finite import learn_finite
from sb3_hpo.objective import (
    FAILURE,
    HYPERPARAMS,
    TRACEBACK,
    TrialInterruptedError,
    close_environments,
)
from sb3_hpo.seeds import evaluation_seed
from sb3_hpo.study import VALIDATION_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optuna.storages import BaseStorage

    from sb3_hpo.candidates import Candidate
    from sb3_hpo.interruption import Deadline
    from sb3_hpo.task import Task

MAX_EVAL_ENVS = 10
"""Environments that the evaluation of a trained agent steps side by side, at most."""

CANDIDATE = "candidate"
"""Trial attribute in a validation study: fingerprint of the configuration trained."""
SEED = "seed"
"""Trial attribute in a validation study: the training seed."""
N_EPISODES = "n_episodes"
"""Trial attribute in a validation study: episodes that judged the trained agent."""
N_TIMESTEPS = "n_timesteps"
"""Trial attribute in a validation study: environment steps trained."""


def known_scores(storage: BaseStorage, study_name: str, candidate: Candidate) -> list[float]:
    """All validation scores of a candidate that the storage has, whatever seeds they are from."""
    if validation_study_name(study_name) not in optuna.get_all_study_names(storage):
        return []
    study = open_validation_study(storage, study_name)
    return [
        float(trial.value or 0.0)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if trial.user_attrs.get(CANDIDATE) == candidate.fingerprint
    ]


def validation_study_name(study_name: str) -> str:
    """Name of the study that holds the validation of a study."""
    return study_name + VALIDATION_SUFFIX


def n_timesteps_of_validation(storage: BaseStorage, study_name: str) -> int:
    """Environment steps that the validation of a study trained, over all commands."""
    name = validation_study_name(study_name)
    if name not in optuna.get_all_study_names(storage):
        return 0
    trials = optuna.load_study(storage=storage, study_name=name).get_trials(deepcopy=False)
    return sum(trial.user_attrs.get(N_TIMESTEPS, 0) for trial in trials)


def train_and_evaluate(
    task: Task,
    configuration: Mapping[str, Any],
    seed: int,
    n_episodes: int,
    interrupted: Callable[[], bool] = lambda: False,
) -> tuple[float, int]:
    """Train a configuration with a seed and evaluate the agent that comes out.

    :param configuration: the whole configuration, in the zoo's notation
    :return: mean return of the episodes, and environment steps trained
    :raises TrialInterruptedError: if it was stopped from outside
    :raises FloatingPointError: if rewards, observations, weights or the returns are NaN or infinite
    """
    training = task.prepare(from_zoo(configuration))
    interruption = InterruptionCallback(interrupted)
    with contextlib.ExitStack() as environments:
        model = training.create_model(seed)
        environments.callback(close_environments, model)
        eval_env = training.create_eval_env(evaluation_seed(seed), min(n_episodes, MAX_EVAL_ENVS))
        environments.callback(eval_env.close)
        learn_finite(training, model, [interruption])
        if interruption.is_interrupted:
            raise TrialInterruptedError("stopped from outside before the training ended")
        if model.get_vec_normalize_env() is not None and model.env is not None:
            sync_envs_normalization(model.env, eval_env)
        returns = evaluate_agent(model, eval_env, n_episodes, deterministic=task.deterministic_eval)
    score = float(np.mean(returns))
    if not math.isfinite(score):
        raise FloatingPointError(f"the trained agent has a mean return of {score}")
    return score, model.num_timesteps


def open_validation_study(storage: BaseStorage, study_name: str) -> optuna.Study:
    """The study that holds the validation of a study, made where there is none."""
    return optuna.create_study(
        storage=storage,
        study_name=validation_study_name(study_name),
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(seed=0),
    )


class Trainings:
    """Trainings of candidates on seeds, each a trial of the validation study.

    :param interrupted: asked at every step whether to give a training up
    """

    def __init__(
        self,
        study: optuna.Study,
        task: Task,
        n_episodes: int,
        interrupted: Callable[[], bool],
        on_run: Callable[[Candidate, float], None],
        train: Callable[..., tuple[float, int]],
        on_failure: Callable[[Candidate, str], None],
    ) -> None:
        self._study = study
        self._train = train
        self._task = task
        self._n_episodes = n_episodes
        self._interrupted = interrupted
        self._on_run = on_run
        self._on_failure = on_failure
        self._failures: dict[str, str] = {}
        self._known = self._read((TrialState.COMPLETE,))

    def complete(self, pairs: Sequence[tuple[Candidate, int]], deadline: Deadline | None = None) -> bool:
        """Train all these candidates with these seeds, in this order; False if it was stopped before the end.

        It stops at the first failure too, with the reason in :meth:`failure`. Those that another worker is training
        come last; they may be done by then, or the worker may be dead.

        :param deadline: no training begins after it
        """
        while pending := self._pending(pairs):
            if deadline is not None and deadline.is_over:
                return False
            candidate, seed = pending[0]
            score = self._run(candidate, seed)
            if score is None:
                return False
            self._known[candidate.fingerprint, seed] = score
            self._on_run(candidate, score)
        return True

    def failure(self, candidate: Candidate) -> str | None:
        """Why a training of a candidate failed; None if none did."""
        return self._failures.get(candidate.fingerprint)

    def scores(self, candidate: Candidate, seeds: Sequence[int]) -> list[float]:
        """The scores of a candidate on these seeds, up to the first one that is missing."""
        scores: list[float] = []
        for seed in seeds:
            if (candidate.fingerprint, seed) not in self._known:
                break
            scores.append(self._known[candidate.fingerprint, seed])
        return scores

    def _pending(self, pairs: Sequence[tuple[Candidate, int]]) -> list[tuple[Candidate, int]]:
        missing = self._missing(pairs)
        if not missing:
            return []
        # Only now, and all of it: other workers add to it.
        self._known |= self._read((TrialState.COMPLETE,))
        claimed = self._read((TrialState.RUNNING,))
        return sorted(self._missing(pairs), key=lambda pair: (pair[0].fingerprint, pair[1]) in claimed)

    def _missing(self, pairs: Sequence[tuple[Candidate, int]]) -> list[tuple[Candidate, int]]:
        return [(candidate, seed) for candidate, seed in pairs if (candidate.fingerprint, seed) not in self._known]

    def _read(self, states: tuple[TrialState, ...]) -> dict[tuple[str, int], float]:
        # A trial that was just asked for has no attributes yet.
        return {
            (trial.user_attrs[CANDIDATE], trial.user_attrs[SEED]): float(trial.value or 0.0)
            for trial in self._study.get_trials(deepcopy=False, states=states)
            if trial.user_attrs.get(N_EPISODES) == self._n_episodes
        }

    def _run(self, candidate: Candidate, seed: int) -> float | None:
        if self._interrupted():
            return None
        study, configuration = self._study, candidate.configuration
        trial = study.ask()
        trial.set_user_attr(CANDIDATE, candidate.fingerprint)
        trial.set_user_attr(SEED, seed)
        trial.set_user_attr(N_EPISODES, self._n_episodes)
        trial.set_user_attr(HYPERPARAMS, dict(configuration))
        try:
            score, n_timesteps = self._train(self._task, configuration, seed, self._n_episodes, self._interrupted)
        except TrialInterruptedError:
            study.tell(trial, state=TrialState.FAIL)
            return None
        except Exception as error:
            self._fail(trial, candidate, f"seed {seed}: {failure_in_one_line(error)}")
            return None
        except BaseException:
            study.tell(trial, state=TrialState.FAIL)
            raise
        trial.set_user_attr(N_TIMESTEPS, n_timesteps)
        study.tell(trial, score)
        return score

    def _fail(self, trial: optuna.Trial, candidate: Candidate, reason: str) -> None:
        trial.set_user_attr(FAILURE, reason)
        trial.set_user_attr(TRACEBACK, traceback.format_exc())
        self._study.tell(trial, state=TrialState.FAIL)
        self._failures[candidate.fingerprint] = reason
        self._on_failure(candidate, reason)
