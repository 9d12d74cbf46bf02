"""``--cluster``: workers on a cluster of Dask and on one of Ray, each of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, TypeVar

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
from tests.integration.commands import SB3_HPO, TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

T = TypeVar("T")

WAIT_S = 150

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
TUNE = [*SB3_HPO, "tune", "--algo", "dqn", "--env", "CartPole-v1", "-n", "600", "--seed", "7", "--pruner", "none"]
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
    with storages.read_with_optuna(location) as storage:
        process = _start([*TUNE, *options], tmp_path, {"SB3_HPO_STORAGE": location})
        killed = _running_pid(storage)
        os.kill(killed, signal.SIGKILL)
        shown = clusters.command_lines()
        done = _finished(process)
        assert done.returncode == 0, done.stdout
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
    for text in (logged, done.stdout, shown, _content_of(tmp_path)):
        assert password not in text
        assert not contains_settings(text)


@linux
def test_dask_outlives_its_own_process_and_ctrl_c_hands_back(dask, tmp_path):
    address, _ = dask
    options = ["--cluster", address, "--n-trials", "50", "--n-validation-seeds", "0", "--storage", "far.log"]
    process = _start([*TUNE, *options], tmp_path, {})
    with _opened(tmp_path / "far.log") as storage:
        os.kill(clusters.parent_of(_running_pid(storage)), signal.SIGKILL)
        _wait_for(lambda: any(trial.state in FINISHED for trial in _trials(storage)))
        process.send_signal(signal.SIGINT)
        done = _finished(process)
        assert done.returncode == 130, done.stdout
        trials = _trials(storage)
    assert (tmp_path / "logs" / "dqn" / "far" / "result.json").exists()
    assert not [trial for trial in trials if trial.state == TrialState.RUNNING]
    assert 1 <= len([trial for trial in trials if trial.state == TrialState.WAITING]) <= 4


@linux
def test_ray_keeps_the_budget_when_its_own_process_is_killed_and_shows_no_password(ray, tmp_path):
    address, logs = ray
    options = ["--cluster", address, "--n-trials", "3", "--n-validation-seeds", "0"]
    process = _start([*TUNE, *options], tmp_path, {})
    with _opened(tmp_path / "logs" / "sb3_hpo.db") as storage:
        os.kill(clusters.parent_of(_running_pid(storage)), signal.SIGKILL)
        done = _finished(process)
        assert done.returncode == 0, done.stdout
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
    with storages.read_with_optuna(location) as storage:
        process = _start([*TUNE, *options], tmp_path, {"SB3_HPO_STORAGE": location})
        _running_pid(storage)
        shown = clusters.command_lines()
        process.send_signal(signal.SIGINT)
        done = _finished(process)
        trials = _trials(storage)
    assert done.returncode == 130, done.stdout
    assert "Traceback" not in done.stdout
    assert (tmp_path / "logs" / "dqn" / "far" / "result.json").exists()
    assert not [trial for trial in trials if trial.state == TrialState.RUNNING]
    assert 1 <= len([trial for trial in trials if trial.state == TrialState.WAITING]) <= 2
    for text in (shown, done.stdout, _content_of(logs), _content_of(tmp_path)):
        assert password not in text
        assert not contains_settings(text)


def test_a_cluster_without_this_package_is_named_before_anything_runs(tmp_path):
    (tmp_path / "other" / "sb3_hpo").mkdir(parents=True)
    (tmp_path / "other" / "sb3_hpo" / "__init__.py").touch()
    with clusters.dask(tmp_path / "dask", PYTHONPATH=str(tmp_path / "other")) as address:
        options = ["--cluster", address, "--n-trials", "1", "--storage", "far.log"]
        done = _finished(_start([*TUNE, *options], tmp_path, {}))
    assert done.returncode == 2, done.stdout
    assert "this version of sb3-hpo is not installed on the cluster" in done.stdout
    assert "Traceback" not in done.stdout
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
        _wait_for(lambda: cluster.finished([job]))
        with pytest.raises(JobLostError, match="AttributeError") as raised:
            cluster.report(job)
        assert password not in str(raised.value)
    finally:
        cluster.close([job])


def _start(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


def _finished(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    output, _ = process.communicate(timeout=TIMEOUT_S)
    return subprocess.CompletedProcess(process.args, process.returncode, output)


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[optuna.storages.BaseStorage]:
    """A storage in a file that a command is about to make."""
    # An SQLite file has all its tables with this one; another opener that makes them would be in the way.
    _wait_for(lambda: file.exists() and (file.suffix == ".log" or b"alembic_version" in file.read_bytes()))
    with storages.read_with_optuna(str(file) if file.suffix == ".log" else f"sqlite:///{file}") as storage:
        yield storage


def _trials(storage: optuna.storages.BaseStorage) -> list[optuna.trial.FrozenTrial]:
    """The trials of the study, none while it is being made."""
    with contextlib.suppress(KeyError, optuna.exceptions.StorageInternalError):
        return storage.get_all_trials(storage.get_study_id_from_name("far"), deepcopy=False)
    return []


def _running_pid(storage: optuna.storages.BaseStorage) -> int:
    """The process that runs a trial, as soon as there is one."""

    def pids() -> list[int]:
        running = [trial for trial in _trials(storage) if trial.state == TrialState.RUNNING]
        return [trial.user_attrs[WORKER]["pid"] for trial in running if WORKER in trial.user_attrs]

    return _wait_for(pids)[0]


def _wait_for(what: Callable[[], T]) -> T:
    deadline = time.monotonic() + WAIT_S
    while not (value := what()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def _content_of(folder: Path) -> str:
    return "".join(
        path.read_bytes().decode(errors="replace")
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
