from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sb3_hpo import processes
from sb3_hpo.cli import main

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.mark.parametrize(
    ("words", "n_cores", "starts_others"),
    [
        (["tune"], 2, True),
        (["tune"], 1, False),
        (["tune", "--n-jobs", "1"], 8, False),
        (["tune", "--n-jobs=1"], 8, False),
        (["tune", "--n-jobs", "1", "--n-jobs", "2"], 8, True),
        (["tune", "--n-jobs", "2"], 1, True),
        (["tune", "--n-job", "2"], 1, True),
        (["tune", "--n-jo=2"], 1, True),
        (["tune", "--n-jobs", "10"], 1, True),
        (["tune", "--cluster", "dask://host:1"], 8, False),
        (["validate", "--study-name", "s"], 2, True),
        (["validate", "--study-name", "s", "--n-jobs", "1"], 2, False),
        (["worker", "--study-name", "s", "--n-jobs", "1"], 1, True),  # Works in a process of its own in any case.
        (["tune", "--help"], 2, False),
        (["worker", "-h"], 2, False),
    ],
)
def test_others_are_forked_from_a_process_that_starts_at_once_if_there_will_be_others(
    words: list[str], n_cores: int, starts_others: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[Sequence[str]] = []
    monkeypatch.setattr(processes, "prepare_processes", prepared.append)
    monkeypatch.setattr(processes, "usable_cores", lambda: n_cores)
    with pytest.raises(SystemExit):
        main([*words, "--no-such-option"])
    assert len(prepared) == starts_others
