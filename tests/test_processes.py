from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from sb3_hpo import processes
from sb3_hpo.processes import prepare_processes, process_context, usable_cores
from tests.forked_commands import PRELOADED

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("content", "n_cores"),
    [
        ("max 100000\n", 8),
        ("250000 100000\n", 2),
        ("50000 100000\n", 1),
        ("1600000 100000\n", 8),
        ("nonsense\n", 8),
        ("", 8),
        (None, 8),
    ],
)
def test_cores_are_those_of_the_affinity_within_the_quota(
    content: str | None, n_cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota = tmp_path / "cpu.max"
    if content is not None:
        quota.write_text(content)
    monkeypatch.setattr(processes, "_QUOTA", quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert usable_cores() == n_cores


def test_processes_never_share_what_this_one_has_open() -> None:
    assert process_context().get_start_method() in ("forkserver", "spawn")


def test_ctrl_c_is_this_process_s_again_once_others_are_prepared() -> None:
    before = signal.getsignal(signal.SIGINT)
    prepare_processes(PRELOADED)
    assert signal.getsignal(signal.SIGINT) == before
