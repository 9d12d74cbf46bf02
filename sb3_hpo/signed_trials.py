"""One trial of a search: signed by who runs it, begun only within the budget, handed back where it was interrupted."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.errors import one_line
from sb3_hpo.promotion import CONTINUES, is_in_vain
from sb3_hpo.retries import give_up, hand_back
from sb3_hpo.storage_failures import ends_the_command
from sb3_hpo.trial_attributes import (
    COMMAND,
    FAILURE,
    TOLD_OF_AN_ENDED_TRIAL,
    WORKER,
    NotAdmittedError,
    TrialInterruptedError,
    lost_its_worker,
    was_interrupted,
)
from sb3_hpo.worker_identity import identity

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

    from sb3_hpo.budget import Budget
    from sb3_hpo.study_callbacks import StudyCallback


class SignedObjective:
    """An objective whose trials say who runs them for which command, and begin only within its budget."""

    def __init__(self, objective: Callable[[optuna.Trial], float], budget: Budget) -> None:
        self._objective = objective
        self._budget = budget
        self.number: int | None = None
        self.was_admitted = True
        self.was_in_vain = False
        """Whether the last one goes on with what another trial goes on with: it is not handed back."""
        self.fatal: Exception | None = None
        """What ends the search, because the next trial would fail for the same reason."""

    def __call__(self, trial: optuna.Trial) -> float:
        """Run the objective, if the budget has room for the trial.

        :raises NotAdmittedError: if it does not, or another trial does the same
        """
        try:
            return self._begin(trial)
        except KeyboardInterrupt:
            trial.set_user_attr(FAILURE, f"{TrialInterruptedError.__name__}: stopped at once by a signal")
            raise
        except Exception as error:
            if ends_the_command(error):
                self.fatal = error
                with contextlib.suppress(Exception):
                    trial.set_user_attr(FAILURE, f"{TrialInterruptedError.__name__}: {one_line(error)}")
            raise

    def _begin(self, trial: optuna.Trial) -> float:
        self.number = trial.number
        self.was_admitted, self.was_in_vain = True, False
        trial.set_user_attr(COMMAND, self._budget.command)
        trial.set_user_attr(WORKER, identity())
        reason = self._reason_to_refuse(trial)
        if reason is not None:
            self.was_admitted = False
            trial.set_user_attr(FAILURE, f"{NotAdmittedError.__name__}: {reason}")
            raise NotAdmittedError(reason)
        return self._objective(trial)

    def _reason_to_refuse(self, trial: optuna.Trial) -> str | None:
        if not self._budget.admits(trial.number):
            return "others use the budget up"
        if CONTINUES in trial.user_attrs:
            trials = trial.study.get_trials(deepcopy=False)
            self.was_in_vain = is_in_vain(trials, trials[trial.number])
        return "another trial goes on with the same one" if self.was_in_vain else None


def run_trial(study: optuna.Study, signed: SignedObjective, callbacks: list[StudyCallback]) -> None:
    """Run one trial of a study; its own failure is kept in it, and what would end every other one is raised."""
    signed.number = None
    try:
        study.optimize(signed, n_trials=1, callbacks=callbacks, catch=(Exception,), gc_after_trial=True)
        if signed.fatal is not None:
            raise signed.fatal
    except TOLD_OF_AN_ENDED_TRIAL:
        # Others took this worker for dead, and have given its trial to somebody else: what it found does not count.
        if not _was_taken_for_dead(study, signed.number):
            raise
    except KeyboardInterrupt:
        _hand_back_at_once(study, signed.number)
        raise


def _was_taken_for_dead(study: optuna.Study, number: int | None) -> bool:
    return number is not None and lost_its_worker(_trial(study, number))


def _hand_back_at_once(study: optuna.Study, number: int | None) -> None:
    if number is None:
        return
    trial = _trial(study, number)
    if trial.state == TrialState.RUNNING:
        give_up(study, lambda running: running.number == number, "stopped at once by a signal")
    elif was_interrupted(trial):
        hand_back(study, trial)


def _trial(study: optuna.Study, number: int) -> FrozenTrial:
    return study.get_trials(deepcopy=False)[number]
