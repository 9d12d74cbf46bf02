from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sb3_hpo import processes
from sb3_hpo.processes import prepare_processes, process_context, usable_cores
from tests.forked_commands import PRELOADED, forking_context, reuse_the_forkserver

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


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


SIGNALLED_FORKSERVER = """
import os, signal, time
from multiprocessing import forkserver
from sb3_hpo.processes import prepare_processes, process_context

if __name__ == "__main__":
    before = signal.getsignal(signal.SIGTERM)
    prepare_processes(["json"])
    assert signal.getsignal(signal.SIGTERM) is before
    server = forkserver._forkserver._forkserver_pid
    worker = process_context().Process(target=time.sleep, args=(60,), daemon=True)
    worker.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(server, number)
    time.sleep(0.5)
    assert os.waitpid(server, os.WNOHANG) == (0, 0), "the forkserver is gone"
    assert worker.is_alive(), "the worker is gone"
    worker.terminate()
    worker.join(30)
    assert worker.exitcode == -signal.SIGTERM, worker.exitcode
    again = process_context().Process(target=print, args=("forked again",))
    again.start()
    again.join(30)
    assert again.exitcode == 0
    assert forkserver._forkserver._forkserver_pid == server
"""
"""A process that has a forkserver of its own, as a command has."""


def test_a_signal_to_all_leaves_the_process_that_others_are_forked_from_alive(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SIGNALLED_FORKSERVER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    ended = subprocess.run(
        [sys.executable, str(script)], env=environment, check=False, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr


def test_ctrl_c_is_this_process_s_again_once_others_are_prepared() -> None:
    before = signal.getsignal(signal.SIGINT)
    prepare_processes(PRELOADED)
    assert signal.getsignal(signal.SIGINT) == before


def test_what_a_forked_command_starts_is_forked_from_where_it_was_forked_itself() -> None:
    """Another process that has imported everything takes seconds, and none of them is what such a test is about."""
    ours, theirs = forking_context().Pipe()
    command = forking_context().Process(target=_start_and_tell_parents, args=(theirs,))
    command.start()
    of_command, of_worker = ours.recv()
    command.join(30)
    assert of_command == of_worker != os.getpid()


def _start_and_tell_parents(connection: Connection) -> None:
    reuse_the_forkserver()
    prepare_processes(["json"])
    ours, theirs = process_context().Pipe()
    worker = process_context().Process(target=_tell_parent, args=(theirs,))
    worker.start()
    connection.send((os.getppid(), ours.recv()))
    worker.join(30)


def _tell_parent(connection: Connection) -> None:
    connection.send(os.getppid())
