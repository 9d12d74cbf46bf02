"""Search: run trials on a study until its budget is used up, or until it is asked to stop."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.objective import FAILURE, RUNS, TRACEBACK, Objective, seconds_of_whole_training, was_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

    from sb3_hpo.interruption import Deadline, StopSignal
    from sb3_hpo.settings import TuningSettings

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
"""States of a trial that count towards the budget."""

MAX_VALIDATION_SHARE = 0.5
"""Largest share of a command's time that is kept back for validation."""


class ConsecutiveFailuresError(RuntimeError):
    """Several trials in a row failed: the cause is unlikely to lie in their configurations."""


@dataclasses.dataclass(frozen=True)
class TrialCounts:
    """How many trials of a study ended how."""

    complete: int
    pruned: int
    failed: int

    @classmethod
    def of(cls, study: optuna.Study) -> TrialCounts:
        """Count the trials of a study. A trial that was interrupted counts as none of these."""
        trials = study.get_trials(deepcopy=False)
        return cls(
            complete=sum(trial.state == TrialState.COMPLETE for trial in trials),
            pruned=sum(trial.state == TrialState.PRUNED for trial in trials),
            failed=sum(trial.state == TrialState.FAIL and not was_interrupted(trial) for trial in trials),
        )


def search(
    study: optuna.Study,
    objective: Objective,
    settings: TuningSettings,
    stop: StopSignal,
    clock: SearchClock,
    on_trial: Callable[[FrozenTrial], None],
) -> None:
    """Run trials until the budget is used up, time is over, or a signal comes.

    A trial that raises FAILS, with the reason in its attributes, and the search goes on.

    :param clock: when to end so that validation has its time
    :param on_trial: called after every trial
    :raises ConsecutiveFailuresError: if as many trials in a row failed as the settings allow
    """
    budget = _Budget(study, settings, stop, clock)
    if budget.is_used_up or nothing_is_left(study):
        return

    def after_trial(study: optuna.Study, trial: FrozenTrial) -> None:
        clock.learn_from(trial)
        budget.count(trial)
        on_trial(trial)
        if budget.is_used_up:
            study.stop()

    study.optimize(objective, callbacks=[after_trial], catch=(Exception,), gc_after_trial=True)
    budget.raise_if_failing()


def nothing_is_left(study: optuna.Study) -> bool:
    """Whether the sampler has tried everything there is."""
    is_exhausted = getattr(study.sampler, "is_exhausted", None)
    return is_exhausted is not None and bool(is_exhausted(study))


class SearchClock:
    """When the search must end so that validation has its time: asked at every step of a training.

    Validation trains the finalists on selection seeds, then the best of them and the default on validation seeds;
    what that takes is estimated by the trainings so far. It gets that much time, but no more than
    :data:`MAX_VALIDATION_SHARE` of it.
    """

    def __init__(self, settings: TuningSettings, deadline: Deadline) -> None:
        self._deadline = deadline
        self._n_trainings = settings.n_validation_trainings
        self._longest_reserve = MAX_VALIDATION_SHARE * (deadline.seconds_left or 0.0)
        self._reserve = self._longest_reserve if self._n_trainings else 0.0

    @property
    def is_over(self) -> bool:
        """Whether the rest of the time belongs to validation."""
        left = self._deadline.seconds_left
        return left is not None and left <= self._reserve

    @property
    def seconds_left(self) -> float | None:
        """Seconds of search left; None without a limit."""
        left = self._deadline.seconds_left
        return None if left is None else max(0.0, left - self._reserve)

    def learn_from(self, trial: FrozenTrial) -> None:
        """Set aside as much time as validation takes if its trainings take as long as those of this trial."""
        runs = trial.user_attrs.get(RUNS, [])
        if trial.state == TrialState.COMPLETE and runs:
            longest = max(seconds_of_whole_training(run) for run in runs)
            self._reserve = min(self._longest_reserve, self._n_trainings * longest)


class _Budget:
    def __init__(self, study: optuna.Study, settings: TuningSettings, stop: StopSignal, clock: SearchClock) -> None:
        self._study = study
        self._settings = settings
        self._stop = stop
        self._clock = clock
        self._n_finished = 0
        self._failures: list[FrozenTrial] = []

    def count(self, trial: FrozenTrial) -> None:
        self._n_finished += trial.state in FINISHED
        if trial.state in FINISHED:
            self._failures.clear()
        elif not was_interrupted(trial):
            self._failures.append(trial)

    @property
    def is_used_up(self) -> bool:
        settings = self._settings
        return (
            self._stop.is_pending
            or self._clock.is_over
            or len(self._failures) >= settings.max_consecutive_failures
            or (settings.n_trials is not None and self._n_finished >= settings.n_trials)
            or (settings.max_total_trials is not None and self._n_in_study() >= settings.max_total_trials)
        )

    def _n_in_study(self) -> int:
        return len(self._study.get_trials(deepcopy=False, states=FINISHED))

    def raise_if_failing(self) -> None:
        if len(self._failures) >= self._settings.max_consecutive_failures:
            last = self._failures[-1]
            raise ConsecutiveFailuresError(
                f"{len(self._failures)} trials in a row failed, the last one, trial {last.number}, with\n"
                f"{last.user_attrs.get(TRACEBACK, last.user_attrs.get(FAILURE, 'an unknown error'))}"
            )
