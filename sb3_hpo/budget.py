"""The budget of a command and of a study, exact with any number of workers on any storage.

A trial may begin if fewer trials are finished, or alive and older than it, than the budget has. Trials get their
numbers in the order in which they come to be, and one that waits in the queue counts as alive, so of all trials that
finish the youngest one saw all others: they are never more than the budget. Workers look
before they ask for a trial, so that few are begun in vain; two that ask at the same instant find out which one comes
first by the numbers of their trials.

Each look is at all trials as they are at that moment. Those that have ended stay as they are, and are counted once.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.ended_trials import EndedTrials
from sb3_hpo.trial_attributes import COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
"""States of a trial that count towards the budget."""


@dataclasses.dataclass(frozen=True)
class Budget:
    """How many trials may finish.

    :param study: the study they are of
    :param command: key of the command, by which its trials are told from those of other commands
    :param n_trials: trials of the command, None for no bound
    :param max_total_trials: trials of the whole study, None for no bound
    """

    study: optuna.Study
    command: str
    n_trials: int | None
    max_total_trials: int | None
    _oldest: _Oldest = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_oldest", _Oldest(self.command))

    def is_used_up(self, trials: Sequence[FrozenTrial] | None = None) -> bool:
        """Whether as many trials are finished as may be.

        :param trials: all trials of the study; None to ask for them now
        """
        return self._any_bound_reached(lambda trial: trial.state in FINISHED, trials)

    def has_room(self, trials: Sequence[FrozenTrial] | None = None) -> bool:
        """Whether a trial more may begin, if those that run all finish.

        :param trials: all trials of the study; None to ask for them now
        """
        return not self._any_bound_reached(
            lambda trial: trial.state in FINISHED or trial.state == TrialState.RUNNING, trials
        )

    def n_left(self, trials: Sequence[FrozenTrial]) -> float:
        """Trials more that may begin, if those that run all finish; infinite without a bound.

        :param trials: all trials of the study
        """
        alive = [trial for trial in trials if trial.state in (*FINISHED, TrialState.RUNNING)]
        left = [math.inf]
        if self.max_total_trials is not None:
            left.append(self.max_total_trials - len(alive))
        if self.n_trials is not None:
            left.append(self.n_trials - sum(self._may_be_ours(trial) for trial in alive))
        return min(left)

    def admits(self, number: int) -> bool:
        """Whether a trial that was begun may go on: by the study as it is now, when the trial has its number.

        :param number: the trial's number in the study
        """
        return not self._any_bound_reached(
            lambda trial: (
                trial.state in FINISHED
                or (trial.number < number and trial.state in (TrialState.RUNNING, TrialState.WAITING))
            )
        )

    def _any_bound_reached(
        self, counts: Callable[[FrozenTrial], bool], trials: Sequence[FrozenTrial] | None = None
    ) -> bool:
        if self.n_trials is None and self.max_total_trials is None:
            return False
        rest = self._oldest.count(self.study.get_trials(deepcopy=False) if trials is None else trials)
        counted = [trial for trial in rest if counts(trial)]
        if self.max_total_trials is not None and self._oldest.n_finished + len(counted) >= self.max_total_trials:
            return True
        # One that nobody has signed yet may be another worker's of this command.
        ours = self._oldest.n_ours + sum(self._may_be_ours(trial) for trial in counted)
        return self.n_trials is not None and ours >= self.n_trials

    def _may_be_ours(self, trial: FrozenTrial) -> bool:
        command = trial.user_attrs.get(COMMAND)
        return command == self.command or (command is None and trial.state not in FINISHED)


class _Oldest:
    """How many finished of the oldest trials, which have all ended: in all, and of one command."""

    def __init__(self, command: str) -> None:
        self.n_finished = 0
        self.n_ours = 0
        self._command = command
        self._ended = EndedTrials()

    def count(self, trials: Sequence[FrozenTrial]) -> Sequence[FrozenTrial]:
        """Add those that have come to be among them; the other trials are returned."""
        new, rest = self._ended.new_and_rest(trials)
        finished = [trial for trial in new if trial.state in FINISHED]
        self.n_finished += len(finished)
        self.n_ours += sum(trial.user_attrs.get(COMMAND) == self._command for trial in finished)
        return rest
