"""Trainings on seeds that the search never saw, each a trial of a study of its own in the same storage."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.trial import TrialState

from sb3_hpo.callbacks import InterruptionCallback
from sb3_hpo.candidates import fingerprint_of
from sb3_hpo.configuration import from_zoo, to_zoo
from sb3_hpo.evaluation import judge_agent
from sb3_hpo.finite import learn_finite
from sb3_hpo.late_returns import N_LATE_EPISODES, LateEvaluations, late_mean
from sb3_hpo.objective import close_environments
from sb3_hpo.seeds import evaluation_seed
from sb3_hpo.study_description import VALIDATION_SUFFIX
from sb3_hpo.training_queue import Pair, Trained, TrainingQueue, ValidationWorker
from sb3_hpo.trial_attributes import CANDIDATE, N_EPISODES, N_TIMESTEPS, SEED, TrialInterruptedError
from sb3_hpo.trust import check_same_modules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from sb3_hpo.candidates import Candidate
    from sb3_hpo.interruption import Deadline
    from sb3_hpo.task import Task
    from sb3_hpo.workforce import Workforce

MAX_EVAL_ENVS = 10
"""Environments that the evaluation of a trained agent steps side by side, at most."""


def known_scores(
    storage: BaseStorage, study_name: str, configuration: Mapping[str, Any], default: Mapping[str, Any]
) -> list[float]:
    """The scores of a configuration that the storage has, on seeds that the default was trained on too.

    These judge. What it has on other seeds chose it among the finalists, and says more than it is worth.

    :param configuration: a whole configuration, in the zoo's notation
    :param default: the configuration that was tuned from, likewise
    """
    if validation_study_name(study_name) not in optuna.get_all_study_names(storage):
        return []
    trials = open_validation_study(storage, study_name).get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    scores, of_default = (_scores_by_seed(trials, fingerprint_of(each)) for each in (configuration, default))
    return [score for seed, score in scores.items() if seed in of_default]


def _scores_by_seed(trials: Sequence[FrozenTrial], name: str) -> dict[int, float]:
    """Seed -> score of what has this fingerprint, by the most episodes that judged it."""
    judged = [trial for trial in trials if trial.user_attrs.get(CANDIDATE) == name]
    by_episodes = sorted(judged, key=lambda trial: trial.user_attrs.get(N_EPISODES, 0))
    return {trial.user_attrs[SEED]: float(trial.value or 0.0) for trial in by_episodes}


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
) -> Trained:
    """Train a configuration with a seed and evaluate the agent that comes out, and those shortly before it.

    :param configuration: the whole configuration, in the zoo's notation
    :param n_episodes: episodes that judge the agent at the end
    :raises TrialInterruptedError: if it was stopped from outside
    :raises UserError: if it names other classes than the configuration tuned from
    :raises FloatingPointError: if rewards, observations, weights or the returns are NaN or infinite
    """
    check_same_modules(configuration, to_zoo(task.configuration), "a training of the validation")
    training = task.prepare(from_zoo(configuration))
    interruption = InterruptionCallback(interrupted)
    with contextlib.ExitStack() as environments:
        model = training.create_model(seed)
        environments.callback(close_environments, model)
        eval_env = training.create_eval_env(evaluation_seed(seed), min(n_episodes, MAX_EVAL_ENVS))
        environments.callback(eval_env.close)
        # Of its own, so that the agent at the end is judged on the same episodes as without.
        late_env = training.create_eval_env(evaluation_seed(seed), N_LATE_EPISODES)
        environments.callback(late_env.close)
        late = LateEvaluations(training.n_timesteps, late_env, deterministic=task.deterministic_eval)
        learn_finite(training, model, [interruption, late])
        if interruption.is_interrupted:
            raise TrialInterruptedError("stopped from outside before the training ended")
        returns = judge_agent(model, eval_env, n_episodes, deterministic=task.deterministic_eval)
    score = float(np.mean(returns))
    return Trained(score, model.num_timesteps, late_mean(late.means, score))


def open_validation_study(storage: BaseStorage, study_name: str) -> optuna.Study:
    """The study that holds the validation of a study, made where there is none."""
    return optuna.create_study(
        storage=storage,
        study_name=validation_study_name(study_name),
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(seed=0),
    )


def is_validating(study: optuna.Study) -> bool:
    """Whether a training of a study's validation runs, or waits for a worker."""
    validation = open_validation_study(study._storage, study.study_name)
    return bool(validation.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)))


