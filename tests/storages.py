"""Storages to test with, on real servers: each test gets a database of its own, which is dropped afterwards.

The servers are named by environment variables, as URLs that may make and drop databases and users. A test that needs
one is skipped where its variable is not set or nothing answers.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy
from optuna.storages import GrpcStorageProxy, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalRedisBackend
from sqlalchemy.engine import URL, make_url

from sb3_hpo import storage
from sb3_hpo.storages.redaction import redacted
from sb3_hpo.storages.urls import parse
from tests.integration.commands import SB3_HPO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from optuna.storages import BaseStorage

POSTGRESQL = "SB3_HPO_TEST_POSTGRESQL"
MYSQL = "SB3_HPO_TEST_MYSQL"
REDIS = "SB3_HPO_TEST_REDIS"

KINDS = ("sqlite", "journal", "postgresql", "mysql", "redis", "grpc")
"""Every kind of storage; ``fresh`` makes one of each."""

TIMEOUT_S = 60


@contextlib.contextmanager
def fresh(kind: str, folder: Path) -> Iterator[str]:
    """The location of an empty storage of one of the :data:`KINDS`, which is gone afterwards.

    :param folder: where files may be put
    """
    match kind:
        case "sqlite":
            yield f"sqlite:///{folder / 'storage.db'}"
        case "journal":
            yield str(folder / "storage.log")
        case "postgresql":
            with fresh_database(POSTGRESQL) as location:
                yield location
        case "mysql":
            with fresh_database(MYSQL) as location:
                yield location
        case "redis":
            with fresh_redis() as location:
                yield location
        case "grpc":
            with fresh("sqlite", folder) as served, proxy(served) as (location, _):
                yield location


def server(variable: str) -> str:
    """The URL in an environment variable; skips the test where it is not set."""
    url = os.environ.get(variable)
    if not url:
        pytest.skip(f"{variable} is not set")
    return url


@contextlib.contextmanager
def fresh_database(variable: str) -> Iterator[str]:
    """The URL of an empty database, on the server that an environment variable names."""
    location, name = server(variable), f"sb3hpo_{uuid.uuid4().hex}"
    force = " WITH (FORCE)" if parse(location).get_backend_name() == "postgresql" else ""
    execute(location, f"CREATE DATABASE {name}", variable)
    try:
        yield rendered(make_url(location).set(database=name))
    finally:
        execute(location, f"DROP DATABASE {name}{force}")


@contextlib.contextmanager
def mysql_user(location: str, password: str) -> Iterator[str]:
    """The URL of a MySQL database, for a user who may use no other and has a password."""
    url, name = make_url(location), f"u{uuid.uuid4().hex[:16]}"
    quoted = password.replace("\\", "\\\\").replace("'", "\\'")
    execute(location, f"CREATE USER '{name}'@'%' IDENTIFIED BY '{quoted}'")
    try:
        execute(location, f"GRANT ALL ON {url.database}.* TO '{name}'@'%'")
        yield rendered(url.set(username=name, password=password))
    finally:
        execute(location, f"DROP USER '{name}'@'%'")


def execute(location: str, statement: str, variable: str | None = None) -> int:
    """Run one statement as the user in a URL; given a variable, skips the test if the server does not answer.

    :return: rows that it changed
    """
    timeout = {"timeout" if location.startswith("sqlite") else "connect_timeout": 10}
    engine = sqlalchemy.create_engine(parse(location), isolation_level="AUTOCOMMIT", connect_args=timeout)
    try:
        with engine.connect() as connection:
            return connection.exec_driver_sql(statement.replace("%", "%%")).rowcount
    except sqlalchemy.exc.OperationalError as error:
        if variable is None:
            raise
        pytest.skip(f"{variable}, {redacted(location)}, does not answer: {error.orig}")
    finally:
        engine.dispose()


@contextlib.contextmanager
def fresh_redis() -> Iterator[str]:
    """The URL of an empty journal, under a key prefix of its own."""
    location, prefix = server(REDIS), f"sb3hpo_{uuid.uuid4().hex}"
    with redis_client(location) as client:
        try:
            yield rendered(make_url(location).update_query_dict({"prefix": prefix}))
        finally:
            for key in client.scan_iter(f"{prefix}:*", count=1000):
                client.delete(key)


@contextlib.contextmanager
def redis_user(location: str, password: str) -> Iterator[str]:
    """The URL of a Redis journal, for a user who may use nothing else and has a password."""
    url, name = make_url(location), f"u{uuid.uuid4().hex[:16]}"
    with redis_client(server(REDIS)) as client:
        client.acl_setuser(
            name, enabled=True, passwords=[f"+{password}"], keys=[f"{url.query['prefix']}:*"], categories=["+@all"]
        )
        try:
            yield rendered(url.set(username=name, password=password))
        finally:
            client.acl_deluser(name)


@contextlib.contextmanager
def redis_client(location: str) -> Iterator[Any]:
    """A client of Redis; skips the test if it does not answer."""
    redis = pytest.importorskip("redis")
    client = redis.Redis.from_url(location)
    try:
        client.ping()
    except redis.RedisError as error:
        client.close()
        pytest.skip(f"{REDIS}, {redacted(location)}, does not answer: {error}")
    try:
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def proxy(served: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The location of a storage proxy in front of a database, and its process, which is ended afterwards."""
    port = free_port()
    command = [*SB3_HPO, "storage-proxy", "--storage", served, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        line = process.stdout.readline()
        assert f"grpc://127.0.0.1:{port}" in line, line
        yield f"grpc://127.0.0.1:{port}", process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT_S)


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_password() -> str:
    """A password that appears in nothing else, with what has a meaning in a URL."""
    return f"p@/:?#&%{secrets.token_hex(8)}"


def rendered(url: URL) -> str:
    """A URL as a user writes it, its password included."""
    return url.render_as_string(hide_password=False)


@contextlib.contextmanager
def read_with_optuna(location: str) -> Iterator[BaseStorage]:
    """A storage opened by Optuna's own classes, without this project, and closed afterwards."""
    if location.endswith(".log"):
        yield JournalStorage(JournalFileBackend(location))
    elif location.startswith("redis"):
        url = make_url(location)
        with pytest.warns(Warning, match="experimental"):
            backend = JournalRedisBackend(rendered(url.difference_update_query(["prefix"])), prefix=url.query["prefix"])
        yield JournalStorage(backend)
        backend._redis.close()
    elif location.startswith("grpc"):
        url = make_url(location)
        with pytest.warns(Warning, match="experimental"):
            storage = GrpcStorageProxy(host=url.host, port=url.port)
        yield storage
        storage.close()
    else:
        database = RDBStorage(rendered(parse(location)))
        yield database
        database.engine.dispose()


@contextlib.contextmanager
def closed_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what ``open_storage`` opens meanwhile in this process: a command leaves that to its end."""
    opened: list[BaseStorage] = []
    original = storage._open

    def recorded(*args: Any) -> BaseStorage:
        opened.append(original(*args))
        return opened[-1]

    monkeypatch.setattr(storage, "_open", recorded)
    try:
        yield
    finally:
        for one in opened:
            _close(one)


def _close(one: BaseStorage) -> None:
    if isinstance(one, RDBStorage):
        one.remove_session()
        one.engine.dispose()
    elif isinstance(one, GrpcStorageProxy):
        one.close()
    elif isinstance(one._backend, JournalRedisBackend):
        one._backend._redis.close()
