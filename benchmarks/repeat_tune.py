"""Does what ``make tune`` finds hold? Several runs with different seeds, each winner trained again on fresh seeds.

``python benchmarks/repeat_tune.py --minutes 20 --runs 5 --seed 2 --folder benchmarks/results/repeat_tune_shorten --json
benchmarks/results/repeat_tune_shorten.json`` runs ``sb3-hpo tune --algo dqn --env CartPole-v1 --shorten``, which is
``make tune``, five times for 20 minutes, validation included, with the seeds 2 to 6, in as many processes as there are
cores, and trains each winner on ten seeds that neither search nor validation saw. ``--task cartpole`` does it with
trainings of the zoo's length, whatever the cores, and ``--task cartpole-short`` with 20,000 steps. It takes two hours.
What is done is kept in ``--folder`` and not done again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from scale_cores import Cores
from scale_machine import machine
from versus_commands import tune_ours
from versus_zoo import FRESH, TASKS, FreshSeeds

from sb3_hpo.processes import usable_cores
from sb3_hpo.seeds import validation_seeds
from sb3_hpo.whole_files import write_whole

TASK_NAMES = ("make-tune", "cartpole", "cartpole-short")
SOLVED = 475.0
"""Mean return from which CartPole counts as solved: Gymnasium's reward threshold."""


def tuned(seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """What a run with a seed has found, by one that is done or by what its file has kept."""
    file = args.folder / f"seed_{seed}.json"
    if not file.exists():
        print(f"sb3-hpo tune --seed {seed}", flush=True)
        folder = args.folder.resolve() / "runs" / f"seed_{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        cores = Cores()
        winner = tune_ours(TASKS[args.task], seed, 60.0 * args.minutes, args.n_jobs, folder)
        result = json.loads((folder / "logs" / "dqn" / "versus" / "result.json").read_text(encoding="utf-8"))
        content = {**cores.of_others(), **dataclasses.asdict(winner), "result": result}
        write_whole(file, json.dumps(content, indent=1) + "\n")
    return dict(json.loads(file.read_text(encoding="utf-8")))


def judge(seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """A run, and its winner on fresh seeds."""
    run = tuned(seed, args)
    result = run["result"]
    fresh = FreshSeeds(args.task, args.folder / "scores.json", args.n_jobs)
    seeds = validation_seeds(args.seed + FRESH, args.n_seeds, never=[])
    (scores,) = fresh.of([run["configuration"]], seeds)
    return {
        "seed": seed,
        "minutes": run["seconds"] / 60.0,
        "cores_of_others": run["cores_of_others"],
        "n_trials": result["n_trials"],
        "winner": run["configuration"],
        "is_default": not result["verdict"]["is_taken"],
        "verdict": result["verdict"]["text"],
        "scores": scores,
        "solved": sum(score >= SOLVED for score in scores),
    }


def as_markdown(runs: list[dict[str, Any]]) -> str:
    """A line for each run."""
    lines = [
        "| seed | minutes | trials complete, pruned | winner | solved | mean returns |",
        "|---|---|---|---|---|---|",
    ]
    for run in runs:
        trials, winner = run["n_trials"], "the default" if run["is_default"] else "a trial"
        scores = ", ".join(f"{score:.0f}" for score in run["scores"])
        lines.append(
            f"| {run['seed']} | {run['minutes']:.1f} | {trials['complete']}, {trials['pruned']} | "
            f"{winner} | {run['solved']} of {len(run['scores'])} | {scores} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASK_NAMES, default=TASK_NAMES[0], help="of versus_zoo.py")
    parser.add_argument("--minutes", type=float, default=20.0, help="of a run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--n-seeds", type=int, default=10, help="fresh seeds that each winner is trained on")
    parser.add_argument("--n-jobs", type=int, default=usable_cores())
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    parser.add_argument("--folder", type=Path, required=True, help="what is done is kept here")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    runs = []
    for seed in range(args.seed, args.seed + args.runs):
        runs.append(judge(seed, args))
        print(as_markdown(runs), flush=True)
        if args.json:
            content = {"command": shlex.join(sys.argv), **machine(), "runs": runs}
            write_whole(args.json, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
