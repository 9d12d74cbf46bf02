from __future__ import annotations

import pytest

from sb3_hpo.errors import UserError
from sb3_hpo.storages.urls import is_journal_file, parse


@pytest.mark.parametrize(
    ("location", "drivername"),
    [
        ("sqlite:///study.db", "sqlite"),
        ("sqlite+pysqlite:///study.db", "sqlite+pysqlite"),
        ("postgresql://host/database", "postgresql+psycopg"),
        ("postgresql+psycopg2://host/database", "postgresql+psycopg2"),
        ("mysql://host/database", "mysql+pymysql"),
        ("mariadb://host/database", "mysql+pymysql"),
        ("mysql+mysqldb://host/database", "mysql+mysqldb"),
        ("mariadb+mysqldb://host/database", "mysql+mysqldb"),
        ("oracle://host/database", "oracle"),
        ("redis://host", "redis"),
        ("rediss://host", "rediss"),
        ("grpc://host:1", "grpc"),
    ],
)
def test_driver_is_the_one_named_or_ours(location: str, drivername: str) -> None:
    assert parse(location).drivername == drivername


@pytest.mark.parametrize(
    ("location", "near"),
    [
        ("postgres://host/database", "postgresql"),
        ("postgressql+psycopg://host/database", "postgresql"),
        ("POSTGRESQL://host/database", "postgresql"),
        ("mysq://host/database", "mysql"),
        ("maria://host/database", "mariadb"),
        ("sqllite:///study.db", "sqlite"),
        ("reddis://host", "redis"),
        ("gprc://host:1", "grpc"),
    ],
)
def test_scheme_with_a_typo_is_told_with_the_nearest(location: str, near: str) -> None:
    with pytest.raises(UserError, match=rf"no journal file: did you mean {near}://\? write sqlite:///study\.db"):
        parse(location)


@pytest.mark.parametrize(("location", "expected"), [("a.log", True), ("/b/a.log", True), ("sqlite:///a.log", False)])
def test_journal_file_is_a_path_that_ends_in_log(location: str, expected: bool) -> None:
    assert is_journal_file(location) is expected
