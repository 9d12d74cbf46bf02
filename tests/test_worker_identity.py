from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sb3_hpo.worker_identity import identity, is_known_dead, is_on_this_machine

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="Linux tells by /proc")

PRINT_IDENTITY = "import json; from sb3_hpo.worker_identity import identity; print(json.dumps(identity()), flush=True)"


def test_this_process_lives() -> None:
    assert is_on_this_machine(identity())
    assert not is_known_dead(identity())


def test_a_process_is_known_dead_once_it_has_ended_even_if_nobody_has_waited_for_it() -> None:
    command = [sys.executable, "-c", f"{PRINT_IDENTITY}; input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        worker = json.loads(process.stdout.readline())
        assert worker["pid"] == process.pid
        assert not is_known_dead(worker)
        process.stdin.close()
        process.stdout.read()
        while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            pass
        assert is_known_dead(worker)
    assert is_known_dead(worker)


@pytest.mark.parametrize("key", ["host", "boot", "namespace"])
def test_nothing_is_known_of_processes_elsewhere(key: str) -> None:
    worker = {**identity(), "pid": 2**22 + 1, "started": 1}
    assert is_known_dead(worker)
    assert not is_known_dead({**worker, key: "another"})
    assert not is_known_dead({**worker, key: None})
    assert not is_on_this_machine({**worker, key: "another"})


def test_a_number_that_was_given_to_another_process_is_not_the_worker() -> None:
    mine = identity()
    assert is_known_dead({**mine, "started": mine["started"] - 1})


@pytest.mark.parametrize("worker", [None, "text", {}, {"pid": 1}, {**identity(), "started": None}])
def test_what_is_no_identity_is_not_known_to_be_dead(worker: object) -> None:
    assert not is_known_dead(worker)


def test_a_pid_that_is_no_number_is_looked_up_nowhere() -> None:
    assert not is_known_dead({**identity(), "pid": "../../etc/passwd"})
