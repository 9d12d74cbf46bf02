from __future__ import annotations

import pickle
import re
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest

from sb3_hpo.errors import UserError
from sb3_hpo.storage import default_storage, open_storage, storage_location, study_names
from sb3_hpo.storages import databases
from tests.storages import closed_afterwards, execute, redis_client


@pytest.mark.parametrize(
    "location", ["study", "study.db", "/somewhere/study", "", "C:\\study.db", "nosuchdatabase://host/x", "x.log.txt"]
)
def test_location_of_no_kind_is_refused_with_examples(location: str) -> None:
    with pytest.raises(UserError, match=r"is no database URL and no journal file: write sqlite:///study\.db") as caught:
        open_storage(location)
    assert repr(location) in str(caught.value)


@pytest.mark.parametrize("kind", ["sqlite:///{}.db", "{}.log"])
def test_study_is_there_again_and_folders_are_made(tmp_path: Path, kind: str) -> None:
    location = kind.format(tmp_path / "new" / "folder" / "study")
    storage = open_storage(location)
    study = optuna.create_study(storage=storage, study_name="s", direction="maximize")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    again = open_storage(location)
    assert study_names(again) == ["s"]
    assert optuna.load_study(storage=again, study_name="s").best_value == study.best_value


def test_default_storage_lies_in_the_log_folder(tmp_path: Path) -> None:
    folder = tmp_path / "my logs"
    open_storage(default_storage(str(folder)))
    assert [path.name for path in folder.iterdir()] == ["sb3_hpo.db"]


