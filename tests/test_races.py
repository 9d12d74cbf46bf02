"""Processes that begin at the same instant on a storage that is new: the number is exact, and nothing is twice."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import optuna
import pytest

from tests import storages
from tests.fast_search import race
from tests.fault_scene import check_trials
from tests.forked_commands import TIMEOUT_S, forking_context

if TYPE_CHECKING:
    from pathlib import Path

N_PROCESSES = 4

REPETITIONS = int(os.environ.get("SB3_HPO_TEST_REPETITIONS", "2"))
"""Races in each test; ``SB3_HPO_TEST_REPETITIONS=20 pytest tests/test_races.py`` takes minutes."""


@pytest.mark.parametrize(("options", "n"), [({"max_total_trials": 6}, 6), ({"n_trials": 2}, 2 * N_PROCESSES)])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_race_for_the_budget_ends_in_a_tie(kind: str, options: dict[str, int], n: int, tmp_path: Path) -> None:
    context = forking_context()
    start = context.Barrier(N_PROCESSES)
    with contextlib.ExitStack() as stack:
        locations = []
        for repetition in range(REPETITIONS):
            folder = tmp_path / str(repetition)
            folder.mkdir()
            locations.append(stack.enter_context(storages.fresh(kind, folder)))
        processes = [context.Process(target=race, args=(locations, options, start)) for _ in range(N_PROCESSES)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(TIMEOUT_S * REPETITIONS)
        assert [process.exitcode for process in processes] == [0] * N_PROCESSES
        for location in locations:
            with storages.read_with_optuna(location) as storage:
                check_trials(optuna.load_study(study_name="raced", storage=storage).get_trials(), n)
