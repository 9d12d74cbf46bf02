"""Locations of storages: what kind one is, and its URL as SQLAlchemy reads it."""

from __future__ import annotations

import difflib

import sqlalchemy
from sqlalchemy.engine import URL, make_url

from sb3_hpo.errors import UserError
from sb3_hpo.storages.redaction import redacted

JOURNAL_FILE_SUFFIX = ".log"

REDIS = ("redis", "rediss")
GRPC = "grpc"
SCHEMES = ("sqlite", "postgresql", "mysql", "mariadb", *REDIS, GRPC)
"""What a URL may begin with. Other databases that SQLAlchemy knows are opened, too, but not tested."""

# Whatever SQLAlchemy's own default is, which has changed between its versions. For Optuna, MariaDB is a MySQL.
_DRIVERNAMES = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mysql+pymysql"}

_EXAMPLES = "write sqlite:///study.db, postgresql://user@host/database, redis://host, grpc://host:port or study.log"


def is_journal_file(location: str) -> bool:
    """Whether a location is the path of a journal file."""
    return location.endswith(JOURNAL_FILE_SUFFIX) and "://" not in location


def parse(location: str) -> URL:
    """The URL of a storage, with the driver that is used where it names none.

    :raises UserError: if it is no URL of a storage
    """
    try:
        url = make_url(location)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise _no_storage(location) from None
    scheme = url.get_backend_name()
    if scheme not in (*REDIS, GRPC):
        _check_dialect(url, location)
    if scheme != "sqlite" and url.password is not None and location.count("@") > 1:
        # It would be cut at the first one, and its rest looked up as a host.
        raise UserError(f"storage {redacted(location)!r} has more than one @: write those of the password as %40")
    if url.drivername.startswith("mariadb+"):
        return url.set(drivername=url.drivername.replace("mariadb", "mysql", 1))
    return url.set(drivername=_DRIVERNAMES.get(url.drivername, url.drivername))


def _check_dialect(url: URL, location: str) -> None:
    try:
        url.get_dialect()
    except sqlalchemy.exc.ArgumentError:
        raise _no_storage(location) from None
    except ImportError:
        pass  # A database that is known, without its driver: opening it says so.


def _no_storage(location: str) -> UserError:
    scheme, separator, _ = location.partition("://")
    near = difflib.get_close_matches(scheme.partition("+")[0].lower(), SCHEMES, n=1) if separator else []
    hint = f"did you mean {near[0]}://? " if near and near[0] != scheme else ""
    return UserError(f"storage {redacted(location)!r} is no database URL and no journal file: {hint}{_EXAMPLES}")
