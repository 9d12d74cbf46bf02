"""Where studies are kept: Optuna's storages, opened with clear errors and without showing passwords."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

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
        if url.database and url.database != ":memory:":
            prepare(Path(url.database))
    try:
        return RDBStorage(location, engine_kwargs=engine_kwargs)
    except ImportError as error:
        raise UserError(
            f"storage {redacted(location)!r} needs a driver that is not installed: {_driver(url, error)}"
        ) from None
    except (sqlalchemy.exc.SQLAlchemyError, RuntimeError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise UserError(f"storage {redacted(location)!r} cannot be opened: {_without_password(reason, url)}") from None


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
