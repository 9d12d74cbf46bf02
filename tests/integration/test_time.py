"""Budgets in time."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from tests.integration.commands import SB3_HPO, run

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
    seconds, printed = seconds_of([*SB3_HPO, "tune", *options], tmp_path)
    result = json.loads((tmp_path / "logs" / "dqn" / "timed" / "result.json").read_text())
    # Half the time is kept for validation, which can not reach so many seeds and says so.
    assert 1 <= len(result["validation"]["seeds"]) < 200
    assert "validation seeds not trained yet: sb3-hpo validate goes on" in printed
    # The search ends when its time is over; validation trains what the time is expected to be enough for.
    assert 15 <= result["seconds"] <= 33
    # Beside that there is a start of the command, one of its workers, and the files at the end.
    assert seconds <= 33 + 3 * start_up
