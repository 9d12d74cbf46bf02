"""Environment steps per second on the processor and on a GPU: one training alone, and one in each of many processes.

``python benchmarks/devices.py --n-jobs 16 --json benchmarks/results/devices.json`` trains each of :data:`TRAININGS` for
some seconds on both devices, in one process and in ``--n-jobs`` processes at once, one thread of torch each, and adds
up their steps per second. It needs a GPU, and takes about five minutes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from scale_machine import machine
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.envs import FakeImageEnv
from zoo_default import DQN_ON_CARTPOLE

from sb3_hpo.processes import usable_cores

if TYPE_CHECKING:
    from collections.abc import Callable

    from stable_baselines3.common.base_class import BaseAlgorithm

DEVICES = ("cpu", "cuda")
_ENDLESS = 10**9
_IMAGES = {"screen_height": 84, "screen_width": 84, "n_channels": 4, "discrete": True}


@dataclass(frozen=True)
class Training:
    """What is trained.

    :param make: the model on a device
    :param n_warmup: environment steps before time is taken
    """

    make: Callable[[str], BaseAlgorithm]
    n_warmup: int


def _dqn(device: str) -> BaseAlgorithm:
    return DQN("MlpPolicy", make_vec_env("CartPole-v1", seed=0), seed=0, device=device, **DQN_ON_CARTPOLE)


def _ppo(device: str) -> BaseAlgorithm:
    env = make_vec_env("CartPole-v1", n_envs=8, seed=0)
    # hyperparams/ppo.yml of rl_zoo3
    return PPO("MlpPolicy", env, n_steps=32, batch_size=256, n_epochs=20, seed=0, device=device)


def _sac(device: str) -> BaseAlgorithm:
    return SAC("MlpPolicy", make_vec_env("Pendulum-v1", seed=0), learning_rate=1e-3, seed=0, device=device)


def _ppo_on_images(device: str) -> BaseAlgorithm:
    env = make_vec_env(FakeImageEnv, n_envs=8, seed=0, env_kwargs=_IMAGES)
    # hyperparams/ppo.yml of rl_zoo3, Atari
    return PPO("CnnPolicy", env, n_steps=128, batch_size=256, n_epochs=4, seed=0, device=device)


def _dqn_on_images(device: str) -> BaseAlgorithm:
    env = make_vec_env(FakeImageEnv, seed=0, env_kwargs=_IMAGES)
    # hyperparams/dqn.yml of rl_zoo3, Atari, with a smaller replay buffer
    settings: dict[str, Any] = {
        "batch_size": 32,
        "buffer_size": 5_000,
        "learning_starts": 200,
        "train_freq": 4,
        "gradient_steps": 1,
    }
    return DQN("CnnPolicy", env, seed=0, device=device, **settings)


TRAININGS = {
    "dqn CartPole-v1": Training(_dqn, 2_000),
    "ppo CartPole-v1": Training(_ppo, 512),
    "sac Pendulum-v1": Training(_sac, 200),
    "ppo images": Training(_ppo_on_images, 1_024),
    "dqn images": Training(_dqn_on_images, 400),
}


class Clock(BaseCallback):
    """Takes the time of whole rollouts with their updates, once all processes are warm.

    It trains on until all have taken theirs.

    :param n_warmup: environment steps before this process counts as warm
    :param n_warm: how many processes are
    :param n_done: how many have taken their time
    """

    def __init__(self, n_warmup: int, seconds: float, n_jobs: int, n_warm: Any, n_done: Any) -> None:
        super().__init__()
        self.n_warmup, self.seconds, self.n_jobs = n_warmup, seconds, n_jobs
        self.n_warm, self.n_done = n_warm, n_done
        self.is_warm = False
        self.started: tuple[float, int] | None = None
        self.rate: float | None = None

    def _on_step(self) -> bool:
        return self.rate is None or bool(self.n_done.value < self.n_jobs)

    def _on_rollout_start(self) -> None:
        if not self.is_warm and self.num_timesteps >= self.n_warmup:
            self.is_warm = True
            _count(self.n_warm)
        now = time.perf_counter()
        if self.started is None:
            if self.n_warm.value == self.n_jobs:
                self.started = now, self.num_timesteps
        elif self.rate is None and now - self.started[0] >= self.seconds:
            self.rate = (self.num_timesteps - self.started[1]) / (now - self.started[0])
            _count(self.n_done)


def _count(counter: Any) -> None:
    with counter.get_lock():
        counter.value += 1


def train(name: str, device: str, clock: Clock, rates: Any) -> None:
    """What each process does."""
    torch.set_num_threads(1)
    TRAININGS[name].make(device).learn(_ENDLESS, callback=clock)
    rates.put(clock.rate)


def steps_per_second(name: str, device: str, n_jobs: int, seconds: float) -> float:
    """Of all processes together."""
    context = multiprocessing.get_context("spawn")
    n_warm, n_done, rates = context.Value("i", 0), context.Value("i", 0), context.Queue()
    clock = Clock(TRAININGS[name].n_warmup, seconds, n_jobs, n_warm, n_done)
    processes = [context.Process(target=train, args=(name, device, clock, rates)) for _ in range(n_jobs)]
    for process in processes:
        process.start()
    try:
        return float(sum(rates.get(timeout=300) for _ in processes))
    finally:
        for process in processes:
            process.terminate()
            process.join()


def as_markdown(rates: dict[str, dict[str, float]]) -> str:
    """A line for each training."""
    columns = list(next(iter(rates.values())))
    lines = ["| steps per second | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(f"{rate:,.0f}" for rate in of.values()) + " |" for name, of in rates.items()]
    return "\n".join(lines)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="for which each training is measured")
    parser.add_argument("--n-jobs", type=int, default=usable_cores())
    parser.add_argument("--trainings", nargs="+", choices=TRAININGS, default=list(TRAININGS))
    parser.add_argument("--devices", nargs="+", default=list(DEVICES))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    rates: dict[str, dict[str, float]] = {}
    for name in args.trainings:
        for n_jobs in sorted({1, args.n_jobs}):
            for device in args.devices:
                rate = steps_per_second(name, device, n_jobs, args.seconds)
                rates.setdefault(name, {})[f"{device}, {n_jobs} process{'es' if n_jobs > 1 else ''}"] = rate
                print(f"{name}, {device}, {n_jobs}: {rate:,.0f}", flush=True)
        if args.json:
            content = {"command": shlex.join(sys.argv), **machine(), "gpu": gpu, "steps_per_second": rates}
            args.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(as_markdown(rates))


if __name__ == "__main__":
    main()
