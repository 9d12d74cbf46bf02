"""Replay tuning strategies on a table of real learning curves, in milliseconds instead of days.

``python benchmarks/replay.py TABLE.npz --policy default --budget 1000 --repetitions 200 --seed 0 --json`` tunes 200
times, each time within 1,000 evaluations of the table, and prints how far the configuration that won is from the best
one. What a table is says :mod:`sb3_hpo.tables.curve_table`; the policies are in :mod:`policies`. Objective, scores,
samplers, pruners, finalists and the choice among them are the project's own.

The budget is all that is spent until the winner is chosen, in evaluations of the table. The comparison of the winner
with the configuration that was tuned from is not in it: that chooses nothing, and a table has no such configuration.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from policies import POLICIES
from table_tuning import TableTuning

from sb3_hpo import __version__
from sb3_hpo.seeds import bootstrap_generator
from sb3_hpo.tables.curve_table import CurveTable

if TYPE_CHECKING:
    from collections.abc import Sequence

CHUNK = 25
"""Repetitions that one process does in one go."""
N_RESAMPLES = 10_000
"""Resamples of the interval of the mean regret."""


def repeat(table: CurveTable, policy: str, budget: int, seed: int, repetitions: Sequence[int]) -> list[tuple[int, int]]:
    """Tune several times.

    :param repetitions: numbers of the repetitions; each has random numbers of its own, whatever the policy and budget
    :return: for each repetition the configuration that won, and the evaluations spent
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # The search collects garbage after each trial; all that is loaded by now, torch above all, is none.
    gc.collect()
    gc.freeze()
    results = []
    for repetition in repetitions:
        tuning = TableTuning(table, POLICIES[policy], budget, np.random.default_rng([seed, repetition]))
        results.append((tuning.run(), tuning.purse.spent))
    return results


def replay(
    table: CurveTable, policy: str, budget: int, n_repetitions: int, seed: int = 0, n_workers: int = 1
) -> dict[str, Any]:
    """Regret of a policy on a table; the same for any number of processes.

    :return: ``policy``, ``budget``, ``repetitions``, ``regret`` and ``true_score`` of the winner, and ``spent``
    """
    chunks = [range(i, min(i + CHUNK, n_repetitions)) for i in range(0, n_repetitions, CHUNK)]
    if n_workers == 1:
        parts = [repeat(table, policy, budget, seed, chunk) for chunk in chunks]
    else:
        with ProcessPoolExecutor(n_workers) as pool:
            futures = [pool.submit(repeat, table, policy, budget, seed, chunk) for chunk in chunks]
            parts = [future.result() for future in futures]
    results = [result for part in parts for result in part]
    winners = [winner for winner, _ in results]
    return {
        "policy": policy,
        "budget": budget,
        "repetitions": n_repetitions,
        "regret": summary(table.regret[winners]),
        "true_score": summary(table.truth[winners]),
        "spent": float(np.mean([spent for _, spent in results])),
    }


def summary(values: np.ndarray) -> dict[str, Any]:
    """Mean with its 95 % bootstrap interval, median and 90th percentile."""
    generator = bootstrap_generator(0)
    means = [float(values[generator.integers(len(values), size=len(values))].mean()) for _ in range(N_RESAMPLES)]
    return {
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "p90": float(np.quantile(values, 0.9)),
        "ci95": [float(limit) for limit in np.quantile(means, [0.025, 0.975])],
    }


def provenance(path: Path) -> dict[str, Any]:
    """What the numbers come from: the table, by name and content, and the versions."""
    return {
        "table": path.name,
        "table_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "versions": {
            "sb3-hpo": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "optuna": optuna.__version__,
        },
    }


def main() -> None:
    """Replay one policy with one budget, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, metavar="TABLE.npz")
    parser.add_argument("--policy", default="default", choices=POLICIES)
    parser.add_argument("--budget", type=_positive, default=1_000, help="evaluations of the table")
    parser.add_argument("--repetitions", type=_positive, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=_positive, default=1, help="processes; the numbers do not depend on it")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    try:
        table = CurveTable.read(args.table)
    except (OSError, ValueError) as error:
        parser.error(f"no table to read: {error}")
    started = time.monotonic()
    result = replay(table, args.policy, args.budget, args.repetitions, args.seed, args.workers)
    if args.json:
        seconds = round(time.monotonic() - started, 1)
        print(json.dumps({**result, "seed": args.seed, "seconds": seconds, **provenance(args.table)}))
    else:
        print(as_text(result))


def as_text(result: dict[str, Any]) -> str:
    """A result in one line."""
    regret, (low, high) = result["regret"], result["regret"]["ci95"]
    return (
        f"{result['policy']}, budget {result['budget']:,}: mean regret {regret['mean']:.4f} [{low:.4f}, {high:.4f}], "
        f"median {regret['median']:.4f}, 90 % below {regret['p90']:.4f}; mean true score of the winner "
        f"{result['true_score']['mean']:.1f} ({result['repetitions']:,} repetitions)"
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


if __name__ == "__main__":
    main()
