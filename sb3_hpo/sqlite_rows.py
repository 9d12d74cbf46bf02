"""The rows that can still be read in a damaged SQLite file."""

from __future__ import annotations

import collections
import json
import sqlite3
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy
from optuna.distributions import json_to_distribution

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MAX_FAILURES = 20_000
"""Attempts to read a part of a table that may fail before the rest of it counts as lost: less than half a second."""

BYTES_PER_FAILURE = 64
"""Bytes of the file for each such attempt where that allows fewer: 64 attempts for a page of 4,096 bytes."""

SMALLEST_ROW = 16
"""Bytes of a row of Optuna at least: a pointer, a header and its columns."""

Row = dict[str, Any]


def open_read_only(path: Path, timeout: float) -> sqlite3.Connection:
    """A connection that cannot change the file.

    :param timeout: seconds to wait for a process that is writing
    """
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=timeout)


class Readable:
    """What can be read of a table.

    :ivar rows: the rows in which every value is of its kind, by primary key
    :ivar end_is_lost: whether the table may have had more rows after the last of them, or none of it makes sense
    """

    def __init__(self, rows: dict[int, Row], end_is_lost: bool) -> None:
        self.rows = rows
        self.end_is_lost = end_is_lost


def readable_rows(connection: sqlite3.Connection, table: sqlalchemy.Table, size: int) -> Readable:
    """Read a table around what is damaged.

    :param connection: one that returns text as bytes
    :param table: what Optuna says the table is
    :param size: bytes of the file: no key is larger
    """
    key = _key(table)
    columns = [column.name for column in table.columns]
    query = _select([key, *columns], table.name, "NOT INDEXED")
    found, failed = _read(connection, query, key, size)
    rows: dict[int, Row] = {}
    for values in found:
        row = _sound(dict(zip(columns, values[1:], strict=True)), table)
        if row is not None:
            rows.setdefault(row[key], row)
    last = max(rows, default=0)
    is_more = max(len(found), _n_cells(connection, table.name)) > len(rows)
    return Readable(rows, is_more or any(upper > last for upper in failed))


def _n_cells(connection: sqlite3.Connection, table: str) -> int:
    """Rows that the pages of a table say they have, whatever keys these have; 0 where not all pages can be read.

    Where noise made other keys of all keys, nothing is found, and nothing fails.
    """
    query = " ".join(["SELECT COUNT(*) FROM", f'"{table}"', "NOT INDEXED"])
    try:
        (n_cells,) = connection.execute(query).fetchone()
    except sqlite3.DatabaseError:
        return 0
    return int(n_cells)


def indexed_keys(
    connection: sqlite3.Connection, table: sqlalchemy.Table, parent: str, size: int
) -> tuple[dict[int, int], bool]:
    """Which row belongs to which parent, as an index has it, which is kept apart from the table.

    :param parent: column that names the parent, the first one of an index
    :return: the parent of each row by the row's key, and whether the whole index could be read
    """
    key = _key(table)
    name = _index(connection, table.name, parent)
    if name is None:
        return {}, False
    query = _select([parent, key], table.name, f'INDEXED BY "{name}"')
    found, failed = _read(connection, query, parent, size)
    parents = {row: owner for owner, row in found if isinstance(owner, int) and isinstance(row, int)}
    return parents, not failed


def indexed_names(connection: sqlite3.Connection, table: sqlalchemy.Table, column: str) -> dict[int, str]:
    """A text column by primary key, as an index has it; empty where that cannot be read."""
    key, index = _key(table), _index(connection, table.name, column)
    if index is None:
        return {}
    query = _select([key, column], table.name, f'INDEXED BY "{index}"')
    try:
        rows = connection.execute(f'{query} ORDER BY "{column}"').fetchall()
        return {row: name.decode() for row, name in rows if isinstance(row, int) and isinstance(name, bytes)}
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return {}


def _key(table: sqlalchemy.Table) -> str:
    return str(next(iter(table.primary_key.columns)).name)


