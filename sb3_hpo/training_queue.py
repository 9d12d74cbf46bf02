"""Trainings of a validation as trials that wait in a study: whoever works on it takes the next one."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.candidates import Candidate
from sb3_hpo.errors import failure_in_one_line
from sb3_hpo.retries import reap
from sb3_hpo.storage_failures import ends_the_command
from sb3_hpo.trial_attributes import (
    CANDIDATE,
    FAILURE,
    HYPERPARAMS,
    LATE_MEAN,
    N_EPISODES,
    N_TIMESTEPS,
    SEED,
    TOLD_OF_AN_ENDED_TRIAL,
    TRACEBACK,
    WORKER,
    NotAdmittedError,
    TrialInterruptedError,
    lost_its_worker,
    was_interrupted,
)
from sb3_hpo.worker_identity import identity

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sb3_hpo.task import Task

POLL_S = 0.5
"""Seconds between two looks at what others train."""

_NAP_S = 0.05

Pair: TypeAlias = tuple[Candidate, int]
"""A candidate, and the seed to train it with."""

Key: TypeAlias = tuple[str, int]
"""The candidate's fingerprint, and the seed."""


class Trained(NamedTuple):
    """What a training of the validation came to.

    :param score: mean return of the agent at the end
    :param n_timesteps: environment steps trained
    :param late_mean: mean return over the last quarter of the training; None where nobody looked
    """

    score: float
    n_timesteps: int
    late_mean: float | None = None


class TrainingQueue:
    """The trainings that a validation asks for.

    :param study: the validation study
    :param n_episodes: deterministic episodes that judge one trained agent
    """

    def __init__(self, study: optuna.Study, n_episodes: int) -> None:
        self._study = study
        self._n_episodes = n_episodes
        self._asked_for: set[int] = set()
        # What failed for an earlier command is tried again.
        self._old_failures = {trial.number for trial in self._trials((TrialState.FAIL,))}

    def scores(self) -> dict[Key, float]:
        """The scores that are known."""
        return {_key(trial): float(trial.value or 0.0) for trial in self._trials((TrialState.COMPLETE,))}

    def late_means(self) -> dict[Key, float]:
        """The mean returns over the last quarter of the trainings that are known."""
        trials = self._trials((TrialState.COMPLETE,))
        return {_key(trial): float(trial.user_attrs[LATE_MEAN]) for trial in trials if LATE_MEAN in trial.user_attrs}

    def seconds(self) -> dict[str, float]:
        """Fingerprint -> seconds of the longest training of it."""
        longest: dict[str, float] = {}
        for trial in self._trials((TrialState.COMPLETE,)):
            name, seconds = (
                trial.user_attrs[CANDIDATE],
                0.0 if trial.duration is None else trial.duration.total_seconds(),
            )
            longest[name] = max(seconds, longest.get(name, 0.0))
        return longest

    def failures(self, max_retries: int) -> dict[str, str]:
        """Fingerprint -> why a training of it failed since this queue was made.

        :param max_retries: trainings of a seed that may lose their worker before that is a failure
        """
        reasons: dict[str, str] = {}
        n_lost: dict[Key, int] = {}
        for trial in self._trials((TrialState.FAIL,)):
            reason = trial.user_attrs.get(FAILURE)
            if reason is None or was_interrupted(trial) or trial.number in self._old_failures:
                continue
            key = _key(trial)
            n_lost[key] = n_lost.get(key, 0) + lost_its_worker(trial)
            if not lost_its_worker(trial) or n_lost[key] > max_retries:
                reasons.setdefault(key[0], reason)
        return reasons

    def running_of(self, pairs: Sequence[Pair]) -> list[Pair]:
        """Those of these trainings that somebody has begun and not ended."""
        running = set(map(_key, self._trials((TrialState.RUNNING,))))
        return [(candidate, seed) for candidate, seed in pairs if (candidate.fingerprint, seed) in running]

    def ask_for(self, pairs: Sequence[Pair], n_workers: int) -> None:
        """Put the next trainings into the queue, unless they are there; withdraw what waits and is not needed any more.

        As many as keep the workers busy, those that joined from elsewhere too: twice as many as run, if that is more.

        :param pairs: all that is needed, what is needed first in front
        :param n_workers: workers of this command
        """
        needed = {(candidate.fingerprint, seed): (candidate, seed) for candidate, seed in pairs}
        self.withdraw(but=needed.keys())
        # At one look: what a worker takes between two would be in neither, and asked for again.
        there = self._trials((TrialState.WAITING, TrialState.RUNNING, TrialState.COMPLETE))
        n_running = sum(trial.state == TrialState.RUNNING for trial in there)
        keys = set(map(_key, there))
        for key, (candidate, seed) in list(needed.items())[: max(1, n_workers, 2 * n_running)]:
            if key not in keys:
                self._add(candidate, seed)

    def withdraw(self, but: Collection[Key] = ()) -> None:
        """Take back what this queue asked for and nobody has begun.

        :param but: what stays
        """
        for trial in self._trials((TrialState.WAITING,)):
            if trial.number in self._asked_for and _key(trial) not in but:
                _withdraw(self._study, trial)

    def wait(self, interrupted: Callable[[], bool]) -> None:
        """Wait for others, and see to it that what dead workers had begun is given up."""
        end = time.monotonic() + POLL_S
        while time.monotonic() < end and not interrupted():
            time.sleep(_NAP_S)
        reap(self._study)

    def _add(self, candidate: Candidate, seed: int) -> None:
        attributes = {
            CANDIDATE: candidate.fingerprint,
            SEED: seed,
            N_EPISODES: self._n_episodes,
            HYPERPARAMS: dict(candidate.configuration),
        }
        before = len(self._study.get_trials(deepcopy=False))
        self._study.add_trial(optuna.create_trial(state=TrialState.WAITING, user_attrs=attributes))
        key = (candidate.fingerprint, seed)
        added = self._study.get_trials(deepcopy=False)[before:]
        self._asked_for |= {trial.number for trial in added if CANDIDATE in trial.user_attrs and _key(trial) == key}

    def _trials(self, states: tuple[TrialState, ...]) -> list[FrozenTrial]:
        return [
            trial
            for trial in self._study.get_trials(deepcopy=False, states=states)
            if trial.user_attrs.get(N_EPISODES) == self._n_episodes
        ]


