"""Search: run trials on a study until its budget is used up, or until it is asked to stop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.budget import Budget
from sb3_hpo.commands import is_stopped
from sb3_hpo.commands import stop as stop_search
from sb3_hpo.consecutive_failures import ConsecutiveFailures
from sb3_hpo.garbage import LongLived, long_lived
from sb3_hpo.promoting import Promoting
from sb3_hpo.retries import hand_back, reap
from sb3_hpo.signed_trials import SignedObjective, run_trial
from sb3_hpo.trial_attributes import was_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna

    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.study_callbacks import StudyCallback

POLL_S = 1.0
"""Seconds between two looks of a worker that waits for the trials of others."""

_NAP_S = 0.05


class Stop(Protocol):
    """Asked at every step of a training: whether the search is to end."""

    @property
    def is_pending(self) -> bool:
        """Whether it is."""


class Clock(Protocol):
    """When the time of the search is over."""

    @property
    def is_over(self) -> bool:
        """Whether it is."""

    @property
    def is_closing(self) -> bool:
        """Whether time is left only for trials that are trained to the end."""

    def learn_from(self, trial: FrozenTrial) -> None:
        """Look at how long a trial took."""


def search(
    study: optuna.Study,
    objective: Callable[[optuna.Trial], float],
    settings: TuningSettings,
    stop: Stop,
    clock: Clock,
    on_trial: Callable[[FrozenTrial], None],
    command: str = "",
    callbacks: Sequence[StudyCallback] = (),
) -> None:
    """Run trials until the budget is used up, time is over, a signal comes or a study callback calls ``study.stop()``.

    A trial that raises FAILS, with the reason in its attributes, and the search goes on. One that was interrupted goes
    back into the queue. Where others work on the study too, it waits for them at the end: their trials may fail.

    :param clock: when to end so that validation has its time
    :param on_trial: called after every trial that this process ran
    :param command: key of the command whose budget is used
    :param callbacks: called by Optuna after every trial that this process ran, in this order
    :raises sb3_hpo.consecutive_failures.ConsecutiveFailuresError: if as many trials in a row failed as the settings
        allow
    :raises sb3_hpo.study_callbacks.CallbackFailedError: if a callback of the user's raises
    """
    searching = _Searching(study, objective, settings, stop, clock, on_trial, command, callbacks)
    study.get_trials(deepcopy=False)  # From now on in memory, like the rest of what stays.
    with long_lived() as objects:
        while searching.run_next_trial(objects):
            pass


class _Searching:
    """A search while it runs. The parameters are those of :func:`search`."""

    def __init__(
        self,
        study: optuna.Study,
        objective: Callable[[optuna.Trial], float],
        settings: TuningSettings,
        stop: Stop,
        clock: Clock,
        on_trial: Callable[[FrozenTrial], None],
        command: str,
        callbacks: Sequence[StudyCallback],
    ) -> None:
        self._study = study
        self._command = command
        self._stop = stop
        self._clock = clock
        self._on_trial = on_trial
        self._callbacks = [self._after_trial, *callbacks]
        self._was_stopped = False
        self._budget = Budget(study, command, settings.n_trials, settings.max_total_trials)
        self._failures = ConsecutiveFailures(settings.max_consecutive_failures)
        self._signed = SignedObjective(objective, self._budget)
        self._promoting = Promoting(study, settings, self._budget)

    def run_next_trial(self, objects: LongLived) -> bool:
        """Run a trial, or wait where there is no room for one; False when the search is over."""
        if self._is_asked_to_end() or is_stopped(self._study.user_attrs, self._command):
            return False
        trials = self._study.get_trials(deepcopy=False)
        if self._budget.is_used_up(trials):
            return False
        is_exhausted = nothing_is_left(self._study)
        if self._budget.has_room(trials):
            is_closing = self._clock.is_closing
            if not self._promoting.prepare(trials, is_closing=is_closing, is_exhausted=is_exhausted):
                return self._wait_for_others()
            run_trial(self._study, self._signed, self._callbacks)
            if self._study._stop_flag and not self._was_stopped:
                # A callback has called study.stop(), which ends Optuna's own loop in this process only.
                stop_search(self._study, self._command)
            self._failures.check()
            objects.trial_finished()
            if self._signed.was_admitted:
                return True
        _wait(self._study, self._is_asked_to_end)
        return True

    def _wait_for_others(self) -> bool:
        """Wait for the trials of others, which may be handed back or go on; False where there are none."""
        if not _exist(self._study, TrialState.RUNNING):
            return False
        _wait(self._study, self._is_asked_to_end)
        return True

    def _is_asked_to_end(self) -> bool:
        return self._stop.is_pending or self._clock.is_over

    def _after_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._was_stopped = study._stop_flag  # By the sampler, which has nothing left.
        if was_interrupted(trial) and not self._signed.was_in_vain:
            hand_back(study, trial)
        if not self._signed.was_admitted:
            return
        self._clock.learn_from(trial)
        self._failures.count(trial)
        self._on_trial(trial)


def nothing_is_left(study: optuna.Study) -> bool:
    """Whether the sampler has tried everything there is."""
    is_exhausted = getattr(study.sampler, "is_exhausted", None)
    return is_exhausted is not None and bool(is_exhausted(study))


def _exist(study: optuna.Study, state: TrialState) -> bool:
    return bool(study.get_trials(deepcopy=False, states=(state,)))


def _wait(study: optuna.Study, is_asked_to_end: Callable[[], bool]) -> None:
    """Wait for what others do; not all for the same time, lest they ask for the same place at the same instant."""
    end = time.monotonic() + POLL_S * np.random.default_rng().uniform(0.5, 1.5)
    while time.monotonic() < end and not is_asked_to_end():
        time.sleep(_NAP_S)
    reap(study)
