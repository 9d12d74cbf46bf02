"""Budgets in time."""

from __future__ import annotations

import json
import time

from tests.integration.commands import SB3_HPO, run


def test_a_timeout_bounds_search_and_validation_together(tmp_path):
    started = time.monotonic()
    options = ["--timeout", "30", "-n", "2000", "--n-validation-seeds", "50", "--study-name", "timed", "--seed", "1"]
    done = run([*SB3_HPO, "tune", *options], tmp_path)
    seconds = time.monotonic() - started
    result = json.loads((tmp_path / "logs" / "dqn" / "timed" / "result.json").read_text())
    # Half the time is kept for validation, which can not reach fifty seeds and says so.
    assert 1 <= len(result["validation"]["seeds"]) < 50
    assert "validation seeds not reached in time" in done.stdout
    # The search ends when its time is over; validation trains what the time is expected to be enough for.
    assert 15 <= result["seconds"] <= 33
    assert seconds < 50  # start-up included
