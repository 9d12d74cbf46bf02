"""The operations of a damaged journal, made to fit together again.

Optuna numbers studies and trials by the order in which the journal creates them. Where a line that created one is
lost, all that follow would be taken for others, so that something has to stand in its place; how many are lost is told
by the numbers that later lines use. Trials that were not finished where lines are lost may miss a parameter or a value:
they fail with :data:`~sb3_hpo.damage.LOST`, and keep their numbers.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from optuna.storages.journal._storage import JournalOperation as Op
from optuna.study import StudyDirection
from optuna.trial import TrialState

from sb3_hpo.damage import FAILURE, LOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sb3_hpo.journal_lines import Line, Log

WORKER = "recovered"
"""Who wrote the lines that stand in the place of lost ones."""

MIN_BYTES = 50
"""No line that creates something is shorter, so that a file of so many bytes cannot create more."""


def mended(lines: Sequence[Line], n_bytes: int) -> list[Log]:
    """Operations that Optuna can replay: those that can be read, in their order, and what stands for lost ones.

    :param n_bytes: size of the journal
    """
    journal = _Journal(n_bytes // MIN_BYTES)
    for is_broken, group in itertools.groupby(lines, lambda line: line.log is None):
        if is_broken:
            journal.lose(list(group))
        else:
            journal.add([line.log for line in group if line.log is not None])
    journal.end()
    return journal.logs


class _Journal:
    """What is put together so far, and what Optuna makes of it.

    :param most: studies or trials that there can be at most
    """

    def __init__(self, most: int) -> None:
        self.logs: list[Log] = []
        self._most = most
        self._studies: dict[int, str] = {}
        self._n_studies = 0
        self._states: list[TrialState] = []
        self._suspects: set[int] = set()
        self._n_lost_studies = 0
        self._n_lost_trials = 0

    def lose(self, lines: Sequence[Line]) -> None:
        """Lines are missing here: of any trial that is not finished."""
        self._n_lost_studies = sum(line.n_studies for line in lines)
        self._n_lost_trials = sum(line.n_trials for line in lines)
        self._suspects |= {number for number, state in enumerate(self._states) if not state.is_finished()}

    def add(self, logs: Sequence[Log]) -> None:
        """Operations that follow one another, after what was lost before them."""
        possible = [log for log in logs if max(log.get("trial_id", 0), log.get("study_id", 0)) < self._most]
        self._replace_lost(possible)
        for log in possible:
            self._add(log)

    def end(self) -> None:
        """Nobody runs a trial of the new file."""
        for number, state in enumerate(self._states):
            if state == TrialState.RUNNING:
                self._fail(number)

    def _replace_lost(self, logs: Sequence[Log]) -> None:
        n_trials = max(self._n_lost_trials, self._n_trials_missing(logs))
        n_studies = max(self._n_lost_studies, self._n_studies_missing(logs))
        for _ in range(n_studies or int(n_trials > 0 and not self._studies)):
            name = f"recovered-{self._n_studies}"
            self._add(_log(Op.CREATE_STUDY, study_name=name, directions=[StudyDirection.MAXIMIZE.value]))
        of = [log["study_id"] for log in logs if log["op_code"] == Op.CREATE_TRIAL and log["study_id"] in self._studies]
        study = of[0] if of else max(self._studies, default=0)
        for _ in range(n_trials):
            self._suspects.add(len(self._states))
            self._add(_log(Op.CREATE_TRIAL, study_id=study, datetime_start=_now()))
        self._n_lost_studies = self._n_lost_trials = 0

    def _n_studies_missing(self, logs: Sequence[Log]) -> int:
        names, n_studies = set(self._studies.values()), self._n_studies
        lost, newest = 0, dict[str, int]()
        for log in logs:
            if log["op_code"] == Op.CREATE_STUDY and log["study_name"] not in names:
                names.add(log["study_name"])
                newest[log["worker_id"]] = n_studies
                n_studies += 1
            elif "study_id" in log:
                # A worker's next operation is one on the study that it has just created.
                created = newest.pop(log["worker_id"], n_studies - 1)
                lost = max(lost, log["study_id"] - created, log["study_id"] + 1 - n_studies)
        return lost

    def _n_trials_missing(self, logs: Sequence[Log]) -> int:
        n_trials = len(self._states)
        lost, newest = 0, dict[str, int]()
        for log in logs:
            if log["op_code"] == Op.CREATE_TRIAL:
                if log.get("state", TrialState.RUNNING) == TrialState.RUNNING:
                    newest[log["worker_id"]] = n_trials
                n_trials += 1
            elif "trial_id" in log:
                created = newest.pop(log["worker_id"], n_trials - 1)
                if log["op_code"] == Op.SET_TRIAL_STATE_VALUES and log["state"] == TrialState.RUNNING:
                    created = n_trials - 1  # One that waited: it says nothing about the one created last.
                lost = max(lost, log["trial_id"] - created, log["trial_id"] + 1 - n_trials)
        return lost

    def _add(self, log: Log) -> None:
        if "trial_id" in log:
            self._update_trial(log)
            return
        self.logs.append(log)
        operation = log["op_code"]
        if operation == Op.CREATE_STUDY and log["study_name"] not in self._studies.values():
            self._studies[self._n_studies] = log["study_name"]
            self._n_studies += 1
        elif operation == Op.DELETE_STUDY:
            self._studies.pop(log["study_id"], None)
        elif operation == Op.CREATE_TRIAL and log["study_id"] in self._studies:
            self._states.append(TrialState(log.get("state", TrialState.RUNNING)))

    def _update_trial(self, log: Log) -> None:
        number = log["trial_id"]
        if number >= len(self._states) or self._states[number].is_finished():
            return
        if log["op_code"] != Op.SET_TRIAL_STATE_VALUES:
            self.logs.append(log)
            return
        state = TrialState(log["state"])
        if state == TrialState.RUNNING and self._states[number] == TrialState.WAITING:
            # It did not run yet where lines were lost, so none of them was about it.
            self._suspects.discard(number)
        if number in self._suspects and state in (TrialState.COMPLETE, TrialState.PRUNED):
            self._fail(number)
            return
        self._states[number] = state
        self.logs.append(log)

    def _fail(self, number: int) -> None:
        self._states[number] = TrialState.FAIL
        self.logs.append(_log(Op.SET_TRIAL_USER_ATTR, trial_id=number, user_attr={FAILURE: LOST}))
        failed = {"state": TrialState.FAIL.value, "values": None, "datetime_complete": _now()}
        self.logs.append(_log(Op.SET_TRIAL_STATE_VALUES, trial_id=number, **failed))


def _log(operation: Op, **fields: Any) -> Log:
    return {"op_code": operation.value, "worker_id": WORKER, **fields}


def _now() -> str:
    return datetime.now(tz=timezone.utc).isoformat(timespec="microseconds")
