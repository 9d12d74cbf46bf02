"""How many trials of a study ended how."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from sb3_hpo.trial_attributes import was_interrupted

if TYPE_CHECKING:
    import optuna


@dataclasses.dataclass(frozen=True)
class TrialCounts:
    """How many trials of a study ended how."""

    complete: int
    pruned: int
    failed: int

    @classmethod
    def of(cls, study: optuna.Study) -> TrialCounts:
        """Count the trials of a study.

        A trial that was interrupted, or that lost its worker and was tried again, counts as none of these.
        """
        trials = study.get_trials(deepcopy=False)
        tried_again = {number for trial in trials for number in trial.system_attrs.get("retry_history", [])}
        return cls(
            complete=sum(trial.state == TrialState.COMPLETE for trial in trials),
            pruned=sum(trial.state == TrialState.PRUNED for trial in trials),
            failed=sum(
                trial.state == TrialState.FAIL and not was_interrupted(trial) and trial.number not in tried_again
                for trial in trials
            ),
        )
