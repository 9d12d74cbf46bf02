"""The stock zoo and sb3-hpo side by side: the same time, the same cores, both winners on the same fresh seeds.

``python benchmarks/versus_zoo.py cartpole acrobot pendulum --minutes 20 --repetitions 3 --seed 0 --folder versus --json
benchmarks/results/versus_zoo.json --png benchmarks/results/versus_zoo.png`` tunes each task with ``sb3-hpo tune`` and
with ``rl_zoo3 train -optimize``, each with its defaults and as many jobs as there are cores, in turn. ``--stock-times 1
5`` lets the stock zoo go on for five times as long, and takes its best trial after the same time and at the end; once
a trial has the highest score there is, nothing can change which is its best, and it ends. Then all winners, and the
zoo's default, are trained on the same seeds that neither saw.

It takes hours. What is done is kept in ``--folder`` and not done again.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import multiprocessing
import shlex
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from scale_cores import Cores
from scale_machine import machine
from versus_commands import Versus, Winner, tune_ours, tune_stock

from sb3_hpo.comparison import compare
from sb3_hpo.configuration import to_zoo
from sb3_hpo.intervals import bootstrap_interval
from sb3_hpo.processes import usable_cores
from sb3_hpo.scores import iqm
from sb3_hpo.seeds import bootstrap_generator, validation_seeds
from sb3_hpo.validation_trainings import train_and_evaluate
from sb3_hpo.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sb3_hpo.plugin.task import ZooTask

TASKS = {
    "cartpole": Versus("dqn", "CartPole-v1", most=500.0),
    "cartpole-short": Versus("dqn", "CartPole-v1", 20_000, most=500.0),
    "make-tune": Versus("dqn", "CartPole-v1", most=500.0, shortens=True),
    "acrobot": Versus("ppo", "Acrobot-v1", 100_000),
    "pendulum": Versus("sac", "Pendulum-v1", 5_000),
    "pendulum-ppo": Versus("ppo", "Pendulum-v1"),
    "mountain-car-continuous": Versus("ppo", "MountainCarContinuous-v0"),
}
"""With shorter trainings than the zoo's where that has a single one take minutes."""

N_EPISODES = 20
FRESH = 1_000_003
"""Fresh seeds are those of another seed than the commands have."""
DEFAULT = "default"


def tune_both(name: str, repetition: int, args: argparse.Namespace) -> dict[str, Any]:
    """Both commands on a task, one after the other; which one is first alternates."""
    versus, seconds, seed = TASKS[name], 60.0 * args.minutes, args.seed + repetition
    folder = args.folder.resolve() / f"{name}_{repetition}"
    folder.mkdir(parents=True, exist_ok=True)
    tunings = {
        "ours": lambda: [tune_ours(versus, seed, seconds, args.n_jobs, folder)],
        "stock": lambda: tune_stock(versus, seed, seconds, args.stock_times, args.n_jobs, folder),
    }
    order = ("ours", "stock") if repetition % 2 == 0 else ("stock", "ours")
    parts = {kind: _done_once(folder / f"{kind}.json", tunings[kind]) for kind in order}
    default = Winner(DEFAULT, to_zoo(versus.task(folder).configuration), 0.0, 0)
    winners = [*parts["ours"]["winners"], *parts["stock"]["winners"], dataclasses.asdict(default)]
    cores = {f"cores_of_others_{kind}": part["cores_of_others"] for kind, part in parts.items()}
    return {"task": name, "repetition": repetition, "seed": seed, "seconds": seconds, **cores, "winners": winners}


def _done_once(file: Path, tune: Callable[[], list[Winner]]) -> dict[str, Any]:
    """What a tuning found, by one that is done or by what a file has kept of it."""
    if not file.exists():
        print(f"{file.parent.name}: {file.stem}", flush=True)
        cores = Cores()
        winners = [dataclasses.asdict(winner) for winner in tune()]
        write_whole(file, json.dumps({**cores.of_others(), "winners": winners}, indent=1) + "\n")
    return dict(json.loads(file.read_text(encoding="utf-8")))


class FreshSeeds:
    """Scores of configurations on seeds that no command saw, each trained once and kept in a file.

    :param file: where they are kept
    """

    def __init__(self, name: str, file: Path, n_jobs: int) -> None:
        self._name = name
        self._file = file
        self._n_jobs = n_jobs
        self._scores: dict[str, float] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def of(self, configurations: Sequence[Mapping[str, Any]], seeds: Sequence[int]) -> list[list[float]]:
        """Mean returns of the agents, a row for each configuration."""
        keys = [[f"{_fingerprint(configuration)} {seed}" for seed in seeds] for configuration in configurations]
        missing = {
            key: (configuration, seed)
            for configuration, row in zip(configurations, keys, strict=True)
            for key, seed in zip(row, seeds, strict=True)
            if key not in self._scores
        }
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self._n_jobs, spawn, initializer=_prepare, initargs=(self._name,)) as pool:
            for key, score in zip(missing, pool.map(_score, missing.values()), strict=True):
                self._scores[key] = score
                write_whole(self._file, json.dumps(self._scores, indent=1) + "\n")
        return [[self._scores[key] for key in row] for row in keys]


