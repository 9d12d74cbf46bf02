"""Where studies are kept: Optuna's storages, opened with clear errors and without showing passwords."""

from __future__ import annotations

import hashlib
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import optuna
import sqlalchemy
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.engine import URL, make_url

from sb3_hpo.errors import UserError, one_line

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

SQLITE_NAME = "sb3_hpo.db"
"""File name of the embedded default storage, in the log folder."""

_PASSWORD = re.compile(r"(://[^:@/]*:)\S*@")
_QUERY_PASSWORD = re.compile(r"([?&]pass(?:word|wd)?=)[^&\s]*", flags=re.IGNORECASE)

_PACKAGE_OF_DRIVER = {"mysqldb": "mysqlclient", "psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary"}
"""Packages of drivers that are called otherwise."""

N_ATTEMPTS = 10
ATTEMPT_INTERVAL_S = 0.3
"""Seconds between two attempts to open a database that another process is making."""

_MADE_MEANWHILE = ("already exists", "unique constraint", "duplicate", "no such table", "database is locked")

SQLITE_LOCK_TIMEOUT_S = 60
"""Seconds that a writer waits for another one to release an SQLite file."""


def default_storage(log_folder: str) -> str:
    """URL of the embedded default storage: an SQLite file in the log folder, shared by all its studies."""
    return f"sqlite:///{Path(log_folder) / SQLITE_NAME}"


def open_storage(location: str, *, create: bool = True) -> BaseStorage:
    """Open a storage.

    :param location: a database URL as SQLAlchemy takes it, or the path of a ``.log`` journal file
    :param create: whether to create a file that does not exist
    :raises UserError: if the location is neither, or cannot be opened
    """
    prepare = _writable if create else _existing
    if location.endswith(".log") and "://" not in location:
        return JournalStorage(JournalFileBackend(str(prepare(Path(location)))))
    url = _parse(location)
    engine_kwargs = {}
    if url.get_backend_name() == "sqlite":
        engine_kwargs = {"connect_args": {"timeout": SQLITE_LOCK_TIMEOUT_S}}
        if _is_file(url):
            prepare(Path(str(url.database)))
    try:
        if _is_file(url):
            # Two processes that make the tables at the same time would trip over each other.
            with filelock.FileLock(_lock_file(str(url.database)), timeout=SQLITE_LOCK_TIMEOUT_S):
                return RDBStorage(location, engine_kwargs=engine_kwargs)
        return _open_database(location, engine_kwargs)
    except ImportError as error:
        raise UserError(
            f"storage {redacted(location)!r} needs a driver that is not installed: {_driver(url, error)}"
        ) from None
    except filelock.Timeout as error:
        raise UserError(
            f"storage {redacted(location)!r} has been locked for {SQLITE_LOCK_TIMEOUT_S} s by another process, through "
            f"{error.lock_file}: end that process, or name another storage"
        ) from None
    except (sqlalchemy.exc.SQLAlchemyError, RuntimeError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise UserError(f"storage {redacted(location)!r} cannot be opened: {_without_password(reason, url)}") from None


def _is_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and bool(url.database) and url.database != ":memory:"


def _lock_file(database: str) -> str:
    """A lock for those who make a database file, out of its folder; SQLite's users are on one machine."""
    digest = hashlib.sha256(str(Path(database).resolve()).encode()).hexdigest()[:16]
    return str(Path(tempfile.gettempdir()) / f"sb3_hpo-{digest}.lock")


def _open_database(location: str, engine_kwargs: dict[str, Any]) -> RDBStorage:
    """Open a database; two processes that make its tables at the same time trip over each other, and try again."""
    for _ in range(N_ATTEMPTS - 1):
        try:
            return RDBStorage(location, engine_kwargs=engine_kwargs)
        except sqlalchemy.exc.SQLAlchemyError as error:
            if not any(text in str(error).lower() for text in _MADE_MEANWHILE):
                raise
            time.sleep(ATTEMPT_INTERVAL_S)
    return RDBStorage(location, engine_kwargs=engine_kwargs)


def redacted(location: str) -> str:
    """A storage location as it may be shown: without its password."""
    return _QUERY_PASSWORD.sub(r"\1***", _PASSWORD.sub(r"\1***@", location))


def study_names(storage: BaseStorage) -> list[str]:
    """Names of all studies in a storage."""
    return optuna.get_all_study_names(storage)


def _parse(location: str) -> URL:
    try:
        url = make_url(location)
        url.get_dialect()
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise UserError(
            f"storage {redacted(location)!r} is no database URL and no journal file: write sqlite:///study.db, "
            "postgresql://user@host/database or study.log"
        ) from None
    except ImportError:
        pass  # A database that is known, without its driver: opening it says so.
    return url


def _writable(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise UserError(f"storage {str(path)!r} cannot be written: {error.strerror}; name another file") from None
    return path


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"storage {str(path)!r} does not exist: name the one that holds the study with --storage")
    return path


def _driver(url: URL, error: ImportError) -> str:
    driver = url.get_driver_name() or error.name or one_line(error)
    return f"pip install '{_PACKAGE_OF_DRIVER.get(driver, driver)}'"


def _without_password(text: str, url: URL) -> str:
    return text.replace(str(url.password), "***") if url.password else text
