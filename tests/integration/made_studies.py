"""Studies that are made once for all tests of a module: each test has a copy of its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import optuna
import pytest

from tests.integration.in_process import run_command

if TYPE_CHECKING:
    from pathlib import Path

STORAGE = "sqlite:///logs/sb3_hpo.db"
NAME = "s"


def made_study(tmp_path_factory: pytest.TempPathFactory, options: list[str]) -> Path:
    """A folder in which ``sb3-hpo tune`` has made a study named :data:`NAME`."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run_command(["tune", "--study-name", NAME, *options]) == 0
    return folder


def copied_study(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> optuna.Study:
    """The study in a folder of the test's own, which the test then works in."""
    shutil.copytree(made / "logs", tmp_path / "logs")
    monkeypatch.chdir(tmp_path)
    return optuna.load_study(study_name=NAME, storage=STORAGE)
