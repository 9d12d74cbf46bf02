"""What the machinery costs beside the training: start-up, the callback, threads of torch.

``python benchmarks/machinery.py help start callback threads --repetitions 5 --json benchmarks/results/machinery.json``;
one of the four words alone measures that alone, and keeps the other numbers. What is compared runs in turn, and the
ratio, or the difference, is that of each pair. Run it on idle cores.

- ``help``: seconds that ``sb3-hpo --help`` takes.
- ``start``: seconds from the start of a command to the first step of its first trial's training, ``sb3-hpo tune`` and
  the stock zoo's.
- ``callback``: seconds on a core of a DQN training under ``TrialEvalCallback`` and all else that a trial has, and under
  SB3's own ``EvalCallback``: the same training, the same evaluations; the zoo's default for CartPole, and one whose
  steps cost little.
- ``threads``: the same training with one thread of torch and with two, for the networks that are searched.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import torch
from scale_machine import machine
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from timed_environment import FILE, NAME
from zoo_default import DQN_ON_CARTPOLE

from sb3_hpo import TrialEvalCallback
from sb3_hpo.callbacks import InterruptionCallback
from sb3_hpo.finite import FiniteCallback
from sb3_hpo.training_time import TrainingTimer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

N_TIMESTEPS = 10_000
N_EVALUATIONS = 20
N_EPISODES = 5
STUDY = "start"
LAYERS = {"small": (64, 64), "medium": (256, 256), "big": (400, 300)}
"""The networks of the search spaces for off-policy algorithms."""

LIGHT = {**DQN_ON_CARTPOLE, "train_freq": 16, "gradient_steps": 4, "policy_kwargs": {"net_arch": [64, 64]}}
"""A training whose steps cost less than most."""
TRAININGS = {"zoo's default": DQN_ON_CARTPOLE, "light": LIGHT}

_OURS = "import sys; from sb3_hpo.cli import main; sys.exit(main())"
_STOCK = "from rl_zoo3.cli import main; main()"


def measure_help(n_repetitions: int) -> dict[str, Any]:
    """Whole processes, the interpreter's own start included."""
    seconds = []
    for _ in range(n_repetitions):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", _OURS, "--help"], check=True, capture_output=True)  # noqa: S603
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "median": statistics.median(seconds)}


def measure_start(n_repetitions: int) -> dict[str, Any]:
    """From the start of a command to the first step of its first trial's training, ours and stock's in turn."""
    _seconds_to_first_step("sb3-hpo")  # Files that were read once are read faster.
    pairs = [(_seconds_to_first_step("sb3-hpo"), _seconds_to_first_step("stock")) for _ in range(n_repetitions)]
    differences = [ours - stock for ours, stock in pairs]
    return {"pairs": pairs, "differences": differences, "median_difference": statistics.median(differences)}


def _seconds_to_first_step(kind: str) -> float:
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        first_step, conf = Path(folder) / "first_step", Path(folder) / "conf.yml"
        conf.write_text(f"{NAME}:\n  policy: MlpPolicy\n  n_timesteps: 500\n", encoding="ascii")
        words = ["--algo", "dqn", "--env", NAME, "--gym-packages", "timed_environment", "-conf", str(conf)]
        words += ["--n-trials", "2", "--storage", f"sqlite:///{Path(folder) / 'study.db'}"]
        words += ["--study-name", STUDY, "--log-folder", folder]
        if kind == "sb3-hpo":
            command = [sys.executable, "-c", _OURS, "tune", *words, "--n-validation-seeds", "0"]
        else:
            command = [sys.executable, "-c", _STOCK, "train", *words, "--optimize-hyperparameters"]
        env = {**os.environ, "PYTHONPATH": str(here), FILE: str(first_step)}
        start = time.time()
        subprocess.run(command, check=True, capture_output=True, cwd=folder, env=env)  # noqa: S603
        return float(first_step.read_text(encoding="ascii")) - start


def measure_callback(n_repetitions: int) -> dict[str, Any]:
    """The same training under our callbacks and under SB3's, in turn."""
    results: dict[str, Any] = {}
    for name, hyperparams in TRAININGS.items():
        pairs = []
        for i in range(n_repetitions):
            # Which one comes first changes, in case that makes a difference.
            order = (_our_callbacks, _sb3_callbacks) if i % 2 else (_sb3_callbacks, _our_callbacks)
            results_of = {make: _train(make, time.process_time, hyperparams) for make in order}
            (ours, evaluated), (theirs, evaluated_too) = results_of[_our_callbacks], results_of[_sb3_callbacks]
            assert evaluated == evaluated_too  # The same agents: nothing of ours touches the training.
            pairs.append((ours, theirs))
        ratios = [theirs / ours for ours, theirs in pairs]
        results[name] = {"pairs": pairs, "speed_by_sb3s": ratios, "median": statistics.median(ratios)}
    return results


def _our_callbacks() -> list[BaseCallback]:
    trial = optuna.create_study(direction="maximize").ask()
    evaluation = TrialEvalCallback(_eval_env(), trial, N_EPISODES, N_TIMESTEPS // N_EVALUATIONS)
    return [FiniteCallback(), TrainingTimer(), InterruptionCallback(lambda: False), evaluation]


def _sb3_callbacks() -> list[BaseCallback]:
    return [
        EvalCallback(_eval_env(), n_eval_episodes=N_EPISODES, eval_freq=N_TIMESTEPS // N_EVALUATIONS, verbose=0),
    ]


def _eval_env() -> Any:
    return make_vec_env("CartPole-v1", n_envs=N_EPISODES, seed=1)


def _train(
    make: Callable[[], list[BaseCallback]], clock: Callable[[], float], hyperparams: Mapping[str, Any]
) -> tuple[float, float]:
    """Seconds by a clock, and the mean return of the last evaluation."""
    model = DQN("MlpPolicy", make_vec_env("CartPole-v1", seed=0), seed=0, **hyperparams)
    callbacks = make()
    start = clock()
    model.learn(N_TIMESTEPS, callback=callbacks)
    seconds = clock() - start
    evaluation = callbacks[-1]
    assert isinstance(evaluation, EvalCallback)
    return seconds, float(evaluation.last_mean_reward)


def measure_threads(n_repetitions: int) -> dict[str, Any]:
    """How much faster one thread trains than two, for each network of the search space."""
    ratios: dict[str, list[float]] = {}
    for _ in range(n_repetitions):
        for name, layers in LAYERS.items():
            seconds = []
            for n_threads in (1, 2):
                torch.set_num_threads(n_threads)
                hyperparams = {**DQN_ON_CARTPOLE, "policy_kwargs": {"net_arch": list(layers)}}
                seconds.append(_train(_sb3_callbacks, time.perf_counter, hyperparams)[0])
            ratios.setdefault(name, []).append(seconds[1] / seconds[0])
    torch.set_num_threads(1)
    return {"speed_of_one_thread_by_two": ratios, "median": {n: statistics.median(r) for n, r in ratios.items()}}


MEASURES = {"help": measure_help, "start": measure_start, "callback": measure_callback, "threads": measure_threads}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", choices=MEASURES)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    args = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    known = json.loads(args.json.read_text(encoding="utf-8")) if args.json and args.json.exists() else {}
    for what in args.what:
        result = MEASURES[what](args.repetitions)
        print(f"{what}: {json.dumps(result)}", flush=True)
        known[what] = {"command": shlex.join(sys.argv), **machine(), **result}
        if args.json:
            args.json.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
