"""A database that goes away under a running study and comes back.

Five seconds long; ``SB3_HPO_TEST_SLOW=1 pytest tests/integration/test_lost_storage.py`` has it away for 65.
"""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

from sb3_hpo.trial_attributes import NotAdmittedError
from tests import storages
from tests.fault_scene import IS_SLOW, Scene
from tests.forked_commands import ForkedCommand, forked, wait_until
from tests.relays import relayed

if TYPE_CHECKING:
    from pathlib import Path

AWAY_S = 65.0 if IS_SLOW else 5.0

WAITS, ANSWERS = "the storage does not answer: trying again for 120 s", "the storage answers again"


def check_went_on(scene: Scene, command: ForkedCommand) -> None:
    output = command.ends()
    assert WAITS in output
    assert ANSWERS in output
    assert "Traceback" not in output
    trials = scene.check(4)
    # Two workers may have begun the last trial at once: one of them gives its own up before it trained anything.
    failures = [str(trial.user_attrs["failure"]) for trial in trials if "failure" in trial.user_attrs]
    assert not [failure for failure in failures if not failure.startswith(NotAdmittedError.__name__)]
    assert json.loads((scene.logs / "result.json").read_text())["n_trials"]["complete"] == 4


@pytest.mark.parametrize("kind", ["postgresql", "mysql", "redis"] if IS_SLOW else ["postgresql"])
def test_a_study_goes_on_when_its_database_is_back(kind: str, tmp_path: Path) -> None:
    with storages.fresh(kind, tmp_path) as location, relayed(location) as (through, relay):
        scene = Scene(location, tmp_path)
        scene.slow_down()
        with scene.tune("--n-trials", "4", location=through) as command:
            scene.running(command, 2)
            relay.cut()
            scene.speed_up()
            time.sleep(AWAY_S)
            relay.mend()
            check_went_on(scene, command)


def test_a_study_goes_on_when_its_proxy_is_back(tmp_path: Path) -> None:
    served, port = f"sqlite:///{tmp_path / 'served.db'}", storages.free_port()
    proxy = ["storage-proxy", "--storage", served, "--port", str(port)]
    scene = Scene(served, tmp_path)
    with forked(proxy, tmp_path / "first") as first:
        first.wait_for("grpc://")
        scene.slow_down()
        with scene.tune("--n-trials", "4", location=f"grpc://127.0.0.1:{port}") as command:
            scene.running(command, 2)
            first.send(signal.SIGTERM)
            first.process.join()
            scene.speed_up()
            time.sleep(AWAY_S)
            with forked(proxy, tmp_path / "second") as second:
                second.wait_for("grpc://")
                check_went_on(scene, command)
                second.send(signal.SIGTERM)
                wait_until(lambda: not second.process.is_alive())
