"""An SQLite file that several users open, and the lock that those of one user share."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import filelock
import pytest
import sqlalchemy
from optuna.storages import RDBStorage

from sb3_hpo.errors import UserError
from sb3_hpo.storage import open_storage
from sb3_hpo.storages import databases
from sb3_hpo.storages.databases import open_database
from sb3_hpo.storages.opening import OpeningError
from sb3_hpo.storages.urls import parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_lock_of_another_user_is_not_waited_for(locks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    location = f"sqlite:///{tmp_path / 'study.db'}"
    open_storage(location)
    (first,) = locks.iterdir()
    monkeypatch.setattr(databases, "SQLITE_LOCK_TIMEOUT_S", 0)
    with filelock.FileLock(first):
        with pytest.raises(UserError, match="another process has locked it"):
            open_storage(location)
        monkeypatch.setattr(os, "getuid", lambda: 4711)
        open_storage(location)
    assert len(list(locks.iterdir())) == 2


def test_system_without_users_has_a_lock_too(locks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "getuid")
    open_storage(f"sqlite:///{tmp_path / 'study.db'}")
    assert len(list(locks.iterdir())) == 1


def test_lock_that_cannot_be_made_is_told(locks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    location = f"sqlite:///{tmp_path / 'study.db'}"

    def refuse(lock: filelock.FileLock, *args: Any, **kwargs: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", lock.lock_file)

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(OpeningError, match=r"^its lock .*\.lock cannot be taken: Permission denied; remove"):
        open_database(parse(location), location, create=True)
    with pytest.raises(UserError, match=r"study\.db' cannot be opened: its lock .*temporary/sb3_hpo-.*\.lock"):
        open_storage(location)


def failing(monkeypatch: pytest.MonkeyPatch, said: str, n_times: int, before: Callable[[], None]) -> list[str]:
    """Have Optuna fail to open a database so many times; the attempts, as they come."""
    attempts: list[str] = []

    def opened(url: str, **kwargs: Any) -> RDBStorage:
        attempts.append(url)
        if len(attempts) <= n_times:
            before()
            raise sqlalchemy.exc.OperationalError("CREATE TABLE studies", {}, Exception(said))
        return RDBStorage(url, **kwargs)

    monkeypatch.setattr(databases, "RDBStorage", opened)
    monkeypatch.setattr(databases, "ATTEMPT_INTERVAL_S", 0.0)
    return attempts


def test_tables_that_another_user_makes_meanwhile_are_tried_again(
    locks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = failing(monkeypatch, "table studies already exists", 2, lambda: None)
    open_storage(f"sqlite:///{tmp_path / 'study.db'}")
    assert len(attempts) == 3


def test_other_failures_of_sqlite_are_not_tried_again(
    locks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = failing(monkeypatch, "disk I/O error", 2, lambda: None)
    with pytest.raises(UserError, match="cannot be opened: disk I/O error"):
        open_storage(f"sqlite:///{tmp_path / 'study.db'}")
    assert len(attempts) == 1


def test_lock_that_sqlite_has_waited_for_is_not_waited_for_again(
    locks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def wait() -> None:
        nonlocal now
        now += databases.SQLITE_LOCK_TIMEOUT_S

    monkeypatch.setattr(databases.time, "monotonic", lambda: now)
    attempts = failing(monkeypatch, "database is locked", 9, wait)
    with pytest.raises(UserError, match="cannot be opened: database is locked"):
        open_storage(f"sqlite:///{tmp_path / 'study.db'}")
    assert len(attempts) == 1
