"""Trainings of a validation that others do: what those who look after the workers are told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import TrialState

from sb3_hpo.candidates import Candidate
from sb3_hpo.crew import MAX_DEATHS, WorkersDieError
from sb3_hpo.trial_attributes import FAILURE
from sb3_hpo.validation_trainings import Trainings, open_validation_study

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

ONE, TWO = (Candidate(number, 1.0, {"gamma": 0.9 + number / 100}, False) for number in (1, 2))

DIES, TRAINS = "d", "t"


class Mortals:
    """Stands for one worker that at each look dies with its training, or has finished it, as the letters say."""

    n_workers = 1

    def __init__(self, study: optuna.Study, ends: str) -> None:
        self.study = study
        self.ends = iter(ends)
        self.n_deaths = 0

    def tend(self) -> None:
        end = next(self.ends)
        trial = self.study.ask()
        if end == TRAINS:
            self.study.tell(trial, 1.0)
            return
        trial.set_user_attr(FAILURE, "WorkerDiedError: its process is gone")
        self.study.tell(trial, state=TrialState.FAIL)
        self.n_deaths += 1
        if self.n_deaths > MAX_DEATHS:
            raise WorkersDieError("they die")

    def trial_finished(self) -> None:
        self.n_deaths = 0


@pytest.fixture(autouse=True)
def _look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sb3_hpo.training_queue.POLL_S", 0.0)


def trainings(study: optuna.Study, workforce: Any) -> Trainings:
    def nobody_trains_here(*args: Any) -> Any:
        raise AssertionError("the workforce does")

    task: Any = None
    return Trainings(
        study,
        task,
        5,
        lambda: False,
        lambda candidate, score: None,
        nobody_trains_here,
        lambda candidate, reason: None,
        workforce,
        max_retries=2 * MAX_DEATHS,
    )


def test_a_training_that_is_finished_forgives_the_deaths_before_it(storage: BaseStorage) -> None:
    study = open_validation_study(storage, "s")
    workers = Mortals(study, (DIES * MAX_DEATHS + TRAINS) * 4)
    assert trainings(study, workers).complete([(candidate, seed) for candidate in (ONE, TWO) for seed in (1, 2)])
    assert next(workers.ends, None) is None
    assert workers.n_deaths == 0


def test_deaths_without_a_finished_training_between_end_it(storage: BaseStorage) -> None:
    study = open_validation_study(storage, "s")
    workers = Mortals(study, TRAINS + DIES * 9)
    with pytest.raises(WorkersDieError):
        trainings(study, workers).complete([(ONE, 1), (ONE, 2)])
    assert len(list(workers.ends)) == 9 - (MAX_DEATHS + 1)


def test_what_was_trained_before_forgives_nothing(storage: BaseStorage) -> None:
    study = open_validation_study(storage, "s")
    assert trainings(study, Mortals(study, TRAINS)).complete([(ONE, 1)])
    workers = Mortals(study, DIES * 9)
    with pytest.raises(WorkersDieError):
        trainings(study, workers).complete([(ONE, 1), (ONE, 2)])
