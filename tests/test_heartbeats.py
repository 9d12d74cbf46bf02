from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from sb3_hpo import heartbeats, worker_identity
from sb3_hpo.heartbeats import CONFIRMATION_S, GRACE_PERIOD_S, HEARTBEAT, HEARTBEAT_INTERVAL_S, HeartbeatStorage
from sb3_hpo.retries import RetryDeadTrial, reap
from sb3_hpo.storage import open_storage
from sb3_hpo.trial_attributes import FAILURE, WORKER, lost_its_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

pytestmark = pytest.mark.filterwarnings("ignore:Heartbeat of storage is supposed")

ELSEWHERE = {"host": "elsewhere", "boot": "b", "namespace": "n", "pid": 1, "started": 1}


class Clock:
    def __init__(self) -> None:
        self.now = 5.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(heartbeats, "time", clock)
    return clock


@pytest.fixture
def study() -> optuna.Study:
    """A study in a storage without heartbeats of its own."""
    storage = HeartbeatStorage(InMemoryStorage())
    storage.on_stale_trial = RetryDeadTrial(1)
    return optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(seed=0))


def begun(study: optuna.Study, worker: dict[str, Any] | None = None) -> optuna.Trial:
    trial = study.ask()
    trial.set_user_attr(WORKER, ELSEWHERE if worker is None else worker)
    trial.suggest_float("x", 0.0, 1.0)
    return trial


def states(study: optuna.Study) -> list[TrialState]:
    return [trial.state for trial in study.trials]


def test_a_worker_elsewhere_that_gives_no_sign_for_the_grace_period_is_dead(study: optuna.Study, clock: Clock) -> None:
    trial = begun(study)
    reap(study)
    clock.now += GRACE_PERIOD_S
    reap(study)
    assert states(study) == [TrialState.RUNNING]
    clock.now += 1
    reap(study)
    assert states(study) == [TrialState.FAIL, TrialState.WAITING]
    dead, again = study.trials
    assert dead.user_attrs[FAILURE] == f"WorkerDiedError: no sign of it for {GRACE_PERIOD_S} s"
    assert lost_its_worker(dead)
    assert again.system_attrs["fixed_params"] == trial.params
    assert WORKER not in again.user_attrs


def test_a_worker_that_gives_signs_lives(study: optuna.Study, clock: Clock) -> None:
    storage: Any = study._storage
    trial = begun(study)
    for _ in range(3 * GRACE_PERIOD_S // HEARTBEAT_INTERVAL_S):
        storage.record_heartbeat(trial._trial_id)
        reap(study)
        clock.now += HEARTBEAT_INTERVAL_S
    assert states(study) == [TrialState.RUNNING]
    assert study.trials[0].system_attrs[HEARTBEAT] == 3 * GRACE_PERIOD_S // HEARTBEAT_INTERVAL_S


def test_who_looks_for_the_first_time_waits_for_the_whole_grace_period(study: optuna.Study, clock: Clock) -> None:
    begun(study)
    reap(study)
    clock.now += GRACE_PERIOD_S + 1
    newcomer = optuna.load_study(study_name=study.study_name, storage=HeartbeatStorage(study._storage._inner))
    reap(newcomer)
    assert states(study) == [TrialState.RUNNING]


def test_a_process_that_is_gone_from_this_machine_is_dead_at_once(study: optuna.Study, clock: Clock) -> None:
    begun(study, {**worker_identity.identity(), "started": -1})
    begun(study, worker_identity.identity())
    reap(study)
    assert states(study) == [TrialState.FAIL, TrialState.RUNNING, TrialState.WAITING]
    assert study.trials[0].user_attrs[FAILURE] == "WorkerDiedError: its process is gone"


def test_a_trial_that_nobody_signed_is_dead_after_the_grace_period(study: optuna.Study, clock: Clock) -> None:
    study.ask()
    reap(study)
    clock.now += GRACE_PERIOD_S + 1
    reap(study)
    assert states(study) == [TrialState.FAIL]  # It had nothing to try again.


def test_a_heartbeat_of_a_trial_that_has_ended_does_nothing(study: optuna.Study) -> None:
    trial = begun(study)
    study.tell(trial, 1.0)
    study._storage.record_heartbeat(trial._trial_id)
    assert states(study) == [TrialState.COMPLETE]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[optuna.Study]:
    """A study in a storage with heartbeats of its own, a trial of which runs elsewhere."""
    storage = open_storage(f"sqlite:///{tmp_path / 's.db'}")
    storage.on_stale_trial = RetryDeadTrial(1)
    study = optuna.create_study(storage=storage)
    storage.record_heartbeat(begun(study)._trial_id)
    yield study
    storage.remove_session()


def jump(study: optuna.Study, hours: int) -> None:
    """Make all heartbeats so much older, as if the clock of the database had jumped, or all machines had slept."""
    storage: Any = study._storage
    with storage.engine.begin() as connection:
        change = f"UPDATE trial_heartbeats SET heartbeat = datetime(heartbeat, '-{hours} hour')"
        assert connection.exec_driver_sql(change).rowcount == 1


def test_an_old_heartbeat_in_a_database_is_looked_at_again(database: optuna.Study, clock: Clock) -> None:
    jump(database, 1)
    reap(database)
    clock.now += CONFIRMATION_S - 1
    reap(database)
    assert states(database) == [TrialState.RUNNING]
    clock.now += 1
    reap(database)
    assert states(database) == [TrialState.FAIL, TrialState.WAITING]


def test_a_clock_of_the_database_that_jumps_kills_nobody(database: optuna.Study, clock: Clock) -> None:
    for _ in range(3):
        jump(database, 1)
        reap(database)
        clock.now += HEARTBEAT_INTERVAL_S
        database._storage.record_heartbeat(database.trials[0]._trial_id)
        reap(database)
        clock.now += CONFIRMATION_S
    assert states(database) == [TrialState.RUNNING]


@pytest.mark.parametrize("module", [heartbeats])
def test_a_wall_clock_that_jumps_kills_nobody(
    study: optuna.Study, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(study)
    reap(study)
    now = module.time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + 86_400.0)
    reap(study)
    assert states(study) == [TrialState.RUNNING]
