from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import TrialState, create_trial

from sb3_hpo.candidates import Candidate
from sb3_hpo.training_queue import Trained, TrainingQueue, ValidationWorker
from sb3_hpo.trial_attributes import CANDIDATE, FAILURE, N_EPISODES, N_TIMESTEPS, SEED, WORKER, TrialInterruptedError
from sb3_hpo.worker_identity import identity

if TYPE_CHECKING:
    import optuna

    from tests.tasks import FakeTask

ONE, TWO = (Candidate(number, 1.0, {"gamma": 0.9 + number / 100}, False) for number in (1, 2))


def asked(study: optuna.Study, state: TrialState = TrialState.WAITING) -> list[tuple[str, int]]:
    trials = study.get_trials(states=(state,))
    return [(trial.user_attrs[CANDIDATE], trial.user_attrs[SEED]) for trial in trials]


def trained(study: optuna.Study, task: FakeTask, train: Any) -> ValidationWorker:
    worker = ValidationWorker(study, task, lambda: False, train)
    assert worker.work()
    return worker


def test_as_many_trainings_wait_as_there_are_workers_and_none_twice(study: optuna.Study) -> None:
    queue = TrainingQueue(study, 3)
    pairs = [(candidate, seed) for seed in (1, 2) for candidate in (ONE, TWO)]
    for _ in range(2):
        queue.ask_for(pairs, 3)
        assert asked(study) == [(ONE.fingerprint, 1), (TWO.fingerprint, 1), (ONE.fingerprint, 2)]
    queue.ask_for(pairs[3:], 1)
    assert asked(study) == [(TWO.fingerprint, 2)]
    queue.withdraw()
    assert asked(study) == []
    assert queue.failures(0) == {}


def test_what_is_trained_is_not_asked_for_again(study: optuna.Study) -> None:
    attributes = {CANDIDATE: ONE.fingerprint, SEED: 1, N_EPISODES: 3}
    study.add_trial(create_trial(state=TrialState.COMPLETE, value=1.0, user_attrs=attributes))
    TrainingQueue(study, 3).ask_for([(ONE, 1), (TWO, 1)], 2)
    assert asked(study) == [(TWO.fingerprint, 1)]


def test_workers_that_joined_from_elsewhere_find_something_too(study: optuna.Study) -> None:
    """Three run for a command that has one worker of its own: another three wait."""
    queue = TrainingQueue(study, 3)
    pairs = [(ONE, seed) for seed in range(10)]
    queue.ask_for(pairs[:3], 3)
    for trial in study.get_trials():
        study._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
    queue.ask_for(pairs, 1)
    assert asked(study) == [(ONE.fingerprint, seed) for seed in (3, 4, 5)]


@pytest.mark.parametrize("n_looks", [1, 2, 3])
def test_a_training_that_a_worker_takes_meanwhile_is_not_asked_for_again(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch, n_looks: int
) -> None:
    queue = TrainingQueue(study, 3)
    queue.ask_for([(ONE, 1)], 1)
    looks: list[Any] = []
    trial_id = study.trials[0]._trial_id
    look = study.get_trials

    def taken_between_looks(*args: Any, **kwargs: Any) -> Any:
        looks.append(look(*args, **kwargs))
        if len(looks) == n_looks:
            study._storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        return looks[-1]

    monkeypatch.setattr(study, "get_trials", taken_between_looks)
    queue.ask_for([(ONE, 1)], 1)
    assert len(look()) == 1


def test_seconds_are_those_of_the_longest_training(study: optuna.Study) -> None:
    queue = TrainingQueue(study, 3)
    assert queue.seconds() == {}
    start = datetime.datetime(2026, 1, 1)
    for candidate, seconds in ((ONE, 5.0), (ONE, 9.0), (ONE, 7.0), (TWO, 1.0)):
        attributes = {CANDIDATE: candidate.fingerprint, SEED: 1, N_EPISODES: 3}
        trial = create_trial(state=TrialState.COMPLETE, value=1.0, user_attrs=attributes)
        trial.datetime_start, trial.datetime_complete = start, start + datetime.timedelta(seconds=seconds)
        study.add_trial(trial)
    assert queue.seconds() == {ONE.fingerprint: 9.0, TWO.fingerprint: 1.0}


def test_what_another_command_asked_for_is_not_withdrawn(study: optuna.Study) -> None:
    TrainingQueue(study, 3).ask_for([(ONE, 1)], 1)
    TrainingQueue(study, 3).withdraw()
    assert asked(study) == [(ONE.fingerprint, 1)]


def test_a_training_is_done_once_and_its_score_is_known_to_all(study: optuna.Study, task: FakeTask) -> None:
    queue = TrainingQueue(study, 3)
    queue.ask_for([(ONE, 7)], 1)
    seen: list[tuple[Any, ...]] = []

    def train(task: FakeTask, configuration: Any, seed: int, n_episodes: int, interrupted: Any) -> Trained:
        seen.append((configuration, seed, n_episodes))
        return Trained(12.5, 100)

    trained(study, task, train)
    assert seen == [(ONE.configuration, 7, 3)]
    assert queue.scores() == {(ONE.fingerprint, 7): 12.5}
    assert TrainingQueue(study, 4).scores() == {}  # Judged by another number of episodes.
    assert study.trials[0].user_attrs[N_TIMESTEPS] == 100
    assert study.trials[0].user_attrs[WORKER] == identity()
    assert not ValidationWorker(study, task, lambda: False, train).work()


def test_a_training_that_fails_is_told_with_its_seed_and_tried_by_the_next_command(
    study: optuna.Study, task: FakeTask
) -> None:
    queue = TrainingQueue(study, 3)
    queue.ask_for([(ONE, 7)], 1)

    def train(*args: Any) -> Trained:
        raise OSError("broke")

    trained(study, task, train)
    assert queue.failures(1) == {ONE.fingerprint: "seed 7: OSError: broke"}
    assert TrainingQueue(study, 3).failures(1) == {}


@pytest.mark.parametrize("max_retries", [0, 1, 2])
def test_a_training_that_loses_its_workers_fails_after_its_retries(study: optuna.Study, max_retries: int) -> None:
    queue = TrainingQueue(study, 3)
    for n_lost in range(1, 4):
        queue.ask_for([(ONE, 7)], 1)
        trial = study.ask()
        trial.set_user_attr(FAILURE, "WorkerDiedError: its process is gone")
        study.tell(trial, state=TrialState.FAIL)
        assert bool(queue.failures(max_retries)) == (n_lost > max_retries)


@pytest.mark.parametrize("error", [TrialInterruptedError("stopped"), KeyboardInterrupt()])
def test_an_interrupted_training_is_no_failure(study: optuna.Study, task: FakeTask, error: BaseException) -> None:
    queue = TrainingQueue(study, 3)
    queue.ask_for([(ONE, 7)], 1)

    def train(*args: Any) -> Trained:
        raise error

    worker = ValidationWorker(study, task, lambda: False, train)
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            worker.work()
    else:
        assert worker.work()
    assert worker.was_interrupted
    assert queue.failures(0) == {}
    assert study.trials[0].state == TrialState.FAIL


def test_the_result_of_a_worker_that_was_taken_for_dead_does_not_count(study: optuna.Study, task: FakeTask) -> None:
    queue = TrainingQueue(study, 3)
    queue.ask_for([(ONE, 7)], 1)

    def train(*args: Any) -> Trained:
        study._storage.set_trial_state_values(study.trials[0]._trial_id, TrialState.FAIL)
        return Trained(12.5, 100)

    trained(study, task, train)
    assert queue.scores() == {}
