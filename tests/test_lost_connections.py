"""A connection that is lost before each statement of each call, on real databases: the call comes through."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

import optuna
import pytest
import sqlalchemy
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from sb3_hpo import reconnecting
from sb3_hpo.storage import open_storage
from tests import storages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.engine import Connection, Engine

    from sb3_hpo.heartbeats import HeartbeatStorage

    Call = Callable[[HeartbeatStorage, optuna.Study, int], object]

AT_MOST = 100
"""More statements than any call makes."""


def read(storage: HeartbeatStorage, study: optuna.Study, trial_id: int) -> None:
    storage.get_all_trials(study._study_id)


def tell(storage: HeartbeatStorage, study: optuna.Study, trial_id: int) -> None:
    storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0])


def report(storage: HeartbeatStorage, study: optuna.Study, trial_id: int) -> None:
    storage.set_trial_intermediate_value(trial_id, 1, 0.5)


def suggest(storage: HeartbeatStorage, study: optuna.Study, trial_id: int) -> None:
    storage.get_all_trials(study._study_id)
    storage.set_trial_param(trial_id, "x", 0.5, FloatDistribution(0.0, 1.0))


def describe(storage: HeartbeatStorage, study: optuna.Study, trial_id: int) -> None:
    storage.set_trial_user_attr(trial_id, "note", "here")
    storage.set_trial_system_attr(trial_id, "note", "here")


def beat(storage: HeartbeatStorage, study: optuna.Study, trial_id: int) -> None:
    storage.record_heartbeat(trial_id)
    storage._get_stale_trial_ids(study._study_id)


def begin(storage: HeartbeatStorage, study: optuna.Study, trial_id: int) -> None:
    storage.create_new_trial(study._study_id)


@contextlib.contextmanager
def cut_before(engine: Engine, statement: int) -> Iterator[list[str]]:
    """Shut the connection down before the statement of that number; yields the statements that were sent."""
    sent: list[str] = []

    def cut(connection: Connection, cursor: Any, text: str, *_: Any) -> None:
        if len(sent) == statement:
            with socket.socket(fileno=os.dup(_descriptor(connection))) as copy:
                copy.shutdown(socket.SHUT_RDWR)
        sent.append(text)

    sqlalchemy.event.listen(engine, "before_cursor_execute", cut)
    try:
        yield sent
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", cut)


def _descriptor(connection: Connection) -> int:
    driver: Any = connection.connection.driver_connection
    return int(driver.fileno() if hasattr(driver, "fileno") else driver._sock.fileno())


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
@pytest.mark.parametrize("call", [read, tell, report, suggest, describe, beat, begin], ids=lambda call: call.__name__)
def test_a_call_comes_through_whichever_of_its_statements_loses_the_connection(
    kind: str, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnecting, "FIRST_PAUSE_S", 0.001)
    with storages.fresh(kind, tmp_path) as location, opened(location) as plain:
        undisturbed = outcome(plain, location, call, AT_MOST)
        assert 0 < undisturbed.n_statements < AT_MOST
        for statement in range(undisturbed.n_statements):
            disturbed = outcome(plain, location, call, statement)
            assert disturbed.n_statements > statement
            assert disturbed.trials == undisturbed.trials


@contextlib.contextmanager
def opened(location: str) -> Iterator[HeartbeatStorage]:
    storage = open_storage(location, create=True)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


class Outcome(NamedTuple):
    """What a call left behind, and how many statements it took."""

    n_statements: int
    trials: list[Any]


def outcome(plain: HeartbeatStorage, location: str, call: Call, statement: int) -> Outcome:
    """Call it on a new study of two trials, one of them finished, with the connection lost before a statement."""
    study = optuna.create_study(storage=plain, study_name=f"s{statement}")
    study.add_trial(
        create_trial(
            value=0.0,
            params={"x": 0.1},
            distributions={"x": FloatDistribution(0.0, 1.0)},
            intermediate_values={1: 0.0},
            user_attrs={"a": 1},
            system_attrs={"b": 2},
        )
    )
    trial_id = plain.create_new_trial(study._study_id)
    with opened(location) as storage:
        other = optuna.load_study(storage=storage, study_name=study.study_name)
        with cut_before(storage.engine, statement) as sent:
            call(storage, other, trial_id)
    left = [
        (t.number, t.state, t.value, t.params, t.intermediate_values, t.user_attrs, t.system_attrs)
        for t in study.get_trials()
    ]
    return Outcome(len(sent), left)