def _select(columns: Iterable[str], table: str, by: str) -> str:
    listed = ", ".join(f'"{column}"' for column in columns)
    return " ".join(["SELECT", listed, "FROM", f'"{table}"', by])


def _index(connection: sqlite3.Connection, table: str, column: str) -> str | None:
    try:
        for _, index, *_ in connection.execute(f'PRAGMA index_list("{_text(table)}")').fetchall():
            columns = connection.execute(f'PRAGMA index_info("{_text(index)}")').fetchall()
            if _text(columns[0][2]) == column:
                return _text(index)
    except (sqlite3.DatabaseError, UnicodeDecodeError, IndexError):
        pass
    return None


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _read(
    connection: sqlite3.Connection, query: str, column: str, size: int
) -> tuple[list[tuple[Any, ...]], list[int]]:
    """Rows by ranges of a column, the large ranges first: one that fails is halved.

    :return: the rows, and the upper ends of what stayed unreadable
    """
    found: dict[tuple[Any, ...], None] = {}
    failed: list[int] = []
    ranges = collections.deque([(-1, _largest(connection, query, column, size))])
    n_failures, may_fail = 0, min(MAX_FAILURES, size // BYTES_PER_FAILURE)
    while ranges:
        low, high = ranges.popleft()
        try:
            for row in connection.execute(f'{query} WHERE "{column}" BETWEEN ? AND ? ORDER BY "{column}"', (low, high)):
                found[row] = None
                low = max(low, row[0]) if isinstance(row[0], int) else low
        except sqlite3.DatabaseError:
            n_failures += 1
            if low >= high or n_failures > may_fail:
                failed.append(high)
                continue
            middle = (low + high) // 2
            ranges.extend([(low, middle), (middle + 1, high)])
    return list(found), failed


def _largest(connection: sqlite3.Connection, query: str, column: str, size: int) -> int:
    """Up to where keys are looked for: the last one, or, where that is lost, as many rows as the file has room for."""
    room = size // SMALLEST_ROW
    try:
        last = connection.execute(f'{query} ORDER BY "{column}" DESC LIMIT 1').fetchone()
    except sqlite3.DatabaseError:
        return room
    # Noise may have made any number of it.
    is_key = last is not None and isinstance(last[0], int) and last[0] <= size
    return max(room, last[0]) if is_key else room


def _sound(row: Row, table: sqlalchemy.Table) -> Row | None:
    """A row with its text decoded; None if one of its values is not what Optuna writes there."""
    try:
        decoded = {name: value.decode() if isinstance(value, bytes) else value for name, value in row.items()}
    except UnicodeDecodeError:
        return None
    if not all(_is_sound(decoded[column.name], column) for column in table.columns):
        return None
    return decoded if _values_agree(decoded) else None


def _is_sound(value: object, column: sqlalchemy.Column[Any]) -> bool:
    if value is None:
        return bool(column.nullable) and not column.foreign_keys
    kind = column.type
    if isinstance(kind, sqlalchemy.Enum):
        return value in kind.enums
    if isinstance(kind, sqlalchemy.DateTime):
        return _is_made_by(datetime.fromisoformat, value)
    if isinstance(kind, sqlalchemy.Float):
        return isinstance(value, (int, float))
    if isinstance(kind, sqlalchemy.Integer):
        return isinstance(value, int)
    if not isinstance(value, str):
        return False
    if column.name == "distribution_json":
        return _is_made_by(json_to_distribution, value)
    return not column.name.endswith("_json") or _is_made_by(json.loads, value)


def _is_made_by(read: Any, value: object) -> bool:
    try:
        read(value)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False
    return True


def _values_agree(row: Row) -> bool:
    """Whether a value is there exactly where its type says that it is a finite number."""
    for name in ("value", "intermediate_value"):
        if f"{name}_type" in row:
            return bool((row[name] is not None) == (row[f"{name}_type"] == "FINITE"))
    return True
