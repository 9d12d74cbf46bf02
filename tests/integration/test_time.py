"""Budgets in time."""

from __future__ import annotations

import json
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import optuna
import pytest

from sb3_hpo.affordable import VALIDATION_TIME
from tests.integration.commands import SB3_HPO, run
from tests.integration.in_process import run_command

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS = [sys.executable, "-c", "import sb3_hpo.tuning, sb3_hpo.plugin.task, sb3_hpo.report"]


def seconds_of(command: list[str], folder: Path) -> tuple[float, str]:
    """How long a command takes, start-up included, and what it prints."""
    started = time.monotonic()
    printed = run(command, folder).stdout
    return time.monotonic() - started, printed


def test_a_timeout_bounds_search_and_validation_together(tmp_path):
    start_up, _ = seconds_of(IMPORTS, tmp_path)
    options = ["--timeout", "30", "-n", "1000", "--n-validation-seeds", "200", "--study-name", "timed", "--seed", "1"]
    options += ["--n-validation-episodes", "4"]  # Twenty take longer than a training; a busy machine then ends none.
    seconds, printed = seconds_of([*SB3_HPO, "tune", *options], tmp_path)
    result = json.loads((tmp_path / "logs" / "dqn" / "timed" / "result.json").read_text())
    # Half the time is kept for validation, which can not reach so many seeds and says so.
    assert 1 <= len(result["validation"]["seeds"]) < 200
    assert "validation seeds not trained yet: sb3-hpo validate goes on" in printed
    # The search ends when its time is over; validation trains what the time is expected to be enough for.
    assert 15 <= result["seconds"] <= 33
    # Beside that there is a start of the command, one of its workers, and the files at the end.
    assert seconds <= 33 + 3 * start_up


def test_a_timeout_counts_from_the_start_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    earlier = SimpleNamespace(monotonic=lambda: time.monotonic() - 500.0)  # As if imports had taken that long.
    monkeypatch.setattr("sb3_hpo.cli.time", earlier)
    tune = ["tune", "--algo", "a2c", "--env", "CartPole-v1", "-n", "40", "--n-evaluations", "2", "--pruner", "none"]
    tune += ["--n-trials", "1", "--n-validation-seeds", "1", "--timeout", "60000", "--study-name", "timed"]
    assert run_command(tune) == 0
    study = optuna.load_study(study_name="timed", storage="sqlite:///logs/sb3_hpo.db")
    assert study.user_attrs[VALIDATION_TIME]["seconds"] == pytest.approx(0.5 * (59_400.0 - 500.0), abs=50.0)