class ValidationWorker:
    """Takes trainings out of the queue and does them.

    :param study: the validation study
    :param interrupted: asked at every step whether to give a training up
    :param train: ``(task, configuration, seed, n_episodes, interrupted)`` -> what it came to
    """

    def __init__(
        self,
        study: optuna.Study,
        task: Task,
        interrupted: Callable[[], bool],
        train: Callable[..., Trained],
    ) -> None:
        self._study = study
        self._task = task
        self._interrupted = interrupted
        self._train = train
        self._number = 0
        self._fatal: Exception | None = None
        self.was_interrupted = False
        """Whether the last training was given up because it was to be."""

    def work(self) -> bool:
        """Do the next training; False if none waits."""
        if not self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            return False
        try:
            self._study.optimize(self._run, n_trials=1, catch=(Exception,))
            if self._fatal is not None:
                raise self._fatal
        except TOLD_OF_AN_ENDED_TRIAL:
            # Withdrawn, or others took this worker for dead: what it found does not count.
            if not self._was_taken_away():
                raise
        return True

    def _run(self, trial: optuna.Trial) -> float:
        self._number = trial.number
        self.was_interrupted = False
        attributes = trial.user_attrs
        if CANDIDATE not in attributes:
            # Another worker took the last one in the same instant.
            trial.set_user_attr(FAILURE, f"{NotAdmittedError.__name__}: nothing was left to train")
            raise NotAdmittedError
        trial.set_user_attr(WORKER, identity())
        try:
            trained = self._trained(attributes)
        except (TrialInterruptedError, KeyboardInterrupt):
            self.was_interrupted = True
            trial.set_user_attr(FAILURE, f"{TrialInterruptedError.__name__}: stopped from outside")
            raise
        except Exception as error:
            if ends_the_command(error):
                # No failure of the candidate: every other training would end like this.
                self._fatal = error
                raise
            trial.set_user_attr(FAILURE, f"seed {attributes[SEED]}: {failure_in_one_line(error)}")
            trial.set_user_attr(TRACEBACK, traceback.format_exc())
            raise
        trial.set_user_attr(N_TIMESTEPS, trained.n_timesteps)
        if trained.late_mean is not None:
            trial.set_user_attr(LATE_MEAN, trained.late_mean)
        return trained.score

    def _trained(self, attributes: Mapping[str, Any]) -> Trained:
        configuration = attributes[HYPERPARAMS]
        return self._train(self._task, configuration, attributes[SEED], attributes[N_EPISODES], self._interrupted)

    def _was_taken_away(self) -> bool:
        trial = self._study.get_trials(deepcopy=False)[self._number]
        return trial.state == TrialState.FAIL


def _withdraw(study: optuna.Study, trial: FrozenTrial) -> None:
    try:
        study._storage.set_trial_user_attr(
            trial._trial_id, FAILURE, f"{TrialInterruptedError.__name__}: not needed any more"
        )
        study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    except UpdateFinishedTrialError:
        return


def _key(trial: FrozenTrial) -> Key:
    return trial.user_attrs[CANDIDATE], trial.user_attrs[SEED]
