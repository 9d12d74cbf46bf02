from __future__ import annotations

import logging
import sqlite3
from typing import Any

import optuna
import pytest
import sqlalchemy
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from sb3_hpo import reconnecting
from sb3_hpo.reconnecting import LONGEST_PAUSE_S, RECONNECT_S, ReconnectingStorage, is_lost_connection


def lost(cause: Exception | None = None) -> StorageInternalError:
    error = StorageInternalError("a call failed")
    error.__cause__ = cause or sqlalchemy.exc.OperationalError("SELECT 1", {}, ConnectionError("gone"))
    return error


class Clock:
    """Passes while it is slept."""

    def __init__(self) -> None:
        self.now = 0.0
        self.naps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(reconnecting, "time", clock)
    return clock


class Flaky(InMemoryStorage):
    """Fails as often as it is told, before or after a call has come through."""

    n_failures = 0
    comes_through = False
    error: Exception | None = None

    def _flaky(self, method: Any, *args: Any) -> Any:
        if self.n_failures > 0:
            self.n_failures -= 1
            if self.comes_through:
                method(*args)
            raise self.error or lost()
        return method(*args)

    def get_all_studies(self) -> Any:
        return self._flaky(super().get_all_studies)

    def set_trial_state_values(self, *args: Any) -> Any:
        return self._flaky(super().set_trial_state_values, *args)


def test_a_call_is_tried_again_until_the_storage_answers(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    inner = Flaky()
    inner.n_failures = 8
    with caplog.at_level(logging.WARNING):
        assert ReconnectingStorage(inner).get_all_studies() == []
    assert clock.naps == [0.1, 0.2, 0.4, 0.8, 1.6, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    assert [record.message for record in caplog.records] == [
        "the storage does not answer: trying again for 120 s",
        "the storage answers again",
    ]


def test_a_storage_that_stays_away_ends_it_and_each_later_call_is_tried_once(clock: Clock) -> None:
    inner = Flaky()
    inner.n_failures = 10_000
    storage = ReconnectingStorage(inner)
    with pytest.raises(StorageInternalError):
        storage.get_all_studies()
    assert RECONNECT_S <= clock.now <= RECONNECT_S + LONGEST_PAUSE_S
    n_naps, n_left = len(clock.naps), inner.n_failures
    with pytest.raises(StorageInternalError):
        storage.get_all_studies()
    assert (len(clock.naps), inner.n_failures) == (n_naps, n_left - 1)
    inner.n_failures = 0
    assert storage.get_all_studies() == []
    inner.n_failures = 1
    assert storage.get_all_studies() == []


def test_a_mistake_is_told_at_once(clock: Clock) -> None:
    inner = Flaky()
    inner.n_failures, inner.error = 1, ValueError("a mistake")
    with pytest.raises(ValueError, match="a mistake"):
        ReconnectingStorage(inner).get_all_studies()
    assert clock.naps == []


@pytest.mark.parametrize("comes_through", [False, True])
def test_a_result_is_kept_once_whether_or_not_its_answer_was_lost(clock: Clock, comes_through: bool) -> None:
    inner = Flaky()
    study = optuna.create_study(storage=ReconnectingStorage(inner))
    trial = study.ask()
    inner.n_failures, inner.comes_through = 1, comes_through
    study.tell(trial, 3.0)
    assert [(t.state, t.value) for t in study.trials] == [(TrialState.COMPLETE, 3.0)]


def test_a_trial_that_others_ended_meanwhile_stays_as_they_left_it(clock: Clock) -> None:
    inner = Flaky()
    storage = ReconnectingStorage(inner)
    study = optuna.create_study(storage=storage)
    trial = study.ask()
    inner.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    inner.n_failures = 1
    with pytest.raises(UpdateFinishedTrialError):
        storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [1.0])


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (lost(), True),
        (sqlalchemy.exc.OperationalError("", {}, sqlite3.OperationalError("database is locked")), True),
        (sqlalchemy.exc.OperationalError("", {}, sqlite3.OperationalError("no such table: studies")), False),
        (sqlalchemy.exc.IntegrityError("", {}, Exception("duplicate key")), False),
        (sqlalchemy.exc.IntegrityError("", {}, Exception("closed"), connection_invalidated=True), True),
        (StorageInternalError("without a cause"), False),
        (lost(ValueError("a bug")), False),
        (ConnectionError("of something else"), False),
    ],
)
def test_what_counts_as_a_lost_connection(error: Exception, is_one: bool) -> None:
    assert is_lost_connection(error) == is_one


def test_redis_and_grpc_that_are_away_count_too() -> None:
    redis = pytest.importorskip("redis")
    grpc = pytest.importorskip("grpc")
    assert is_lost_connection(redis.exceptions.ConnectionError())
    assert is_lost_connection(redis.exceptions.BusyLoadingError())
    assert not is_lost_connection(redis.exceptions.ResponseError())

    class Unavailable(grpc.RpcError):
        def code(self) -> Any:
            return grpc.StatusCode.UNAVAILABLE

    Unavailable.__module__ = "grpc._channel"
    assert is_lost_connection(Unavailable())
