"""An SQLite storage that is damaged: found when it is opened, and read as far as it can be."""

from __future__ import annotations

import errno
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import sqlalchemy
from optuna.storages import RDBStorage
from optuna.storages._rdb.models import BaseModel

from sb3_hpo.damage import Contents, damaged
from sb3_hpo.sqlite_rows import open_read_only
from sb3_hpo.sqlite_trials import Recovered, recover

if TYPE_CHECKING:
    from pathlib import Path

    from sb3_hpo.errors import UserError

LOCK_TIMEOUT_S = 60.0
"""Seconds that the check waits for a process that is writing."""

MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
_PAGE_SIZE, _N_PAGES = slice(16, 18), slice(28, 32)

_CANNOT_CHECK = ("locked", "readonly", "unable to open")
"""What SQLite says where it cannot look: another process writes, or the last one died and its journal waits."""


def check_sqlite(path: Path) -> None:
    """Check a file that is about to be opened: structure, indices, and the JSON in it. It is only read.

    Takes about 0.1 s for 10,000 trials with 20 intermediate values each (50 MB).

    :raises UserError: if the file is damaged, or no SQLite database; what can be read of it is then saved
    """
    what = sqlite_damage(path)
    if what is not None:
        raise damaged_sqlite(path, what)


def sqlite_damage(path: Path) -> str | None:
    """What is wrong with a file; None where nothing is, or where that cannot be told."""
    try:
        size = path.stat().st_size
        if size == 0:
            return None
        if size < _HEADER_BYTES:
            # SQLite takes a file of one byte for an empty one.
            return _where(path, "it is shorter than the header of a database")
        with closing(open_read_only(path, LOCK_TIMEOUT_S)) as connection:
            # In a transaction, so that nobody writes meanwhile.
            connection.execute("BEGIN")
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                return _where(path, found)
            return _missing_bytes(path, connection) or _broken_json(connection)
    except OSError:
        return None
    except sqlite3.DatabaseError as error:
        if any(text in str(error) for text in _CANNOT_CHECK):
            return None
        return _where(path, str(error))


def damaged_sqlite(path: Path, what: str) -> UserError:
    """The error for a damaged SQLite file, after what can be read of it was saved."""

    def rescue(target: Path) -> Contents:
        recovered = recover(path, LOCK_TIMEOUT_S)
        if recovered.contents.n_studies:
            _write(recovered, target)
        return recovered.contents

    return damaged(path, what, lambda target: f"sqlite:///{target}", rescue)


def _where(path: Path, found: str) -> str:
    """What SQLite found, and what the header says about it."""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if not header.startswith(MAGIC):
        return f"it is no SQLite database, or its beginning was overwritten: it begins with {header[: len(MAGIC)]!r}"
    page_size, n_pages = int.from_bytes(header[_PAGE_SIZE], "big"), int.from_bytes(header[_N_PAGES], "big")
    page_size = 65_536 if page_size == 1 else page_size
    size, wanted = path.stat().st_size, page_size * n_pages
    if size < wanted:
        return _cut_off(size, wanted, page_size)
    lines = [line for line in found.splitlines() if line and not line.startswith("***")]
    return "; ".join(lines) or found


def _missing_bytes(path: Path, connection: sqlite3.Connection) -> str | None:
    """SQLite takes a last page that is cut off for one that ends in zeros."""
    values = [
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "page_size", "page_count")
    ]
    size = path.stat().st_size
    # With a write-ahead log a part of the pages is elsewhere.
    if values[0] == "wal" or size >= values[1] * values[2]:
        return None
    return _cut_off(size, values[1] * values[2], values[1])


def _cut_off(size: int, wanted: int, page_size: int) -> str:
    return f"it was cut off after {size:,} of {wanted:,} bytes, in page {size // max(1, page_size) + 1:,}"


def _broken_json(connection: sqlite3.Connection) -> str | None:
    """Noise in the middle of a text leaves the structure as it was."""
    connection.text_factory = bytes
    for table in BaseModel.metadata.sorted_tables:
        for column in (column.name for column in table.columns if column.name.endswith("_json")):
            key = next(iter(table.primary_key.columns)).name
            query = " ".join(["SELECT", f'"{key}", "{column}"', "FROM", f'"{table.name}"'])
            try:
                suspicious = connection.execute(f'{query} WHERE NOT json_valid("{column}")').fetchall()
            except sqlite3.OperationalError:
                continue  # An empty file of another process, or an SQLite without JSON functions.
            for row, text in suspicious:
                # NaN and Infinity are valid for Python, which wrote it, not for SQLite.
                if not _is_json(text):
                    return f"{column} of row {row} of table {table.name} is no JSON"
    return None


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, TypeError):
        return False
    return True


def _write(recovered: Recovered, target: Path) -> None:
    """Write rows into tables that Optuna makes."""
    storage = None
    try:
        storage = RDBStorage(f"sqlite:///{target}")
        with storage.engine.begin() as connection:
            for table in BaseModel.metadata.sorted_tables:
                rows = recovered.rows.get(table.name)
                if rows:
                    names = [column.name for column in table.columns]
                    values = ", ".join(f":{name}" for name in names)
                    columns = ", ".join(f'"{name}"' for name in names)
                    insert = " ".join(["INSERT INTO", f'"{table.name}"', f"({columns}) VALUES ({values})"])
                    connection.execute(sqlalchemy.text(insert), list(rows))
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise OSError(errno.ENOSPC if "full" in str(error) else errno.EIO, str(getattr(error, "orig", error))) from None
    finally:
        if storage is not None:
            storage.engine.dispose()
