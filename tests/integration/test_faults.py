"""Processes that are killed while a study is tuned: nothing is lost, nothing is twice, the number is right."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from sb3_hpo.trial_attributes import (
    ENVIRONMENT_STEPS,
    FAILURE,
    REASON,
    RUNS,
    TAKEN_OVER_FROM,
    lost_its_worker,
    was_interrupted,
)
from tests import storages
from tests.fault_scene import Scene, is_gone, params_of, pid_of
from tests.running_commands import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.trial import FrozenTrial

pytestmark = pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="finds processes through /proc")

BOTH = ("sqlite", "postgresql")


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with storages.fresh(getattr(request, "param", "sqlite"), tmp_path) as location:
        yield Scene(location, tmp_path)


def on(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("scene", kinds, indirect=True)


def history(trials: list[FrozenTrial], dead: FrozenTrial) -> list[FrozenTrial]:
    """The trials that tried a dead one's parameters again."""
    return [trial for trial in trials if dead.number in trial.system_attrs.get("retry_history", [])]


@on(*BOTH, "journal", "redis")
def test_a_trial_whose_worker_is_killed_is_tried_again(scene: Scene) -> None:
    scene.slow_down()
    with scene.tune("--n-trials", "3") as command:
        dead = scene.running(command)[0]
        os.kill(pid_of(dead), signal.SIGKILL)
        wait_until(lambda: is_gone(pid_of(dead)))
        scene.speed_up()
        command.ends()
    trials = scene.check(3)
    assert trials[dead.number].state == TrialState.FAIL
    assert trials[dead.number].user_attrs[FAILURE] == "WorkerDiedError: its process is gone"
    (again,) = history(trials, dead)
    assert again.state == TrialState.COMPLETE
    assert params_of(again) == params_of(dead)


@on(*BOTH)
def test_a_trial_that_is_tried_again_keeps_the_seeds_that_were_trained(scene: Scene) -> None:
    # Whichever of the two processes is faster, the last of the four trainings is one on a second seed.
    with scene.tune("--n-trials", "2", "--n-seeds", "2", n_deaths=1, n_spared=3) as command:
        command.ends()
    trials = scene.check(2)
    (dead,) = filter(lost_its_worker, trials)
    (again,) = history(trials, dead)
    (first,) = dead.user_attrs[RUNS]
    kept, second = again.user_attrs[RUNS]
    assert kept == {TAKEN_OVER_FROM: dead.number, **first}
    assert TAKEN_OVER_FROM not in second
    assert again.user_attrs[ENVIRONMENT_STEPS] == second["n_timesteps"]
    assert again.user_attrs[REASON] == f"seed {first['seed']} as trial {dead.number} trained it"


@on(*BOTH)
def test_a_trial_whose_workers_always_die_fails_with_the_reason(scene: Scene) -> None:
    with scene.tune("--n-trials", "3", n_deaths=4) as command:
        command.ends()
    trials = scene.check(3, n_defaults=None)
    dead = [trial for trial in trials if lost_its_worker(trial)]
    assert len(dead) == 4
    assert len([trial for trial in trials if trial.state == TrialState.COMPLETE]) == 3
    for trial in dead:
        n_retries = len(trial.system_attrs.get("retry_history", []))
        assert len(history(trials, trial)) == (1 if n_retries == 0 else 0)


def test_a_study_in_which_every_training_kills_its_process_ends(scene: Scene) -> None:
    """By the deaths of workers: those trials have retries, and are no failures in a row."""
    with scene.tune("--n-trials", "3", "--max-consecutive-failures", "1", n_deaths=99) as command:
        output = command.ends(1)
    assert "6 workers died one after the other, the last one with signal SIGKILL" in output
    assert not [trial for trial in scene.trials() if trial.state == TrialState.RUNNING]


@pytest.mark.parametrize("what", ["the parent", "all"])
@on(*BOTH)
def test_a_study_whose_processes_were_killed_goes_on(scene: Scene, what: str) -> None:
    scene.slow_down()
    with scene.tune("--max-total-trials", "4") as command:
        running = scene.running(command, 2)
        pids = [pid_of(trial) for trial in running]
        for pid in [command.pid, *(pids if what == "all" else [])]:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: all(map(is_gone, pids)), seconds=20)
    left = scene.trials()
    if what == "the parent":
        assert not [trial for trial in left if trial.state == TrialState.RUNNING]
        assert all(was_interrupted(left[trial.number]) for trial in running)
    scene.speed_up()
    with scene.tune("--max-total-trials", "4") as command:
        command.ends()
    trials = scene.check(4)
    finished = {params_of(trial) for trial in trials if trial.state == TrialState.COMPLETE}
    assert {params_of(trial) for trial in running} <= finished
    if what == "all":
        assert all(lost_its_worker(trials[trial.number]) for trial in running)
    assert "Traceback" not in command.output


@on(*BOTH)
def test_a_study_goes_on_whose_process_group_was_killed(scene: Scene) -> None:
    scene.slow_down()
    with scene.tune_in_session("--max-total-trials", "4") as command:
        running = scene.running(command, 2)
        assert {command.pid, *map(pid_of, running)} < command.group
        command.send_to_group(signal.SIGKILL)
        command.ends(-signal.SIGKILL)
        wait_until(lambda: not command.group, seconds=20)
    assert {trial.state for trial in scene.trials() if trial.params} == {TrialState.RUNNING}
    scene.speed_up()
    with scene.tune("--max-total-trials", "4") as again:
        output = again.ends()
    trials = scene.check(4)
    assert all(lost_its_worker(trials[trial.number]) for trial in running)
    finished = {params_of(trial) for trial in trials if trial.state == TrialState.COMPLETE}
    assert {params_of(trial) for trial in running} <= finished
    assert "Traceback" not in output
