"""SQLite as a storage of several processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine


def lock_before_reading(engine: Engine) -> None:
    """Have each transaction take SQLite's write lock when it begins rather than when it writes first.

    Optuna reads the state of a trial that waits in the queue and then sets it. On other databases it locks the row in
    between; SQLite has no such lock, and Python's driver begins a transaction only with the first change, so that two
    processes could take the same trial. The recipe is that of SQLAlchemy's documentation of the SQLite dialect,
    "Serializable isolation / Savepoints / Transactional DDL".
    """
    sqlalchemy.event.listen(engine, "begin", _begin)
    sqlalchemy.event.listen(engine, "connect", _leave_transactions_to_us)
    # Connections that were made before the events were listened to.
    engine.dispose()


def _leave_transactions_to_us(connection: Any, record: object) -> None:
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
