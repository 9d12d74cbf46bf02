"""Is a learning rate that falls steadier at the end? The best of a study, with a constant rate and a falling one.

``python benchmarks/falling_rate.py cartpole --storage URL --study-name NAME --n-configurations 8 --n-seeds 4 --seed 0
--folder falling --json benchmarks/results/falling_rate.json`` takes the trials of a study with the highest scores, and
the zoo's default where it names its rate, and trains each twice on the same fresh seeds: with a learning rate that is
constant, and with one that falls to zero. The tasks are those of ``versus_zoo.py``. What is trained is kept in
``--folder`` and not trained again.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.trial import TrialState
from scale_machine import machine
from versus_zoo import DEFAULT, FRESH, TASKS, FreshSeeds

from sb3_hpo.configuration import to_zoo
from sb3_hpo.processes import usable_cores
from sb3_hpo.seeds import validation_seeds
from sb3_hpo.storage import open_storage
from sb3_hpo.transforms import LINEAR_PREFIX
from sb3_hpo.trial_loading import load_study, trial_configuration
from sb3_hpo.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna


def both_rates(configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A configuration, in the zoo's notation, with a constant learning rate and with one that falls to zero."""
    rate = float(str(configuration["learning_rate"]).removeprefix(LINEAR_PREFIX))
    return [{**configuration, "learning_rate": schedule} for schedule in (rate, f"{LINEAR_PREFIX}{rate}")]


def best_of(study: optuna.Study, n_configurations: int, algo: str) -> dict[str, dict[str, Any]]:
    """The configurations with the highest scores, by name, the earliest first where they are equal."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    by_score = sorted(complete, key=lambda trial: -math.inf if trial.value is None else trial.value, reverse=True)
    return {f"trial {trial.number}": trial_configuration(study, trial, algo) for trial in by_score[:n_configurations]}


def compared(name: str, constant: Sequence[float], falling: Sequence[float]) -> dict[str, Any]:
    """Mean returns of the agents of a configuration on each seed, and what falling adds to their mean."""
    gain = float(np.mean(falling) - np.mean(constant))
    return {"configuration": name, "constant": list(constant), "falling": list(falling), "gain": gain}


def as_line(row: Mapping[str, Any]) -> str:
    """A line of the table."""
    scores = [", ".join(f"{score:.0f}" for score in row[kind]) for kind in ("constant", "falling")]
    return f"| {row['configuration']} | {scores[0]} | {scores[1]} | {row['gain']:+.1f} |"


def of_all(rows: Sequence[Mapping[str, Any]]) -> str:
    """The last line: the means of all configurations, and twice the standard error of what falling adds."""
    means = [f"{np.mean([row[kind] for row in rows]):.1f}" for kind in ("constant", "falling")]
    gains = [row["gain"] for row in rows]
    error = 2.0 * np.std(gains, ddof=1) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
    return f"| mean | {means[0]} | {means[1]} | {np.mean(gains):+.1f} ± {error:.1f} |"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=TASKS, metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--storage", required=True)
    parser.add_argument("--study-name", required=True)
    parser.add_argument("--n-configurations", type=int, default=8, help="of the study; the default is one more")
    parser.add_argument("--n-seeds", type=int, default=4, help="fresh seeds for each")
    parser.add_argument("--n-jobs", type=int, default=usable_cores())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True, help="what is trained is kept here")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    versus = TASKS[args.task]
    study = load_study(open_storage(args.storage, create=False), args.study_name)
    configurations = best_of(study, args.n_configurations, versus.algo)
    default = to_zoo(versus.task(args.folder).configuration)
    if "learning_rate" in default:
        configurations[DEFAULT] = default
    fresh = FreshSeeds(args.task, args.folder / f"{args.task}_falling.json", args.n_jobs)
    seeds = validation_seeds(args.seed + FRESH, args.n_seeds, never=[])
    print("| configuration | constant | falling | falling less constant |\n|---|---|---|---|")
    rows = []
    for name, configuration in configurations.items():
        rows.append(compared(name, *fresh.of(both_rates(configuration), seeds)))
        print(as_line(rows[-1]), flush=True)
    print(of_all(rows))
    if args.json:
        content = {"command": shlex.join(sys.argv), **machine(), "task": args.task, "rows": rows}
        write_whole(args.json, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
