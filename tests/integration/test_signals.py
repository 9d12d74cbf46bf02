"""Ctrl-C and SIGTERM at each stage of a command: exit code, results, and what is handed back."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from sb3_hpo import interruption, result
from sb3_hpo.trial_attributes import was_interrupted
from tests import storages
from tests.environments import SlowedCartPole
from tests.fault_scene import IS_SLOW, TINY, VALIDATION, Scene, is_gone, params_of, pid_of
from tests.integration.in_process import run_command
from tests.running_commands import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from tests.running_commands import RunningCommand

INT, TERM = signal.SIGINT, signal.SIGTERM

FEW = [("sqlite", TERM, 1), ("sqlite", INT, 2)]
ALL = [(kind, number, n_jobs) for kind in ("sqlite", "postgresql") for number in (INT, TERM) for n_jobs in (1, 2)]
"""With ``SB3_HPO_TEST_SLOW=1``."""

EVERY_WAY = pytest.mark.parametrize(("scene", "number", "n_jobs"), ALL if IS_SLOW else FEW, indirect=["scene"])


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with storages.fresh(getattr(request, "param", "sqlite"), tmp_path) as location:
        yield Scene(location, tmp_path)


def handed_back(scene: Scene, running: list[FrozenTrial]) -> list[FrozenTrial]:
    """What waits, after making sure that it is what was running."""
    trials = scene.trials()
    assert not [trial.number for trial in trials if trial.state == TrialState.RUNNING]
    assert all(was_interrupted(trials[trial.number]) for trial in running)
    were_running = {params_of(trial) for trial in running}
    waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
    begun = [trial for trial in waiting if params_of(trial) in were_running]
    assert {params_of(trial) for trial in begun} == were_running
    # All else that waits are known configurations that nobody has come to.
    assert all("origin" in trial.user_attrs for trial in waiting if trial not in begun)
    return begun


def ends_by(command: RunningCommand, number: signal.Signals) -> str:
    output = command.ends(128 + number)
    assert "Traceback" not in output, output
    return output


def results(scene: Scene) -> dict:
    assert (scene.logs / "best.yml").exists()
    return json.loads((scene.logs / "result.json").read_text())


@EVERY_WAY
def test_in_the_first_trial(scene: Scene, number: signal.Signals, n_jobs: int) -> None:
    scene.slow_down()
    with scene.tune("--n-trials", "3", n_jobs=n_jobs) as command:
        running = scene.running(command, n_jobs)
        command.send(number)
        assert "No trial was completed" in ends_by(command, number)
    waiting = handed_back(scene, running)
    assert len(waiting) == n_jobs
    assert results(scene)["winner"]["trial"] is None

    scene.speed_up()
    with scene.tune("--n-trials", "3", n_jobs=n_jobs) as command:
        command.ends()
    trials = scene.check(3)
    assert all(trials[trial.number].state == TrialState.COMPLETE for trial in waiting)


@EVERY_WAY
def test_in_the_search_and_again_in_the_validation(scene: Scene, number: signal.Signals, n_jobs: int) -> None:
    with scene.tune("--n-trials", "50", n_jobs=n_jobs, n_seeds=9) as command:
        command.wait_for("trial 0 ")
        scene.slow_down()
        running = scene.running(command, n_jobs)
        command.send(number)
        trainings = scene.running(command, n_jobs, "s-validation")
        time.sleep(interruption.ECHO_S + 0.1)
        command.send(number)
        ends_by(command, number)
    handed_back(scene, [trial for trial in running if scene.trials()[trial.number].state == TrialState.FAIL])
    n_complete = sum(trial.state == TrialState.COMPLETE for trial in scene.trials())
    assert results(scene)["n_trials"]["complete"] == n_complete >= 1
    validation = scene.trials("s-validation")
    assert {validation[training.number].state for training in trainings} == {TrialState.FAIL}
    assert all(trial.state.is_finished() for trial in validation)
    assert all(is_gone(pid_of(trial)) for trial in running if pid_of(trial) != os.getpid())


@EVERY_WAY
def test_twice_in_the_search_ends_at_once(scene: Scene, number: signal.Signals, n_jobs: int, monkeypatch) -> None:
    scene.slow_down()
    with scene.tune("--n-trials", "3", n_jobs=n_jobs) as command:
        running = scene.running(command, n_jobs)
        stopped = [pid for pid in map(pid_of, running) if pid != command.pid]
        for pid in stopped:  # They cannot hand back what they run.
            os.kill(pid, signal.SIGSTOP)
        command.send(number)
        if n_jobs == 1:
            ends_by(command, number)
        else:
            time.sleep(interruption.ECHO_S + 0.1)
            command.send(number)
            assert "stopped; finished trials are kept" in ends_by(command, number)
    assert len(handed_back(scene, running)) == n_jobs
    wait_until(lambda: all(map(is_gone, stopped)))


@pytest.mark.parametrize("scene", ["sqlite", "postgresql"], indirect=True)
def test_ctrl_c_in_a_terminal_which_all_processes_get(scene: Scene) -> None:
    scene.slow_down()
    with scene.tune_in_session("--n-trials", "3") as command:
        running = scene.running(command, 2)
        # And the one that the workers are forked from.
        assert {command.pid, *map(pid_of, running)} < command.group
        command.send_to_group(INT)
        assert "No trial was completed" in ends_by(command, INT)
        wait_until(lambda: not command.group, lambda: str(command.group), seconds=20)
    assert "KeyboardInterrupt" not in command.output
    waiting = handed_back(scene, running)
    assert {params_of(trial) for trial in waiting} == {params_of(trial) for trial in running}


@pytest.mark.parametrize("number", [INT, TERM])
def test_while_the_report_is_written(number: signal.Signals, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    original = result.zoo_yaml

    def interrupted(*args):
        os.kill(os.getpid(), number)
        return original(*args)

    monkeypatch.setattr(result, "zoo_yaml", interrupted)
    assert SlowedCartPole is not None
    env = ["--env", "Slowed-v0", "--gym-packages", "tests.environments", "--study-name", "s", "--n-jobs", "1"]
    assert run_command(["tune", *env, *TINY, *VALIDATION, "0", "--n-trials", "1"]) == 128 + number
    folder = tmp_path / "logs" / "dqn" / "s"
    assert sorted(path.name for path in folder.iterdir()) == ["best.yml", "report.html", "result.json"]
    assert "train with" in (folder / "best.yml").read_text().lower()
