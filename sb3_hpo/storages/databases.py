"""Optuna's storage in a database: SQLite, PostgreSQL, MySQL, and any other that SQLAlchemy knows."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import sqlalchemy
from optuna.exceptions import ExperimentalWarning
from optuna.storages import RDBStorage

from sb3_hpo.errors import one_line
from sb3_hpo.heartbeats import GRACE_PERIOD_S, HEARTBEAT_INTERVAL_S
from sb3_hpo.sqlite_damage import check_sqlite
from sb3_hpo.sqlite_locking import lock_before_reading
from sb3_hpo.storages.files import existing, writable
from sb3_hpo.storages.opening import CONNECT_TIMEOUT_S, MissingDriverError, OpeningError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

RDB_KWARGS: dict[str, Any] = {"heartbeat_interval": HEARTBEAT_INTERVAL_S, "grace_period": GRACE_PERIOD_S}
"""Further keyword arguments of Optuna's ``RDBStorage``, the same for every database."""

N_ATTEMPTS = 10
ATTEMPT_INTERVAL_S = 0.3
"""Seconds between two attempts to open a database that another process is making."""

_MADE_MEANWHILE = ("already exists", "unique constraint", "duplicate", "no such table", "database is locked")

SQLITE_LOCK_TIMEOUT_S = 60
"""Seconds that a writer waits for another one to release an SQLite file."""

_EXTRAS = {"psycopg": "postgresql", "pymysql": "mysql"}
"""Extras of this package by the driver that they install."""

_PACKAGE_OF_DRIVER = {"mysqldb": "mysqlclient", "psycopg2": "psycopg2-binary"}
"""Packages of drivers that are called otherwise."""

_TIMEOUT_ARGUMENTS = {
    "psycopg": ("connect_timeout",),
    "psycopg2": ("connect_timeout",),
    "mysqldb": ("connect_timeout",),
    "pymysql": ("connect_timeout",),
}
"""What drivers call the seconds that they wait for a server."""


def open_database(url: URL, location: str, *, create: bool) -> RDBStorage:
    """Open a database.

    :param url: its URL, with its driver
    :param location: its URL as it was given
    :param create: whether to make an SQLite file that does not exist
    :raises UserError: if an SQLite file does not exist or cannot be written
    :raises OpeningError: if it cannot be opened
    :raises MissingDriverError: if its driver is not installed
    """
    try:
        if _is_file(url):
            check_sqlite((writable if create else existing)(Path(str(url.database))))
            # Two processes that make the tables at the same time would trip over each other.
            with _locked(str(url.database)):
                storage = _open_made_meanwhile(location, _engine_kwargs(url))
            lock_before_reading(storage.engine)
            return storage
        _check_answer(url)
        return _open_made_meanwhile(url.render_as_string(hide_password=False), _engine_kwargs(url))
    except ImportError as error:
        raise MissingDriverError(_package(url, error)) from None
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise OpeningError(_reason(error)) from None
    except (RuntimeError, TypeError, UnicodeError) as error:
        # Tables of another version of Optuna; an option of the URL that the driver does not have; no name of a host.
        raise OpeningError(error) from None


def _is_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and bool(url.database) and url.database != ":memory:"


@contextlib.contextmanager
def _locked(database: str) -> Iterator[None]:
    """The only process of its user that makes a database file, for a while."""
    lock = filelock.FileLock(_lock_file(database), timeout=SQLITE_LOCK_TIMEOUT_S)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise OpeningError(
            f"another process has locked it for {SQLITE_LOCK_TIMEOUT_S} s, through {error.lock_file}: end that "
            "process, or name another storage"
        ) from None
    except OSError as error:
        raise OpeningError(
            f"its lock {lock.lock_file} cannot be taken: {error.strerror or one_line(error)}; remove that file, or "
            "name another folder for it by the environment variable TMPDIR"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _lock_file(database: str) -> str:
    """A lock for those who make a database file, out of its folder; SQLite's users are on one machine.

    One for each user: a file in the folder of temporary files can be written by who made it alone.
    """
    digest = hashlib.sha256(str(Path(database).resolve()).encode()).hexdigest()[:16]
    user = f"{os.getuid()}-" if hasattr(os, "getuid") else ""
    return str(Path(tempfile.gettempdir()) / f"sb3_hpo-{user}{digest}.lock")


def _engine_kwargs(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": SQLITE_LOCK_TIMEOUT_S}}
    # A connection may have been closed by the server while a trial was trained.
    return {"pool_pre_ping": True, "connect_args": _timeouts(url)}


def _timeouts(url: URL) -> dict[str, Any]:
    arguments = _TIMEOUT_ARGUMENTS.get(url.get_driver_name(), ())
    return {name: CONNECT_TIMEOUT_S for name in arguments if name not in url.query}


def _check_answer(url: URL) -> None:
    """PyMySQL waits without end for the greeting of a server that is none, at a port of something else."""
    if url.get_driver_name() != "pymysql" or "read_timeout" in url.query:
        return
    engine = sqlalchemy.create_engine(
        url, poolclass=sqlalchemy.NullPool, connect_args={**_timeouts(url), "read_timeout": CONNECT_TIMEOUT_S}
    )
    engine.connect().close()


def _open_made_meanwhile(location: str, engine_kwargs: dict[str, Any]) -> RDBStorage:
    """Open a database; two processes that make its tables at the same time trip over each other, and try again.

    They may be on two machines, or of two users of one, who have no lock in common.
    """
    last = time.monotonic() + SQLITE_LOCK_TIMEOUT_S
    for _ in range(N_ATTEMPTS - 1):
        try:
            return _rdb_storage(location, engine_kwargs)
        except sqlalchemy.exc.SQLAlchemyError as error:
            # SQLite itself has waited for a lock that another process keeps.
            if time.monotonic() >= last or not any(text in str(error).lower() for text in _MADE_MEANWHILE):
                raise
            time.sleep(ATTEMPT_INTERVAL_S)
    return _rdb_storage(location, engine_kwargs)


def _rdb_storage(location: str, engine_kwargs: dict[str, Any]) -> RDBStorage:
    # Optuna takes braces in a URL for a place to fill in.
    template = location.replace("{", "{{").replace("}", "}}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return RDBStorage(template, engine_kwargs=engine_kwargs, **RDB_KWARGS)


def _reason(error: sqlalchemy.exc.SQLAlchemyError) -> BaseException | str:
    """What the driver says, without the number that MySQL's put before it."""
    original: BaseException = getattr(error, "orig", None) or error
    match original.args:
        case (int(), str(text)):
            return text
    return original


def _package(url: URL, error: ImportError) -> str:
    driver = url.get_driver_name() or error.name or one_line(error)
    return f"sb3-hpo[{_EXTRAS[driver]}]" if driver in _EXTRAS else _PACKAGE_OF_DRIVER.get(driver, driver)
