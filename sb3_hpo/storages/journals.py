"""Optuna's journals: in a file, for a file system that several machines share, and in Redis."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalRedisBackend

from sb3_hpo.journal_damage import open_journal
from sb3_hpo.storages.files import existing, writable
from sb3_hpo.storages.opening import CONNECT_TIMEOUT_S, MissingDriverError, OpeningError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

PREFIX = "prefix"
"""Option of a Redis URL: what the keys of the journal begin with."""

_NO_JOURNAL = (ValueError, KeyError, TypeError, AttributeError, IndexError)
"""What reading something else than a journal ends in."""


def open_journal_file(path: str, *, create: bool) -> JournalStorage:
    """Open a journal file.

    :param create: whether to make a file that does not exist
    :raises UserError: if the file does not exist, cannot be written or is damaged
    :raises OpeningError: if it cannot be read
    """
    file = (writable if create else existing)(Path(path))
    try:
        return open_journal(file)
    except OSError as error:
        raise OpeningError(error) from None


def open_redis(url: URL, *, create: bool) -> JournalStorage:
    """Open a journal in Redis.

    :param url: as redis-py takes it, and the journal's :data:`PREFIX`
    :param create: whether it will be written to
    :raises OpeningError: if Redis does not answer, refuses, or holds something else there
    :raises MissingDriverError: if the package redis is not installed
    """
    try:
        import redis
    except ImportError:
        raise MissingDriverError("sb3-hpo[redis]") from None
    if url.database and not url.database.isdecimal():
        # redis-py would silently take database 0.
        raise OpeningError(f"Redis numbers its databases, {url.database!r} is none: write redis://host:6379/0")
    try:
        prefix, location = _prefix(url), _redis_url(url)
        _check_answer(location)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            backend = UnpickledRedisBackend(location, prefix=prefix)
        if create:
            backend.append_logs([])  # Makes the journal's counter: a replica that is read only is told now.
        return JournalStorage(backend)
    except (redis.RedisError, OSError, UnicodeError) as error:
        raise OpeningError(error) from None
    except _NO_JOURNAL as error:
        raise OpeningError(f"{error}: an option of the URL is wrong, or what lies there is no journal") from None


class UnpickledRedisBackend(JournalRedisBackend):
    """Optuna's journal in Redis without its snapshots, which are pickles: reading one may run anything.

    Without them the whole journal is read when a storage is opened, as it is from a file.
    """

    def load_snapshot(self) -> None:
        """There is none."""

    def save_snapshot(self, snapshot: bytes) -> None:
        """Keep none."""


def _prefix(url: URL) -> str:
    value = url.query.get(PREFIX, "")
    return value if isinstance(value, str) else value[-1]


def _redis_url(url: URL) -> str:
    """The URL for redis-py: its password encoded, a bound on the seconds for a connection."""
    url = url.difference_update_query([PREFIX])
    if "socket_connect_timeout" not in url.query:
        url = url.update_query_dict({"socket_connect_timeout": str(CONNECT_TIMEOUT_S)})
    return url.render_as_string(hide_password=False)


def _check_answer(location: str) -> None:
    """Redis, asked once: redis-py tries ten times, each time for as long as it may take."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client = Redis.from_url(location, socket_timeout=CONNECT_TIMEOUT_S, retry=Retry(NoBackoff(), 0))
    try:
        client.ping()
    finally:
        client.close()
