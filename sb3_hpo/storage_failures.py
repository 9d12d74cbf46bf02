"""What stops a command that could go on later: a full disk, or a storage file damaged while it was in use."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy
from optuna.exceptions import StorageInternalError
from sqlalchemy.engine import make_url

from sb3_hpo.errors import UserError, one_line
from sb3_hpo.journal_damage import damaged_journal, journal_damage
from sb3_hpo.reconnecting import is_lost_connection
from sb3_hpo.sqlite_damage import damaged_sqlite, sqlite_damage
from sb3_hpo.storage import redacted
from sb3_hpo.storages.redaction import without_passwords

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
_FULL_TEXTS = ("database or disk is full", "no space left on device", "disk quota exceeded")
"""What databases say, through drivers that keep no number."""


def is_full(error: BaseException) -> bool:
    """Whether an error, or one that it came from, is that a disk is full."""
    return any(_says_full(cause) for cause in _causes(error))


def is_from_storage(error: BaseException) -> bool:
    """Whether an error, or one that it came from, is one of a database."""
    return any(isinstance(cause, (sqlalchemy.exc.SQLAlchemyError, StorageInternalError)) for cause in _causes(error))


class StorageLostError(RuntimeError):
    """A storage that nothing more can be written to, in one line: a full disk, or no connection for minutes."""


def ends_the_command(error: BaseException) -> bool:
    """Whether a storage fails so that every further trial would fail as well."""
    return is_full(error) or any(is_lost_connection(cause) for cause in _causes(error))


@contextlib.contextmanager
def failures_in_one_line(location: str | None = None, go_on: str = "the same command") -> Iterator[None]:
    """End the program in one line, with exit code 1, where a disk is full or a database stays away.

    :param location: the storage, as ``--storage`` names it; None where that is not known
    :param go_on: what goes on with the study once there is space
    :raises SystemExit: where that is so
    :raises UserError: where the storage turns out to be damaged; what can be read of it is then saved
    """
    try:
        yield
    except Exception as error:
        # A storage that never answered is a mistake in what was asked for; one that went away is not.
        is_lost = not isinstance(error, UserError) and ends_the_command(error)
        if is_lost or is_full(error) or isinstance(error, StorageLostError):
            sys.stderr.write(f"sb3-hpo: {in_one_line(error, location)} with {go_on}\n")
            raise SystemExit(1) from None
        if location is not None and not isinstance(error, UserError):
            damage = _found_damage(location)
            if damage is not None:
                raise damage from None
        raise


def in_one_line(error: BaseException, location: str | None) -> str:
    """What could not be written, what is kept, and what to do before one goes on."""
    if isinstance(error, StorageLostError):
        return str(error)
    storage = "the storage" if location is None else f"storage {redacted(location)!r}"
    reason = _reason(error) if location is None else without_passwords(_reason(error), location)
    if not is_full(error):
        return f"{storage} does not answer any more ({reason}); finished trials are kept: when it answers again, go on"
    what = storage
    if not is_from_storage(error):
        names = [cause.filename for cause in _causes(error) if isinstance(cause, OSError) and cause.filename]
        what = repr(str(names[0])) if names else "a file"
    kept = "finished trials are kept: free some space, then go on"
    return f"the disk is full: {what} could not be written ({reason}); {kept}"


def _reason(error: BaseException) -> str:
    for cause in _causes(error):
        if _says_full(cause):
            if isinstance(cause, OSError):
                return cause.strerror or one_line(cause)
            return one_line(getattr(cause, "orig", None) or cause)
    last = list(_causes(error))[-1]
    return one_line(getattr(last, "orig", None) or last)


def _says_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL_ERRNOS
    return isinstance(error, (sqlalchemy.exc.DBAPIError, sqlite3.Error, RuntimeError)) and any(
        text in str(error).lower() for text in _FULL_TEXTS
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came from, the last one first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _found_damage(location: str) -> UserError | None:
    """The error for a storage file that is damaged; None for one that is not, and for other kinds of storage."""
    if location.endswith(".log") and "://" not in location:
        path = Path(location)
        what = journal_damage(path) if path.is_file() else None
        return None if what is None else damaged_journal(path, what)
    url = make_url(location)
    path = Path(str(url.database))
    if url.get_backend_name() != "sqlite" or not path.is_file():
        return None
    what = sqlite_damage(path)
    return None if what is None else damaged_sqlite(path, what)
