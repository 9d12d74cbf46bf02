"""Many worker processes on one database, with a stand-in for the training: trials per second, errors, exactness."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import sqlalchemy
from optuna.trial import TrialState
from scale_machine import load
from scale_study import N_EVALUATIONS, STUDY_NAME, StandIn, open_scale_study

from sb3_hpo.commands import Phase
from sb3_hpo.phase_flag import PhaseFlag
from sb3_hpo.retries import RetryDeadTrial
from sb3_hpo.search import search
from sb3_hpo.settings import TuningSettings
from sb3_hpo.storage import open_storage
from sb3_hpo.storage_proxy import check_free
from sb3_hpo.trial_attributes import COMMAND, FAILURE, RUNS, WORKER, NotAdmittedError

if TYPE_CHECKING:
    from collections.abc import Sequence

PORT = 13_999


class _Timeless:
    is_over = False
    is_closing = False

    def learn_from(self, trial: object) -> None:
        """Nothing."""


def measure(
    database: str, n_workers: int, n_trials: int, seconds: tuple[float, float], seed: int, *, proxy: bool
) -> dict[str, Any]:
    """Trials per second of workers that sleep where others train.

    :param database: an empty database
    :param seconds: shortest and longest sleep of a trial
    :param proxy: whether the workers go through ``sb3-hpo storage-proxy``
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study, _, command = open_scale_study(open_storage(database), TuningSettings(n_trials=n_trials, seed=seed))
    location, server = (f"grpc://127.0.0.1:{PORT}", _serve(database)) if proxy else (database, None)
    watch = _Connections(database)
    try:
        with watch:
            exit_codes, wall = _run(location, command.key, n_workers, n_trials, seconds, seed)
    finally:
        if server is not None:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=60)
    command.enter(study, Phase.END)
    checked = check(study, command.key, n_trials)
    busy = wall["last_end"] - wall["first_start"]
    mean = sum(seconds) / 2
    return {
        "n_workers": n_workers,
        "proxy": proxy,
        "n_trials": n_trials,
        "sleep_of_a_trial": list(seconds),
        "seconds": busy,
        "trials_per_second": n_trials / busy,
        "ideal_trials_per_second": n_workers / mean,
        "exit_codes": dict(Counter(map(str, exit_codes))),
        "most_connections": watch.most,
        "load": load(),
    } | checked


def check(study: optuna.Study, command: str, n_trials: int) -> dict[str, Any]:
    """That nothing was lost, and nothing came twice.

    :raises AssertionError: if it was
    """
    trials = study.get_trials(deepcopy=False)
    ended = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    in_vain = [trial for trial in trials if trial.user_attrs.get(FAILURE, "").startswith(NotAdmittedError.__name__)]
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert len(ended) == n_trials, f"{len(ended)} trials for a budget of {n_trials}"
    assert len(ended) + len(in_vain) == len(trials), Counter(trial.state.name for trial in trials)
    assert all(trial.user_attrs[COMMAND] == command for trial in ended)
    assert all(len(trial.intermediate_values) == N_EVALUATIONS and RUNS in trial.user_attrs for trial in ended)
    assert len({tuple(trial.params.values()) for trial in ended}) == len(ended)
    return {
        "finished": len(ended),
        "begun_in_vain": len(in_vain),
        "workers_that_finished_trials": len({trial.user_attrs[WORKER]["pid"] for trial in ended}),
    }


def _serve(database: str) -> subprocess.Popen[str]:
    check_free("127.0.0.1", PORT)
    code = "import sys; from sb3_hpo.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "storage-proxy", "--storage", database, "--port", str(PORT)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert server.stdout is not None
    assert "serving" in server.stdout.readline()
    return server


def _run(
    location: str, command: str, n_workers: int, n_trials: int, seconds: tuple[float, float], seed: int
) -> tuple[Sequence[int | None], dict[str, float]]:
    context = multiprocessing.get_context("forkserver")
    # Once, not in every worker; the modules of this folder are not found there.
    context.set_forkserver_preload(["sb3_hpo.objective", "sb3_hpo.study", "sb3_hpo.search", "sb3_hpo.storage"])
    barrier, times = context.Barrier(n_workers), context.Queue()
    arguments = (location, command, n_trials, seconds, barrier, times)
    workers = [context.Process(target=_work, args=(*arguments, [seed, i])) for i in range(n_workers)]
    for worker in workers:
        worker.start()
    got = [times.get(timeout=600) for _ in workers]
    for worker in workers:
        worker.join(60)
    ends = [end for _, end in got]
    return [w.exitcode for w in workers], {"first_start": min(s for s, _ in got), "last_end": max(ends)}


def _work(
    location: str, command: str, n_trials: int, seconds: tuple[float, float], barrier: Any, times: Any, seed: list[int]
) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    settings = TuningSettings(n_trials=n_trials, seed=seed[0])
    storage = open_storage(location)
    storage.on_stale_trial = RetryDeadTrial(settings.max_retries)
    study, _, _ = _joined(storage, settings)
    barrier.wait(300)
    start = time.time()
    objective = StandIn(np.random.default_rng(seed), seconds)
    try:
        search(study, objective, settings, PhaseFlag(), _Timeless(), lambda trial: None, command)
    finally:
        times.put((start, time.time()))


def _joined(storage: Any, settings: TuningSettings) -> Any:
    from scale_study import SPACE

    from sb3_hpo.study import set_up
    from sb3_hpo.study_description import read_description

    study = optuna.load_study(study_name=STUDY_NAME, storage=storage)
    description = read_description(study, STUDY_NAME)
    set_up(study, description, SPACE, settings)
    return study, description, None


class _Connections:
    """The most connections that a PostgreSQL database had at once, without the one that looks."""

    def __init__(self, database: str) -> None:
        self._url = sqlalchemy.make_url(database).set(drivername="postgresql+psycopg")
        self.most = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> _Connections:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        with sqlalchemy.create_engine(self._url).connect() as connection:
            while not self._end.wait(0.5):
                self.most = max(self.most, connection.exec_driver_sql(query).scalar_one())
                connection.rollback()
