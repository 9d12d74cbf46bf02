from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from sb3_hpo.heartbeats import HeartbeatStorage
from sb3_hpo.retries import RetryDeadTrial, give_up, hand_back, reap
from sb3_hpo.trial_attributes import (
    CANDIDATE,
    COMMAND,
    FAILURE,
    FINISHED_TRAININGS,
    HYPERPARAMS,
    ORIGIN,
    POINT,
    RUNS,
    TAKEN_OVER_FROM,
    WORKER,
    was_interrupted,
)
from sb3_hpo.worker_identity import identity

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

pytestmark = pytest.mark.filterwarnings("ignore:Heartbeat of storage is supposed")

GONE = {**identity(), "started": -1}

OF_ONE_RUN = {COMMAND: "c", WORKER: GONE, HYPERPARAMS: {}, RUNS: [{"seed": 1}]}


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study(
        storage=HeartbeatStorage(InMemoryStorage()), sampler=optuna.samplers.RandomSampler(seed=0)
    )


def run(study: optuna.Study, **attributes: object) -> optuna.Trial:
    trial = study.ask()
    for key, value in {**OF_ONE_RUN, **attributes}.items():
        trial.set_user_attr(key, value)
    trial.suggest_float("x", 0.0, 1.0)
    trial.report(0.5, 10)
    return trial


def reaped(study: optuna.Study, max_retries: int) -> list[FrozenTrial]:
    study._storage.on_stale_trial = RetryDeadTrial(max_retries)
    reap(study)
    return study.trials


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_a_trial_is_tried_again_as_often_as_allowed_with_the_same_params(study: optuna.Study, max_retries: int) -> None:
    study.enqueue_trial({"x": 0.25}, user_attrs={ORIGIN: "here"})
    for n_deaths in range(1, 6):
        if study.get_trials(states=(TrialState.WAITING,)):
            run(study)
        trials = reaped(study, max_retries)
        assert len(trials) == min(1 + max_retries, n_deaths + 1)
    assert [trial.state for trial in trials] == [TrialState.FAIL] * (1 + max_retries)
    assert [trial.params for trial in trials] == [{"x": 0.25}] * (1 + max_retries)
    assert [trial.user_attrs[ORIGIN] for trial in trials] == ["here"] * (1 + max_retries)
    assert all(trial.user_attrs[FAILURE].startswith("WorkerDiedError") for trial in trials)


def test_the_copy_begins_without_what_the_dead_one_recorded(study: optuna.Study) -> None:
    trial = run(study)
    trial.storage.set_trial_system_attr(trial._trial_id, "a pruner's notes", 1)
    trial.storage.set_trial_system_attr(trial._trial_id, POINT, 3)
    _, again = reaped(study, 1)
    assert again.user_attrs == {}
    assert again.intermediate_values == {}
    assert again.system_attrs == {
        "fixed_params": trial.params,
        POINT: 3,
        "failed_trial": 0,
        "retry_history": [0],
    }
    assert study.ask().suggest_float("x", 0.0, 1.0) == trial.params["x"]


def test_the_copy_is_left_the_whole_trainings(study: optuna.Study) -> None:
    whole, begun = {"seed": 1, "n_evaluations": 2}, {"seed": 2}
    run(study, **{RUNS: [whole, begun], HYPERPARAMS: {"gamma": 0.9}})
    _, again = reaped(study, 1)
    left = {HYPERPARAMS: {"gamma": 0.9}, "trainings": [{**whole, TAKEN_OVER_FROM: 0}]}
    assert again.user_attrs == {FINISHED_TRAININGS: left}


def test_two_that_find_the_same_dead_trial_put_it_into_the_queue_once(study: optuna.Study) -> None:
    run(study)
    dead = reaped(study, 1)[0]
    RetryDeadTrial(1)(study, dead)
    assert len(study.trials) == 2


@pytest.mark.parametrize("attributes", [{CANDIDATE: "f"}])
def test_trainings_of_the_validation_are_asked_for_by_their_command(study: optuna.Study, attributes: dict) -> None:
    run(study, **attributes)
    assert [trial.state for trial in reaped(study, 1)] == [TrialState.FAIL]


def test_what_is_handed_back_comes_first_and_keeps_its_history(study: optuna.Study) -> None:
    study.enqueue_trial({"x": 0.75})
    first = run(study)
    reaped(study, 1)
    again = run(study)
    give_up(study, lambda trial: trial.number == again.number, "a test")
    trials = study.trials
    assert [trial.state for trial in trials] == [TrialState.FAIL, TrialState.FAIL, TrialState.WAITING]
    assert was_interrupted(trials[1])
    assert trials[2].system_attrs["retry_history"] == [first.number]
    assert study.ask().suggest_float("x", 0.0, 1.0) == 0.75


def test_only_running_trials_of_ours_are_given_up(study: optuna.Study) -> None:
    ours, others, finished = (run(study) for _ in range(3))
    study.tell(finished, 1.0)
    give_up(study, lambda trial: trial.number in (ours.number, finished.number), "a test")
    assert [trial.state.name for trial in study.trials] == ["FAIL", "RUNNING", "COMPLETE", "WAITING"]
    assert study.trials[others.number].state == TrialState.RUNNING


def test_a_trial_without_params_is_not_handed_back(study: optuna.Study) -> None:
    trial = study.ask()
    study.tell(trial, state=TrialState.FAIL)
    hand_back(study, study.trials[0])
    assert len(study.trials) == 1
