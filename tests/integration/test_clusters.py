"""``--cluster``: workers on a cluster of Dask and on one of Ray, each of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy.engine import make_url

from sb3_hpo.clusters.addresses import ClusterAddress
from sb3_hpo.clusters.jobs import JobLostError, Order
from sb3_hpo.clusters.opening import open_cluster
from sb3_hpo.trial_attributes import WORKER
from sb3_hpo.worker_identity import CREW
from tests import clusters, storages
from tests.running_commands import wait_until
from tests.session_commands import in_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.session_commands import SessionCommand

WAIT_S = 150

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
TUNE = ["tune", "--algo", "dqn", "--env", "CartPole-v1", "-n", "600", "--seed", "7", "--pruner", "none"]
TUNE += ["--study-name", "far", "--n-finalists", "1"]

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("dask")
    with clusters.dask(folder) as address:
        yield address, folder


@pytest.fixture(scope="module")
def ray() -> Iterator[tuple[str, Path]]:
    with clusters.ray() as found:
        yield found


@linux
def test_dask_keeps_the_budget_when_a_worker_is_killed_and_shows_no_password(dask, postgresql_location, tmp_path):
    address, logs = dask
    password = f"secret{os.urandom(8).hex()}"
    location = storages.rendered(make_url(postgresql_location).set(password=password))
    options = ["--cluster", address, "--n-trials", "3", "--n-validation-seeds", "1"]
    with _tuning(options, location, tmp_path) as (command, storage):
        killed = _running_pid(command, storage)
        os.kill(killed, signal.SIGKILL)
        shown = clusters.command_lines()
        printed = command.ends()
        study = optuna.load_study(study_name="far", storage=storage)
        finished = [trial for trial in study.trials if trial.state in FINISHED]
        assert len(finished) == 3
        assert killed not in {trial.user_attrs[WORKER]["pid"] for trial in finished}
        assert len([trial for trial in study.trials if "retry_history" in trial.system_attrs]) == 1
        validation = optuna.load_study(study_name="far-validation", storage=storage)
        crews = {trial.user_attrs[WORKER][CREW] for trial in [*finished, *validation.get_trials(states=FINISHED)]}
        assert crews == {study.user_attrs["command"]}
    result = json.loads((tmp_path / "logs" / "dqn" / "far" / "result.json").read_text())
    assert result["n_trials"]["complete"] == 3
    _fail_with(address, password)
    logged = _content_of(logs)
    assert "Compute Failed" in logged
    for text in (logged, printed, shown, _content_of(tmp_path)):
        assert password not in text
        assert not contains_settings(text)


@linux
def test_dask_outlives_its_own_process_and_ctrl_c_hands_back(dask, tmp_path):
    address, _ = dask
    options = ["--cluster", address, "--n-trials", "50", "--n-validation-seeds", "0"]
    with _tuning(options, str(tmp_path / "far.log"), tmp_path) as (command, storage):
        os.kill(clusters.parent_of(_running_pid(command, storage)), signal.SIGKILL)
        wait_until(lambda: any(trial.state in FINISHED for trial in _trials(storage)), lambda: command.output, WAIT_S)
        command.send(signal.SIGINT)
        command.ends(130)
        trials = _trials(storage)
    assert (tmp_path / "logs" / "dqn" / "far" / "result.json").exists()
    assert not [trial for trial in trials if trial.state == TrialState.RUNNING]
    assert 1 <= len([trial for trial in trials if trial.state == TrialState.WAITING]) <= 4


@linux
def test_ray_keeps_the_budget_when_its_own_process_is_killed_and_shows_no_password(ray, tmp_path):
    address, logs = ray
    options = ["--cluster", address, "--n-trials", "3", "--n-validation-seeds", "0"]
    with _tuning(options, f"sqlite:///{tmp_path / 'far.db'}", tmp_path) as (command, storage):
        os.kill(clusters.parent_of(_running_pid(command, storage)), signal.SIGKILL)
        command.ends()
        trials = _trials(storage)
    assert len([trial for trial in trials if trial.state in FINISHED]) == 3
    assert len([trial for trial in trials if trial.state == TrialState.FAIL]) == 1
    assert (tmp_path / "logs" / "dqn" / "far" / "result.json").exists()
    password = f"secret{os.urandom(8).hex()}"
    _fail_with(address, password)
    logged = _content_of(logs)
    assert "Traceback" in logged or "AttributeError" in logged
    assert password not in logged


@linux
def test_ray_hands_back_on_ctrl_c_and_shows_no_password(ray, postgresql_location, tmp_path):
    address, logs = ray
    password = f"secret{os.urandom(8).hex()}"
    location = storages.rendered(make_url(postgresql_location).set(password=password))
    options = ["--cluster", address, "--n-trials", "50", "--n-validation-seeds", "0"]
    with _tuning(options, location, tmp_path) as (command, storage):
        _running_pid(command, storage)
        shown = clusters.command_lines()
        command.send(signal.SIGINT)
        printed = command.ends(130)
        trials = _trials(storage)
    assert "Traceback" not in printed
    assert (tmp_path / "logs" / "dqn" / "far" / "result.json").exists()
    assert not [trial for trial in trials if trial.state == TrialState.RUNNING]
    # What was enqueued and never begun has no params of its own.
    assert 1 <= len([trial for trial in trials if trial.state == TrialState.WAITING and trial.params]) <= 2
    for text in (shown, printed, _content_of(logs), _content_of(tmp_path)):
        assert password not in text
        assert not contains_settings(text)


def test_a_cluster_without_this_package_is_named_before_anything_runs(tmp_path):
    (tmp_path / "other" / "sb3_hpo").mkdir(parents=True)
    (tmp_path / "other" / "sb3_hpo" / "__init__.py").touch()
    with clusters.dask(tmp_path / "dask", PYTHONPATH=str(tmp_path / "other")) as address:
        options = ["--cluster", address, "--n-trials", "1", "--storage", "far.log"]
        with in_session([*TUNE, *options], tmp_path, {}) as command:
            printed = command.ends(2)
    assert "this version of sb3-hpo is not installed on the cluster" in printed
    assert "Traceback" not in printed
    with storages.read_with_optuna(str(tmp_path / "far.log")) as storage:
        states = {trial.state for trial in optuna.load_study(study_name="far", storage=storage).trials}
    assert states <= {TrialState.WAITING}


def contains_settings(text: str) -> bool:
    """Whether a text shows a plan as it travels."""
    return '"gym_packages"' in text


def _fail_with(address: str, password: str) -> None:
    """Have the cluster fail on an order: what it cannot encode, the process never sees."""
    cluster = open_cluster(ClusterAddress.parse(address))
    order = dataclasses.replace(Order("shown", ""), text=[password])
    job = cluster.submit(order)
    try:
        wait_until(lambda: bool(cluster.finished([job])), seconds=WAIT_S)
        with pytest.raises(JobLostError, match="AttributeError") as raised:
            cluster.report(job)
        assert password not in str(raised.value)
    finally:
        cluster.close([job])


@contextlib.contextmanager
def _tuning(
    options: list[str], location: str, folder: Path
) -> Iterator[tuple[SessionCommand, optuna.storages.BaseStorage]]:
    """A command whose study is there, and the storage of that."""
    with in_session([*TUNE, *options], folder, {"SB3_HPO_STORAGE": location}) as command:
        command.wait_for("keeps what it found")
        with storages.read_with_optuna(location) as storage:
            yield command, storage


def _trials(storage: optuna.storages.BaseStorage) -> list[optuna.trial.FrozenTrial]:
    return storage.get_all_trials(storage.get_study_id_from_name("far"), deepcopy=False)


def _running_pid(command: SessionCommand, storage: optuna.storages.BaseStorage) -> int:
    """The process that runs a trial, as soon as there is one."""
    pids: list[int] = []

    def are_there() -> bool:
        assert command.is_alive, command.output
        running = [trial for trial in _trials(storage) if trial.state == TrialState.RUNNING]
        pids[:] = [trial.user_attrs[WORKER]["pid"] for trial in running if WORKER in trial.user_attrs]
        return bool(pids)

    wait_until(are_there, lambda: command.output, WAIT_S)
    return pids[0]


def _content_of(folder: Path) -> str:
    return "".join(
        path.read_bytes().decode(errors="replace")
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