class Trainings:
    """The trainings that a validation needs: asked for in the validation study, done by whoever works on it.

    :param study: the validation study
    :param task: what is validated
    :param n_episodes: deterministic episodes that judge one trained agent
    :param interrupted: asked at every step whether to give a training up
    :param on_run: called with each candidate and score that comes in
    :param train: what trains a configuration where this process works itself
    :param on_failure: called with each candidate of which a training failed, and the reason
    :param workforce: who trains; None for this process
    :param filler: trainings that are needed later, for workers that have nothing else to do
    :param max_retries: how often a training whose worker died is tried again
    :param known: scores that need no training, by fingerprint of the candidate and seed
    :param known_late: mean returns over the last quarter of these trainings, likewise
    """

    def __init__(
        self,
        study: optuna.Study,
        task: Task,
        n_episodes: int,
        interrupted: Callable[[], bool],
        on_run: Callable[[Candidate, float], None],
        train: Callable[..., Trained],
        on_failure: Callable[[Candidate, str], None],
        workforce: Workforce | None = None,
        filler: Sequence[Pair] = (),
        max_retries: int = 1,
        known: Mapping[tuple[str, int], float] | None = None,
        known_late: Mapping[tuple[str, int], float] | None = None,
    ) -> None:
        self._queue = TrainingQueue(study, n_episodes)
        self._worker = ValidationWorker(study, task, interrupted, train)
        self._interrupted = interrupted
        self._on_run = on_run
        self._on_failure = on_failure
        self._workforce = workforce
        self._filler = list(filler)
        self._max_retries = max_retries
        self._failures: dict[str, str] = {}
        self._candidates: dict[str, Candidate] = {}
        self._known = {**(known or {}), **self._queue.scores()}
        self._known_late = dict(known_late or {})

    def complete(self, pairs: Sequence[Pair], deadline: Deadline | None = None, ahead: Sequence[Pair] = ()) -> bool:
        """Have all these candidates trained with these seeds, in this order; False if it was stopped before the end.

        It stops at the first failure too, with the reason in :meth:`failure`. Workers that would have nothing to do
        meanwhile begin with the filler, and then with what comes next.

        :param deadline: no training begins after it; what others have begun by then is waited for, as it is paid for
        :param ahead: what is needed next, unless these trainings show that it is not
        """
        self._candidates |= {candidate.fingerprint: candidate for candidate, _ in (*pairs, *ahead, *self._filler)}
        while missing := self._missing(pairs):
            if deadline is not None and deadline.is_over:
                missing, ahead = self._queue.running_of(missing), ()
            if not missing or self._is_stopped() or any(self.failure(candidate) for candidate, _ in pairs):
                self._queue.withdraw()
                return False
            self._ask_for(missing, ahead)
            self._work_or_wait()
            self._look()
        return True

    @property
    def n_workers(self) -> int:
        """Trainings that can run at once."""
        return 1 if self._workforce is None else max(1, self._workforce.n_workers)

    def seconds(self, candidate: Candidate) -> float | None:
        """The longest that a training of a candidate took; None where there was none."""
        return self._queue.seconds().get(candidate.fingerprint)

    def close(self) -> None:
        """Withdraw what was asked for and nobody has begun."""
        self._queue.withdraw()

    def failure(self, candidate: Candidate) -> str | None:
        """Why a training of a candidate failed; None if none did."""
        return self._failures.get(candidate.fingerprint)

    def has(self, candidate: Candidate, seed: int) -> bool:
        """Whether the score of a candidate on a seed is known."""
        return (candidate.fingerprint, seed) in self._known

    def scores(self, candidate: Candidate, seeds: Sequence[int]) -> list[float]:
        """The scores of a candidate on these seeds, up to the first one that is missing."""
        scores: list[float] = []
        for seed in seeds:
            if (candidate.fingerprint, seed) not in self._known:
                break
            scores.append(self._known[candidate.fingerprint, seed])
        return scores

    def late_means(self, candidate: Candidate, seeds: Sequence[int]) -> list[float] | None:
        """Mean returns over the last quarter of the trainings of a candidate; None if one of them is not known."""
        known = {**self._known_late, **self._queue.late_means()}
        means = [known.get((candidate.fingerprint, seed)) for seed in seeds]
        found = [value for value in means if value is not None]
        return found if len(found) == len(means) else None

    def _is_stopped(self) -> bool:
        return self._interrupted() or self._worker.was_interrupted

    def _missing(self, pairs: Sequence[Pair]) -> list[Pair]:
        return [(candidate, seed) for candidate, seed in pairs if (candidate.fingerprint, seed) not in self._known]

    def _ask_for(self, missing: Sequence[Pair], ahead: Sequence[Pair]) -> None:
        n_workers = 1 if self._workforce is None else self._workforce.n_workers
        # The filler first: it is needed whatever these trainings show.
        later = [pair for pair in self._missing([*self._filler, *ahead]) if self.failure(pair[0]) is None]
        self._queue.ask_for([*missing, *later] if n_workers != 1 else missing, n_workers)

    def _work_or_wait(self) -> None:
        if self._workforce is None and self._worker.work():
            return
        if self._workforce is not None:
            self._workforce.tend()
        self._queue.wait(self._interrupted)

    def _look(self) -> None:
        """Take note of what has come in, and tell it."""
        for (fingerprint, seed), score in self._queue.scores().items():
            if (fingerprint, seed) not in self._known:
                self._known[fingerprint, seed] = score
                if self._workforce is not None:
                    self._workforce.trial_finished()
                if fingerprint in self._candidates:
                    self._on_run(self._candidates[fingerprint], score)
        for fingerprint, reason in self._queue.failures(self._max_retries).items():
            if fingerprint not in self._failures and fingerprint in self._candidates:
                self._failures[fingerprint] = reason
                self._on_failure(self._candidates[fingerprint], reason)
