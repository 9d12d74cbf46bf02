from __future__ import annotations

import gc
import os
import sqlite3
from typing import TYPE_CHECKING

import optuna
import pytest
import torch
from hypothesis import settings
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests import storages
from tests.tasks import FakeTask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

torch.set_num_threads(1)
os.environ.pop("SB3_HPO_STORAGE", None)  # Tests keep their studies to themselves.
optuna.logging.set_verbosity(optuna.logging.CRITICAL)
# How long an example takes on a machine that does other work, too, says nothing about the code.
settings.register_profile("sb3-hpo", deadline=None)
settings.load_profile("sb3-hpo")


@event.listens_for(Engine, "connect")
def _do_not_wait_for_the_disk(connection: object, record: object) -> None:
    """SQLite waits for the disk at every commit, for when the power fails; no test pulls the plug."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


def pytest_collection_finish() -> None:
    """Spare what the imports left behind from each collection: the search runs one after every trial."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def study() -> optuna.Study:
    """A study in memory that samples at random and never prunes."""
    return optuna.create_study(
        direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0), pruner=optuna.pruners.NopPruner()
    )


@pytest.fixture
def storage() -> optuna.storages.BaseStorage:
    return optuna.storages.InMemoryStorage()


@pytest.fixture
def task() -> FakeTask:
    return FakeTask()


@pytest.fixture
def postgresql_location() -> Iterator[str]:
    """The URL of an empty PostgreSQL database, dropped after the test."""
    with storages.fresh_database(storages.POSTGRESQL) as location:
        yield location


@pytest.fixture
def mysql_location() -> Iterator[str]:
    """The URL of an empty MySQL or MariaDB database, dropped after the test."""
    with storages.fresh_database(storages.MYSQL) as location:
        yield location


@pytest.fixture
def redis_location() -> Iterator[str]:
    """The URL of an empty journal in Redis, deleted after the test."""
    with storages.fresh_redis() as location:
        yield location


@pytest.fixture(params=storages.KINDS)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The location of an empty storage, of every kind in turn."""
    with storages.fresh(request.param, tmp_path) as location:
        yield location
