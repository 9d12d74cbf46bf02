"""One tuning by ``sb3-hpo tune`` and one by the stock zoo, each as its user starts it, and what each says is best."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import TrialState

from sb3_hpo.configuration import to_zoo
from sb3_hpo.plugin.rebuild import rebuild_stock_task, stock_configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sb3_hpo.plugin.task import ZooTask

STUDY = "versus"
ENDS_WITHIN_S = 120
"""Seconds that the stock zoo may take to end after Ctrl-C."""
POLL_S = 10.0
"""Seconds between two looks at whether a command has ended, or may."""

_OURS = "import sys; from sb3_hpo.cli import main; sys.exit(main())"
_STOCK = "from rl_zoo3.cli import main; main()"


@dataclasses.dataclass(frozen=True)
class Versus:
    """What both tune.

    :param n_timesteps: environment steps of one training; None for those of the zoo's configuration
    :param most: the highest mean return there is; None where there is none
    :param shortens: whether ours shortens trainings of which the time limit is worth too few, as ``make tune`` does
    """

    algo: str
    env: str
    n_timesteps: int | None = None
    most: float | None = None
    shortens: bool = False

    def words(self, seed: int) -> list[str]:
        """What both commands are told."""
        length = [] if self.n_timesteps is None else ["-n", str(self.n_timesteps)]
        return ["--algo", self.algo, "--env", self.env, *length, "--seed", str(seed), "--study-name", STUDY]

    def task(self, folder: Path) -> ZooTask:
        """What trains a configuration of either."""
        return rebuild_stock_task(self.algo, self.env, [], self.n_timesteps, str(folder))


@dataclasses.dataclass(frozen=True)
class Winner:
    """What a command says is best.

    :param by: ``sb3-hpo``, or ``stock`` with the multiple of our time that it had
    :param configuration: in the zoo's notation
    :param seconds: after which it was known
    :param n_finished: trials that were complete or pruned by then
    """

    by: str
    configuration: dict[str, Any]
    seconds: float
    n_finished: int


def tune_ours(versus: Versus, seed: int, seconds: float, n_jobs: int, folder: Path) -> Winner:
    """``sb3-hpo tune`` with its defaults and a time limit; its winner is that of ``best.yml``."""
    logs = folder / "logs"
    words = [*versus.words(seed), "--timeout", str(seconds), "--n-jobs", str(n_jobs), "--log-folder", str(logs)]
    words += ["--shorten"] if versus.shortens else []
    start = time.monotonic()
    _run([sys.executable, "-c", _OURS, "tune", *words], folder, "sb3-hpo.txt")
    took = time.monotonic() - start
    result = json.loads((logs / versus.algo / STUDY / "result.json").read_text(encoding="utf-8"))
    n_finished = result["n_trials"]["complete"] + result["n_trials"]["pruned"]
    return Winner("sb3-hpo", result["winner"]["hyperparams"], took, n_finished)


def tune_stock(
    versus: Versus, seed: int, seconds: float, times: Sequence[float], n_jobs: int, folder: Path
) -> list[Winner]:
    """``rl_zoo3 train -optimize`` with its defaults, ended by Ctrl-C; its best trial after each of some times.

    Once it had as long as ours and one of its trials has the highest score there is, it is ended: the first such trial
    stays its best for ever.

    :param seconds: the time that ours had
    :param times: multiples of it
    """
    storage = f"sqlite:///{folder / 'stock.db'}"
    words = [*versus.words(seed), "--optimize-hyperparameters", "--n-trials", "1000000", "--n-jobs", str(n_jobs)]
    words += ["--storage", storage, "--log-folder", str(folder / "stock")]
    began = datetime.datetime.now()  # As Optuna notes the times of trials.

    def lasted() -> float:
        return (datetime.datetime.now() - began).total_seconds()

    def is_settled() -> bool:
        return lasted() >= seconds and _has_most(versus, storage)

    _run([sys.executable, "-c", _STOCK, "train", *words], folder, "stock.txt", max(times) * seconds, is_settled)
    ended = lasted()
    task = versus.task(folder)
    study = optuna.load_study(study_name=STUDY, storage=storage)
    return [_best_after(study, task, began, min(multiple * seconds, ended), multiple) for multiple in times]


def _has_most(versus: Versus, storage: str) -> bool:
    if versus.most is None:
        return False
    trials = optuna.load_study(study_name=STUDY, storage=storage).get_trials(states=(TrialState.COMPLETE,))
    return any(trial.value is not None and trial.value >= versus.most for trial in trials)


def _best_after(
    study: optuna.Study, task: ZooTask, began: datetime.datetime, seconds: float, multiple: float
) -> Winner:
    until = began + datetime.timedelta(seconds=seconds)
    ended = [trial for trial in study.trials if trial.datetime_complete and trial.datetime_complete <= until]
    complete = [trial for trial in ended if trial.state == TrialState.COMPLETE and trial.value is not None]
    best = max(complete, key=lambda trial: trial.value or 0.0, default=None)
    configuration = to_zoo(task.configuration) if best is None else stock_configuration(task, best.params)
    n_finished = sum(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in ended)
    return Winner(f"stock x {multiple:g}", configuration, seconds, n_finished)


def _run(
    command: list[str],
    folder: Path,
    output: str,
    seconds: float = math.inf,
    is_settled: Callable[[], bool] = lambda: False,
) -> None:
    """Run a command to its end, or until it is asked to end by Ctrl-C; what it prints is kept in a file.

    :param seconds: when it is
    :param is_settled: whether it is before that
    """
    until = time.monotonic() + seconds
    with (folder / output).open("w", encoding="utf-8") as printed:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=folder, stdout=printed, stderr=subprocess.STDOUT, env=dict(os.environ)
        )
        try:
            while not _has_ended(process, min(POLL_S, max(0.0, until - time.monotonic()))):
                if time.monotonic() >= until or is_settled():
                    return
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                _end(process)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command[3:])} ended with exit code {process.returncode}: see {folder / output}")


def _has_ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    if not _has_ended(process, ENDS_WITHIN_S):
        process.kill()  # Its threads may be in trainings that know of no Ctrl-C.
        process.wait()
