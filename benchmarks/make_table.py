"""Make a table of learning curves from real trainings: random configurations, each on several seeds.

``python benchmarks/make_table.py --algo dqn --env CartPole-v1 -n 50000 --n-configurations 100 --n-seeds 4 --seed 0
--study table.db --output table.npz`` trains them with ``sb3-hpo tune --sampler random --pruner none``, in as many
processes as there are cores, and writes what is complete. It takes hours. Ctrl-C ends it, and what is complete is
written; the same command goes on. ``--n-configurations 0`` trains nothing and only writes.

The first configurations are the one tuned from, SB3's defaults, and the one tuned from with a learning rate that falls,
where the space has that. What is in a table says
:mod:`sb3_hpo.tables.curve_table`; beside that, ``final_reward`` ``(n_configurations, n_seeds)`` is the mean return of
20 episodes of the agent that came out, as validation judges it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.cli import main as sb3_hpo_main
from sb3_hpo.scores import learning_curves
from sb3_hpo.trial_attributes import FINAL_RETURNS, RUNS, SECONDS_AT

if TYPE_CHECKING:
    from collections.abc import Sequence

STUDY = "table"
_NEVER_LEARNS = "{n_startup_trials: 1000000}"


def tune_words(args: argparse.Namespace) -> list[str]:
    """The command ``sb3-hpo tune`` that trains, without the program's name."""
    options = {
        "--algo": args.algo,
        "--env": args.env,
        "-n": args.n_timesteps,
        # TPE that never comes to the end of its startup trials draws half of them around the default.
        **({"--sampler": "tpe", "--sampler-kwargs": _NEVER_LEARNS} if args.around_default else {"--sampler": "random"}),
        "--pruner": "none",
        "--max-trial-cost": args.max_trial_cost,
        "--n-evaluations": args.n_evaluations,
        "--n-seeds": args.n_seeds,
        "--n-validation-seeds": 0,
        "--max-total-trials": args.n_configurations,
        "--seed": args.seed,
        "--storage": f"sqlite:///{args.study}",
        "--study-name": STUDY,
    }
    return ["tune", *(str(word) for option in options.items() for word in option)]


def train(args: argparse.Namespace) -> int:
    """Train what is missing; the exit code."""
    try:
        return sb3_hpo_main(tune_words(args))
    except SystemExit as ended:
        return int(ended.code or 0)


def table_of(trials: Sequence[FrozenTrial]) -> dict[str, np.ndarray]:
    """The arrays of a table of complete trials.

    A parameter with a logarithmic scale is a column of its decimal logarithm.
    """
    runs = [trial.user_attrs[RUNS] for trial in trials]
    arrays = {
        "seeds": np.asarray([run["seed"] for run in runs[0]]),
        "mean_reward": np.stack([learning_curves(of_trial) for of_trial in runs]).astype(np.float32),
        "seconds": np.asarray([[run[SECONDS_AT] for run in of_trial] for of_trial in runs], dtype=np.float32),
        "final_reward": np.asarray(
            [[np.mean(run[FINAL_RETURNS]) for run in of_trial] for of_trial in runs], dtype=np.float32
        ),
    }
    return arrays | dict(_column(trials, name) for name in trials[0].params)


def _column(trials: Sequence[FrozenTrial], name: str) -> tuple[str, np.ndarray[Any, Any]]:
    distribution = trials[0].distributions[name]
    values = np.asarray([trial.params[name] for trial in trials])
    if isinstance(distribution, (FloatDistribution, IntDistribution)) and distribution.log:
        return f"log10_{name}", np.log10(values)
    return name, values


def complete_trials(study_file: Path) -> list[FrozenTrial]:
    """The complete trials of the study that the trainings are kept in.

    :raises SystemExit: if there are none
    """
    trials = []
    if study_file.exists():
        study = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{study_file}")
        trials = study.get_trials(states=(TrialState.COMPLETE,))
    if not trials:
        raise SystemExit(f"{study_file}: no configuration is trained on all its seeds yet; the same command goes on")
    return trials


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algo", default="dqn")
    parser.add_argument("--env", default="CartPole-v1")
    parser.add_argument("-n", "--n-timesteps", type=int, default=50_000, help="environment steps of one training")
    parser.add_argument("--n-evaluations", type=int, default=20)
    parser.add_argument("--n-configurations", type=int, default=100, help="in all, those that are trained included")
    parser.add_argument("--n-seeds", type=int, default=5)
    parser.add_argument(
        "--max-trial-cost",
        default="none",
        metavar="MULTIPLE",
        help="leave configurations out that cost so many times the median (default: %(default)s)",
    )
    parser.add_argument(
        "--around-default",
        action="store_true",
        help="draw half of the configurations around the one tuned from, as a search begins, and half of them evenly",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--study", type=Path, default=Path("table.db"), help="SQLite file that holds the trainings")
    parser.add_argument("--output", type=Path, required=True, help="table to write")
    args = parser.parse_args()
    code = train(args) if args.n_configurations else 0
    trials = complete_trials(args.study)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(args.output, **table_of(trials))
    print(f"{args.output}: {len(trials)} configurations, {args.output.stat().st_size / 1024:.0f} KB")
    sys.exit(code)


if __name__ == "__main__":
    main()
