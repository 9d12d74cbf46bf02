from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import optuna
import pytest

from sb3_hpo.errors import UserError
from sb3_hpo.storage import default_storage, open_storage, redacted, study_names

if TYPE_CHECKING:
    from pathlib import Path


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
    with pytest.raises(UserError, match="cannot be opened: file is not a database") as caught:
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
        ("mysql+pymysql://user@localhost/db", "pymysql", "pymysql"),
        ("mysql://user@localhost/db", "MySQLdb", "mysqlclient"),
        ("postgresql+psycopg2://user@localhost/db", "psycopg2", "psycopg2"),
        ("postgresql+psycopg://user@localhost/db", "psycopg", "psycopg"),
    ],
)
def test_missing_driver_is_named(location: str, module: str, package: str) -> None:
    if importlib.util.find_spec(module) is not None:
        pytest.skip(f"{module} is installed")
    with pytest.raises(UserError, match="needs a driver that is not installed") as caught:
        open_storage(location)
    assert package in str(caught.value).partition("not installed")[2].split()[-1]


def test_driver_that_is_proposed_is_the_one_that_sqlalchemy_loads() -> None:
    """Which one it is where the URL names none has changed between versions of SQLAlchemy."""
    from sqlalchemy.engine import make_url

    url = "postgresql://user@localhost/db"
    driver = make_url(url).get_dialect().driver
    if importlib.util.find_spec(driver) is not None:
        pytest.skip(f"{driver} is installed")
    with pytest.raises(UserError) as caught:
        open_storage(url)
    assert str(caught.value).split()[-1].strip("'\"").partition("[")[0].removesuffix("-binary") == driver


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("postgresql://user:secret@host:5432/db", "postgresql://user:***@host:5432/db"),
        ("--storage=postgresql://user:secret@host/db", "--storage=postgresql://user:***@host/db"),
        ("mysql://user:secret@host:port/db", "mysql://user:***@host:port/db"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("sqlite:///study.db", "sqlite:///study.db"),
        ("study.log", "study.log"),
        ("env_kwargs:dict(a='x:y@z')", "env_kwargs:dict(a='x:y@z')"),
    ],
)
def test_redacted(location: str, expected: str) -> None:
    assert redacted(location) == expected
