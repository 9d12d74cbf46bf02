"""What a worker that joins a study notes of the trials that its processes run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import TrialState

from sb3_hpo import worker_command
from sb3_hpo.commands import Command, Phase
from sb3_hpo.display import Display
from sb3_hpo.settings import TuningSettings
from sb3_hpo.trial_attributes import FAILURE, WORKER
from sb3_hpo.validation_trainings import open_validation_study

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna
    from optuna.trial import FrozenTrial


MINE, ANOTHER = {"pid": 1}, {"pid": 2}

LOST = "WorkerDiedError: its process is gone"


class WatchedCrew:
    """Stands for processes that end what they run when they are looked after, and then leave."""

    is_searching = False

    def __init__(self, run: Callable[[], None]) -> None:
        self.run = run
        self.n_looks = 0
        self.n_finished = 0

    @property
    def is_at_work(self) -> bool:
        return self.n_looks < 2

    def tend(self) -> None:
        self.n_looks += 1
        if self.n_looks == 1:
            self.run()

    def enter(self, phase: Phase) -> None:
        pass

    def runs(self, trial: FrozenTrial) -> bool:
        return trial.user_attrs.get(WORKER) == MINE

    def trial_finished(self) -> None:
        self.n_finished += 1


class NoStop:
    is_pending = False


def end(study: optuna.Study, worker: dict[str, int], state: TrialState, failure: str | None = None) -> None:
    """Have a worker run a trial that ends in this state."""
    trial = study.ask()
    trial.set_user_attr(WORKER, worker)
    if failure is not None:
        trial.set_user_attr(FAILURE, failure)
    study.tell(trial, 1.0 if state == TrialState.COMPLETE else None, state=state)


def tended(study: optuna.Study, run: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> WatchedCrew:
    monkeypatch.setattr(worker_command, "POLL_S", 0.0)
    crew = WatchedCrew(run)
    stand_in: Any = crew
    stop: Any = NoStop()
    deadline = time.monotonic() + 60
    command = Command.begin(study, TuningSettings(n_trials=9))
    worker_command._tend(study, command, stand_in, stop, lambda: time.monotonic() > deadline, Display())
    return crew


ENDS = [
    (MINE, TrialState.COMPLETE, None, 1),
    (ANOTHER, TrialState.COMPLETE, None, 0),
    (MINE, TrialState.FAIL, "OSError: broke", 0),
    # Otherwise a study in which every training kills its process would never end.
    (MINE, TrialState.FAIL, LOST, 0),
]


@pytest.mark.parametrize(("worker", "state", "failure", "n_finished"), [*ENDS, (MINE, TrialState.PRUNED, None, 1)])
def test_trials_of_the_search_that_finish_forgive_the_deaths_before_them(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch, worker: Any, state: Any, failure: Any, n_finished: int
) -> None:
    crew = tended(study, lambda: end(study, worker, state, failure), monkeypatch)
    assert crew.n_finished == n_finished


@pytest.mark.parametrize(("worker", "state", "failure", "n_finished"), ENDS)
def test_trainings_of_the_validation_that_finish_do_so_too(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch, worker: Any, state: Any, failure: Any, n_finished: int
) -> None:
    validation = open_validation_study(study._storage, study.study_name)
    crew = tended(study, lambda: end(validation, worker, state, failure), monkeypatch)
    assert crew.n_finished == n_finished


def test_what_the_storage_had_before_is_no_news(study: optuna.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        end(open_validation_study(study._storage, study.study_name), ANOTHER, TrialState.COMPLETE)
    assert tended(study, lambda: None, monkeypatch).n_finished == 0
