"""Where studies are kept: Optuna's storages, opened with clear errors and without showing passwords."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from optuna.storages import get_storage

from sb3_hpo.errors import UserError
from sb3_hpo.heartbeats import HeartbeatStorage
from sb3_hpo.storages.databases import open_database
from sb3_hpo.storages.journals import open_journal_file, open_redis
from sb3_hpo.storages.opening import MissingDriverError, OpeningError
from sb3_hpo.storages.proxies import open_proxy
from sb3_hpo.storages.redaction import redacted, redacted_command, without_passwords
from sb3_hpo.storages.urls import GRPC, REDIS, is_journal_file, parse

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

__all__ = [
    "absolute_location",
    "default_storage",
    "is_in_memory",
    "is_sqlite",
    "open_storage",
    "redacted",
    "redacted_command",
    "storage_location",
    "study_names",
]

SQLITE_NAME = "sb3_hpo.db"
"""File name of the embedded default storage, in the log folder."""

STORAGE_VARIABLE = "SB3_HPO_STORAGE"
"""Environment variable that names the storage where no option does: a password in it is in no command line."""


def default_storage(log_folder: str) -> str:
    """URL of the embedded default storage: an SQLite file in the log folder, shared by all its studies."""
    return f"sqlite:///{Path(log_folder) / SQLITE_NAME}"


def storage_location(given: str | None, log_folder: str) -> str:
    """The storage that a command means: the one given, or that of the environment, or the embedded default.

    :param given: what the command's options say; None for nothing
    :param log_folder: folder that the embedded default lies in
    """
    return given or os.environ.get(STORAGE_VARIABLE) or default_storage(log_folder)


def open_storage(location: str, *, create: bool = True) -> HeartbeatStorage:
    """Open a storage: one that waits for a database that went away, and tells which running trials lost their worker.

    :param location: a URL of ``sqlite``, ``postgresql``, ``mysql``, ``mariadb``, ``redis``, ``rediss`` or ``grpc``, or
        the path of a ``.log`` journal file. A driver that the URL names (``postgresql+psycopg2``) is kept; otherwise it
        is psycopg 3 or PyMySQL
    :param create: whether to create a file that does not exist
    :raises UserError: if the location is none of these, or cannot be opened
    """
    try:
        return HeartbeatStorage(get_storage(_open(location, create)))
    except MissingDriverError as error:
        raise UserError(
            f"storage {redacted(location)!r} needs a driver that is not installed: pip install '{error}'"
        ) from None
    except OpeningError as error:
        reason = without_passwords(str(error), location)
        raise UserError(f"storage {redacted(location)!r} cannot be opened: {reason}") from None


def _open(location: str, create: bool) -> BaseStorage:
    if is_journal_file(location):
        return open_journal_file(location, create=create)
    url = parse(location)
    if url.drivername in REDIS:
        return open_redis(url, create=create)
    if url.drivername == GRPC:
        return open_proxy(url)
    return open_database(url, location, create=create)


def absolute_location(location: str) -> str:
    """A storage's location as it is understood in any folder: the path of a file is made absolute."""
    if is_journal_file(location):
        return str(Path(location).absolute())
    if not is_sqlite(location) or is_in_memory(location):
        return location
    url = parse(location)
    return url.set(database=str(Path(str(url.database)).absolute())).render_as_string(hide_password=False)


def is_sqlite(location: str) -> bool:
    """Whether a storage is an SQLite database, which the processes of one machine can share and no others."""
    return not is_journal_file(location) and parse(location).get_backend_name() == "sqlite"


def is_in_memory(location: str) -> bool:
    """Whether a storage is an SQLite database in the memory of one process."""
    return location.startswith("sqlite") and parse(location).database in (None, "", ":memory:")


def study_names(storage: BaseStorage) -> list[str]:
    """Names of all studies in a storage."""
    return optuna.get_all_study_names(storage)
