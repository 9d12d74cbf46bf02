"""Few trainings after a search: to choose among finalists, or to judge one beside the default.

``python benchmarks/few_trainings.py --n-trainings 8 --repetitions 1000 --seed 0 --json
benchmarks/results/few_trainings.json`` draws finalists of DQN on CartPole whose one training of the search ended at the
ceiling, spends the trainings on them in every way that there is, and lets the project's own ``compare`` say whether the
chosen one is taken. What counts is how often a training of what is then trained with succeeds.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scale_machine import machine
from verdict_power import succeeding

from sb3_hpo.comparison import MIN_SEEDS_FOR_CONFIDENCE, compare
from sb3_hpo.whole_files import write_whole

CLASSES = {0.97: 0.25, 0.7: 0.4, 0.4: 0.35}
"""Shares of the trainings of a finalist that succeed, and how often a finalist is such a one."""
DEFAULT_SUCCEEDS = 0.65
"""Share of the trainings of the zoo's default that do."""
HOLDS = 0.9
"""A configuration holds if at least this share of its trainings succeeds."""


class Split(NamedTuple):
    """How trainings are spent.

    :param n_finalists: finalists that there is a choice among
    :param n_selection: selection seeds of each; none for a single one
    :param n_validation: validation seeds of the chosen one, and of the default
    """

    n_finalists: int
    n_selection: int
    n_validation: int


def splits(n_trainings: int, most_finalists: int = 4) -> list[Split]:
    """Every way to spend so many trainings that leaves a comparison the fewest seeds that tell anything."""
    found = []
    for n_finalists in range(1, most_finalists + 1):
        for n_validation in range(MIN_SEEDS_FOR_CONFIDENCE, n_trainings // 2 + 1):
            n_selection, left = divmod(n_trainings - 2 * n_validation, n_finalists)
            if left == 0 and (n_finalists > 1) == (n_selection > 0):
                found.append(Split(n_finalists, n_selection, n_validation))
    return found


def spend(split: Split, generator: np.random.Generator) -> float:
    """Share of the trainings that succeed with what comes out, of the chosen finalist or of the default."""
    shares = generator.choice(list(CLASSES), size=split.n_finalists, p=list(CLASSES.values()))
    chosen = shares[0]
    if split.n_selection:
        means = [succeeding(share)(generator, split.n_selection).mean() for share in shares]
        chosen = shares[int(np.argmax(means))]
    scores = succeeding(chosen)(generator, split.n_validation)
    of_default = succeeding(DEFAULT_SUCCEEDS)(generator, split.n_validation)
    return float(chosen) if compare(scores, of_default, generator).is_taken else DEFAULT_SUCCEEDS


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-trainings", type=int, nargs="+", default=[8])
    parser.add_argument("--repetitions", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    print(
        "| trainings | finalists | selection seeds | validation seeds | succeeds | holds |\n|---|---|---|---|---|---|"
    )
    for split, n_trainings in [(split, n) for n in args.n_trainings for split in splits(n)]:
        generator = np.random.default_rng(args.seed)
        shares = np.array([spend(split, generator) for _ in range(args.repetitions)])
        error = 1.96 * shares.std() / np.sqrt(len(shares))
        holds = float(np.mean(shares >= HOLDS))
        rows.append({"n_trainings": n_trainings, **split._asdict(), "succeeds": shares.mean(), "holds": holds})
        cells = " | ".join(str(part) for part in split)
        print(f"| {n_trainings} | {cells} | {shares.mean():.1%} ± {error:.1%} | {holds:.0%} |", flush=True)
    if args.json:
        content = {"command": shlex.join(sys.argv), **machine(), "repetitions": args.repetitions, "rows": rows}
        write_whole(args.json, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