_task: ZooTask | None = None


def _prepare(name: str) -> None:
    global _task  # What a process of the pool trains.
    torch.set_num_threads(1)
    _task = TASKS[name].task(Path("logs"))


def _score(job: tuple[Mapping[str, Any], int]) -> float:
    assert _task is not None
    configuration, seed = job
    return train_and_evaluate(_task, configuration, seed, N_EPISODES)[0]


def _fingerprint(configuration: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()[:16]


def judge(tuned: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    """All winners of a repetition on fresh seeds, and ours compared with every other one."""
    seeds = validation_seeds(args.seed + FRESH, args.n_seeds, never=[])
    fresh = FreshSeeds(tuned["task"], args.folder / f"{tuned['task']}_scores.json", args.n_jobs)
    winners = tuned["winners"]
    for winner, scores in zip(winners, fresh.of([w["configuration"] for w in winners], seeds), strict=True):
        winner["scores"] = scores
        winner["iqm"] = float(iqm(scores))
        winner["ci95"] = list(bootstrap_interval(scores, bootstrap_generator(0)))
    ours = next(winner for winner in winners if winner["by"] == "sb3-hpo")
    for winner in winners:
        if winner is not ours:
            winner["ours_against_it"] = dataclasses.asdict(
                compare(ours["scores"], winner["scores"], bootstrap_generator(0))
            )
    return tuned


def as_markdown(results: Sequence[Mapping[str, Any]]) -> str:
    """A line for each winner."""
    lines = [
        "| task | seed | winner of | after | trials | IQM on fresh seeds | ours less it | P(ours is better) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        for winner in result["winners"]:
            low, high = winner["ci95"]
            against = winner.get("ours_against_it")
            compared = ["", ""]
            if against is not None:
                difference = f"{against['difference']:.1f} [{against['ci95'][0]:.1f}, {against['ci95'][1]:.1f}]"
                compared = [difference, f"{against['probability_of_improvement']:.2f}"]
            cells = [result["task"], result["seed"], winner["by"], f"{winner['seconds'] / 60:.1f} min"]
            cells += [winner["n_finished"], f"{winner['iqm']:.1f} [{low:.1f}, {high:.1f}]", *compared]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def draw(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Every training of every winner on fresh seeds, a panel for each task."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    tasks = list(dict.fromkeys(result["task"] for result in results))
    figure, axes = plt.subplots(1, len(tasks), figsize=(4.2 * len(tasks), 3.4), layout="constrained", squeeze=False)
    for axis, task in zip(axes.flat, tasks, strict=True):
        of_task = [winner for result in results if result["task"] == task for winner in result["winners"]]
        kinds = list(dict.fromkeys(winner["by"] for winner in of_task))
        for place, kind in enumerate(kinds):
            scores = [score for winner in of_task if winner["by"] == kind for score in winner["scores"]]
            spread = [0.3 * ((i * 0.618) % 1.0 - 0.5) for i in range(len(scores))]
            axis.plot([place + shift for shift in spread], scores, ".", alpha=0.5)
            axis.plot([place - 0.25, place + 0.25], [float(iqm(scores))] * 2, "k-")
        axis.set_xticks(range(len(kinds)), kinds, rotation=20)
        axis.set(title=f"{TASKS[task].algo} on {TASKS[task].env}", ylabel="mean return on a fresh seed")
    reading = "Each point: one training of a winner on a seed that no search saw.\nThe line: their IQM."
    figure.suptitle(reading, size=8)  # No wider than one panel.
    figure.savefig(path, dpi=90)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="+", choices=TASKS, metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--minutes", type=float, default=20.0, help="of a tuning")
    parser.add_argument("--stock-times", type=float, nargs="+", default=[1.0], metavar="K")
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--n-seeds", type=int, default=20, help="fresh seeds that each winner is trained on")
    parser.add_argument("--n-jobs", type=int, default=usable_cores(), help="processes of ours, threads of the zoo's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True, help="what is done is kept here")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--png", type=Path)
    args = parser.parse_args()
    results = []
    for repetition in range(args.repetitions):
        for name in dict.fromkeys(args.tasks):
            results.append(judge(tune_both(name, repetition, args), args))
            print(as_markdown(results[-1:]), flush=True)
            if args.json:
                content = {"command": shlex.join(sys.argv), **machine(), "results": results}
                write_whole(args.json, json.dumps(content, indent=1) + "\n")
            if args.png:
                draw(results, args.png)


if __name__ == "__main__":
    main()
