"""Real DQN trainings in one and two processes of ``sb3-hpo tune``, and in one and two threads of the stock zoo.

Both commands tune from the same configuration, and sample nothing but a learning rate, so small that no training
learns: all trials cost the same. Other numbers of processes draw other configurations, and what those of a whole space
cost would be in the ratio.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import optuna
from scale_cores import Cores
from scale_machine import load

from sb3_hpo.budget import FINISHED

STUDY_NAME = "processes"
_COMMON = ("--algo", "dqn", "--env", "CartPole-v1", "--study-name", STUDY_NAME, "--seed", "1", "--num-threads", "1")
_OURS = "import sys; from sb3_hpo.cli import main; sys.exit(main())"
_STOCK = """
from rl_zoo3 import exp_manager
from rl_zoo3.train import train
sample = lambda trial, *_: {"learning_rate": trial.suggest_float("learning_rate", 1e-6, 1e-5, log=True)}
exp_manager.HYPERPARAMS_SAMPLER["dqn"] = sample
train()
"""
_SPACE = "extends: null\nparameters: {learning_rate: {type: float, low: 1.0e-6, high: 1.0e-5, log: true}}\n"
_CONFIGURATION = """
CartPole-v1:
  n_timesteps: 500
  policy: MlpPolicy
  learning_starts: 100
  train_freq: 4
  gradient_steps: 4
  batch_size: 64
  policy_kwargs: {net_arch: [64, 64]}
"""


def measure(kind: str, n_jobs: int, n_trials: int, n_timesteps: int) -> dict[str, Any]:
    """One whole command.

    No trial is pruned and no validation follows, so that both kinds train the same number of steps.

    :param kind: ``sb3-hpo`` or ``stock``
    """
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{Path(folder) / 'study.db'}"
        # The stock zoo opens an SQLite file that its own threads share.
        words = (*_COMMON, "--n-trials", str(n_trials), "--n-timesteps", str(n_timesteps), "--n-jobs", str(n_jobs))
        words = (*words, "--storage", database, "--log-folder", folder, "--pruner", "none", "--sampler", "random")
        words = (*words, "-conf", _written(folder, "dqn.yml", _CONFIGURATION))
        if kind == "sb3-hpo":
            space = _written(folder, "space.yml", _SPACE)
            command = [sys.executable, "-c", _OURS, "tune", *words, "--n-validation-seeds", "0"]
            command += ["--search-space", space]
        else:
            command = [sys.executable, "-c", _STOCK, *words, "--optimize-hyperparameters", "--n-evaluations", "20"]
        busy, cores, start = load(), Cores(), time.time()
        done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), cwd=folder)  # noqa: S603
        seconds = time.time() - start
        assert done.returncode == 0, done.stderr[-2000:]
        return {
            "kind": kind,
            "n_jobs": n_jobs,
            "seconds": seconds,
            "load": busy,
            **cores.of_others(),
        } | _trials(database)


def _written(folder: str, name: str, text: str) -> str:
    path = Path(folder) / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def _trials(database: str) -> dict[str, Any]:
    study = optuna.load_study(study_name=STUDY_NAME, storage=database)
    trials = [trial for trial in study.trials if trial.state in FINISHED]
    first = min(trial.datetime_start for trial in trials if trial.datetime_start)
    last = max(trial.datetime_complete for trial in trials if trial.datetime_complete)
    return {"n_trials": len(trials), "seconds_of_search": (last - first).total_seconds()}


def compare(n_trials: int, n_timesteps: int, n_repetitions: int) -> dict[str, Any]:
    """All four commands after one another, as often as asked for; the ratios of each round."""
    rounds = []
    for _ in range(n_repetitions):
        rounds.append(
            {
                f"{kind} {n_jobs}": measure(kind, n_jobs, n_trials, n_timesteps)
                for kind in ("sb3-hpo", "stock")
                for n_jobs in (1, 2)
            }
        )
    return {"n_trials": n_trials, "n_timesteps": n_timesteps, "rounds": rounds, "ratios": _ratios(rounds)}


def _ratios(rounds: list[dict[str, dict[str, Any]]]) -> dict[str, dict[str, list[float]]]:
    """How many times the trials of one process, or thread, two finish in the same time."""
    return {
        kind: {
            what: [_rate(one[f"{kind} 2"], what) / _rate(one[f"{kind} 1"], what) for one in rounds]
            for what in ("seconds", "seconds_of_search")
        }
        for kind in ("sb3-hpo", "stock")
    }


def _rate(result: dict[str, Any], what: str) -> float:
    return float(result["n_trials"] / result[what])
