"""The trials of a command that have ended since the last look, whoever ran them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.ended_trials import EndedTrials
from sb3_hpo.trial_attributes import COMMAND, FAILURE, NotAdmittedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna
    from optuna.trial import FrozenTrial


class TrialWatch:
    """Tells of each trial of a command once, when it has ended.

    :param study: the study
    :param is_ours: which of its trials are looked at
    """

    def __init__(self, study: optuna.Study, is_ours: Callable[[FrozenTrial], bool]) -> None:
        self._study = study
        self._is_ours = is_ours
        self._told: set[int] = set()
        self._ended = EndedTrials()

    @classmethod
    def of_command(cls, study: optuna.Study, key: str) -> TrialWatch:
        """A watch over the trials that count towards a command's budget."""
        return cls(study, lambda trial: trial.user_attrs.get(COMMAND) == key)

    def news(self, trials: Sequence[FrozenTrial] | None = None) -> list[FrozenTrial]:
        """The trials that have ended since the last call, in the order in which they did.

        :param trials: all trials of the study; None to ask for them now
        """
        new, rest = self._ended.new_and_rest(self._study.get_trials(deepcopy=False) if trials is None else trials)
        ended = [
            trial
            for trial in (*new, *rest)
            if trial.state.is_finished() and trial.number not in self._told and self._is_ours(trial)
        ]
        self._told.update(trial.number for trial in ended)
        ended = [trial for trial in ended if not _was_begun_in_vain(trial)]
        return sorted(ended, key=lambda trial: (trial.datetime_complete is None, trial.datetime_complete, trial.number))


def _was_begun_in_vain(trial: FrozenTrial) -> bool:
    return str(trial.user_attrs.get(FAILURE, "")).startswith(NotAdmittedError.__name__)