@pytest.mark.parametrize("kind", ["sqlite:///{}.db", "{}.log"])
def test_path_that_cannot_be_written_is_named(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "file"
    file.write_text("a regular file")
    location = kind.format(file / "below" / "study")
    with pytest.raises(UserError, match=r"cannot be written: .*; name another file") as caught:
        open_storage(location)
    assert str(file / "below" / "study") in str(caught.value)
    assert file.read_text() == "a regular file"


def test_file_that_is_no_database_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_text("these are my notes" * 100)
    with pytest.raises(UserError, match="is damaged: it is no SQLite database, or its beginning") as caught:
        open_storage(f"sqlite:///{file}")
    assert "\n" not in str(caught.value)
    assert file.read_text().startswith("these are my notes")


@pytest.mark.parametrize(
    "location",
    [
        "postgresql://user:secret@localhost:1/db",
        "mysql+pymysql://user:secret@localhost:1/db",
        "postgres://user:secret@localhost/db",
        "nosuchdatabase://user:secret@localhost/db",
        "mysql://user:secret@localhost:port/db",
        "postgresql://user:se@cret-secret@localhost:1/db",
        "postgresql://localhost:1/db?user=user&password=secret",
        "my database://user:secret@localhost/db",
    ],
)
def test_password_is_in_no_message(location: str) -> None:
    with pytest.raises(UserError) as caught:
        open_storage(location)
    message = str(caught.value)
    assert "secret" not in message
    assert "localhost" in message


@pytest.mark.parametrize(
    ("location", "module", "package"),
    [
        ("postgresql://user@localhost/db", "psycopg", "sb3-hpo[postgresql]"),
        ("postgresql+psycopg://user@localhost/db", "psycopg", "sb3-hpo[postgresql]"),
        ("mysql://user@localhost/db", "pymysql", "sb3-hpo[mysql]"),
        ("mariadb://user@localhost/db", "pymysql", "sb3-hpo[mysql]"),
        ("redis://localhost", "redis", "sb3-hpo[redis]"),
        ("rediss://localhost", "redis", "sb3-hpo[redis]"),
        ("grpc://localhost:1", "grpc", "sb3-hpo[grpc]"),
        ("mysql+mysqldb://user@localhost/db", "MySQLdb", "mysqlclient"),
        ("mariadb+mysqldb://user@localhost/db", "MySQLdb", "mysqlclient"),
        ("postgresql+psycopg2://user@localhost/db", "psycopg2", "psycopg2-binary"),
        ("postgresql+pg8000://user@localhost/db", "pg8000", "pg8000"),
    ],
)
def test_missing_driver_is_named_as_pip_takes_it(
    location: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError) as caught:
        open_storage(location)
    assert str(caught.value) == (f"storage {location!r} needs a driver that is not installed: pip install '{package}'")


@pytest.mark.parametrize(
    ("extra", "package"),
    [("postgresql", "psycopg[binary]"), ("mysql", "PyMySQL"), ("redis", "redis"), ("grpc", "grpcio")],
)
def test_extra_that_is_named_installs_the_driver(extra: str, package: str) -> None:
    pyproject = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(rf'^{extra} = \["{re.escape(package)}>=', pyproject, flags=re.MULTILINE)


def test_default_storage_with_braces_in_its_path_is_one(tmp_path: Path) -> None:
    open_storage(f"sqlite:///{tmp_path / '{study}.db'}")
    assert [path.name for path in tmp_path.iterdir()] == ["{study}.db"]


def test_folder_and_file_of_something_else_are_no_journals(tmp_path: Path) -> None:
    (tmp_path / "folder.log").mkdir()
    for create in (True, False):
        with pytest.raises(UserError, match=r"folder\.log'.*(Is a directory|is a folder)"):
            open_storage(str(tmp_path / "folder.log"), create=create)
    for text in ("epoch 1, loss 0.3\nepoch 2, loss 0.2\n", '{"loss": 0.3}\n', "3\n", "[]\n"):
        file = tmp_path / "training.log"
        file.write_text(text)
        with pytest.raises(UserError, match="is damaged"):
            open_storage(str(file))
        assert file.read_text() == text


def test_storage_is_the_one_given_or_that_of_the_environment_or_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert storage_location(None, "logs") == default_storage("logs")
    monkeypatch.setenv("SB3_HPO_STORAGE", "")
    assert storage_location(None, "logs") == default_storage("logs")
    monkeypatch.setenv("SB3_HPO_STORAGE", "elsewhere.log")
    assert storage_location(None, "logs") == "elsewhere.log"
    assert storage_location("here.log", "logs") == "here.log"


def test_database_gets_the_keyword_arguments_of_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(databases.RDB_KWARGS, "grace_period", 7)
    storage = open_storage(f"sqlite:///{tmp_path / 'study.db'}")
    assert storage.grace_period == 7


def test_server_is_given_a_bound_and_asked_before_a_connection_is_used_again(postgresql_location: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch, closed_afterwards(monkeypatch):
        storage = open_storage(f"{postgresql_location}?application_name=mine")
        assert storage.engine.driver == "psycopg"
        assert storage.engine_kwargs == {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}}
        storage = open_storage(f"{postgresql_location}?connect_timeout=3")
        assert storage.engine_kwargs["connect_args"] == {}


class Bomb:
    """Unpickled, it would leave a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.path,)


def test_nothing_in_redis_is_unpickled(redis_location: str, tmp_path: Path) -> None:
    prefix = redis_location.partition("prefix=")[2]
    snapshot = pickle.dumps(Bomb(tmp_path / "exploded"))
    with redis_client(redis_location.partition("?")[0]) as client:
        client.set(f"{prefix}:snapshot", snapshot)
        with pytest.MonkeyPatch.context() as monkeypatch, closed_afterwards(monkeypatch):
            study = optuna.create_study(storage=open_storage(redis_location), study_name="s")
            for _ in range(101):  # Optuna would make a snapshot now and then.
                study._storage.create_new_trial(study._study_id)
            again = optuna.load_study(storage=open_storage(redis_location), study_name="s")
        assert len(again.trials) == 101
        assert client.get(f"{prefix}:snapshot") == snapshot
    assert not (tmp_path / "exploded").exists()
    pickle.loads(snapshot)
    assert (tmp_path / "exploded").exists()


def test_mysql_keeps_as_much_as_the_readme_says(mysql_location: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch, closed_afterwards(monkeypatch):
        study = optuna.create_study(storage=open_storage(mysql_location))
        trial = optuna.Trial(study, study._storage.create_new_trial(study._study_id))
        trial.set_user_attr("runs", "x" * 65_000)
        with pytest.raises(optuna.exceptions.StorageInternalError):
            trial.set_user_attr("runs", "x" * 66_000)
        execute(mysql_location, "ALTER TABLE trial_user_attributes MODIFY value_json MEDIUMTEXT")
        trial.set_user_attr("runs", "x" * 66_000)
        assert trial.study.trials[0].user_attrs["runs"] == "x" * 66_000
