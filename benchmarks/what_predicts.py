"""What of one training says how good a configuration is on other seeds? On a table of real learning curves.

``python benchmarks/what_predicts.py TABLE.npz --seed 0 --json benchmarks/results/what_predicts.json --png
benchmarks/results/what_predicts.png`` looks at each seed of the table in turn: what its trainings show, early and at
their end, beside what the agents of all other seeds are worth. Early is what a trial has reached at a rung, the mean
of the evaluations since it had come half as far; at the end are the scores of the project, and what the agent at the
end is worth. Printed are, with 95 % bootstrap intervals over the configurations,

- Kendall's tau: of two configurations the better one leads with a probability of ``(1 + tau) / 2``, ties aside;
- best of ten: what, of ten random configurations, the one that leads is worth on the other seeds, and how much more
  that is than by the score of the project;

and what configurations are worth by the value of each parameter that is a choice.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scale_machine import machine
from scipy.stats import kendalltau

from sb3_hpo.late_returns import LATE_SHARE
from sb3_hpo.scores import SCORES, FloatArray
from sb3_hpo.settings import TuningSettings
from sb3_hpo.tables.curve_table import CurveTable
from sb3_hpo.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

STAGES = (0.05, 0.1, 0.15, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Shares of a training; those that fall on an evaluation of the table are looked at."""
LATE = "mean of the last quarter"
END = "agent at the end"
OURS = f"score {TuningSettings().score}"
"""What the project looks at where nothing else is asked for."""
TIES = "of equal ones auc"
"""As finalists are chosen (:mod:`sb3_hpo.finalists`)."""
N_DRAWN = 10
"""Configurations of which the one that leads is taken."""
N_DRAWS = 200


def early(table: CurveTable) -> dict[float, FloatArray]:
    """Share of a training -> what each training has reached there, shape ``(n_configurations, n_seeds)``."""
    counts = {share: share * table.n_evaluations for share in STAGES}
    whole = {share: round(count) for share, count in counts.items() if abs(count - round(count)) < 1e-9 and count >= 1}
    return {share: table.curves[:, :, count // 2 : count].mean(axis=2) for share, count in whole.items()}


def at_the_end(table: CurveTable) -> dict[str, FloatArray]:
    """Name -> what each training shows once it is over, shape ``(n_configurations, n_seeds)``."""
    n_late = max(1, round(LATE_SHARE * table.n_evaluations))
    scores = {f"score {name}": np.asarray([score(seeds) for seeds in table.curves]) for name, score in SCORES.items()}
    late = table.curves[:, :, -n_late:].mean(axis=2)
    shown = {**scores, LATE: late, END: table.final}
    return shown | {f"{name}, {TIES}": in_order(shown[name], scores["score auc"]) for name in (OURS, LATE)}


def in_order(first: FloatArray, in_a_tie: FloatArray) -> FloatArray:
    """Places of configurations by one number, of equal ones by another; seed by seed."""
    pairs = np.stack([first, in_a_tie], axis=2)
    places = [np.unique(pairs[:, seed], axis=0, return_inverse=True)[1] for seed in range(pairs.shape[1])]
    return np.stack(places, axis=1).astype(np.float64)


def others(final: FloatArray) -> FloatArray:
    """What the agents of the other seeds are worth on average, of the shape of ``final``."""
    return np.asarray((final.sum(axis=1, keepdims=True) - final) / (final.shape[1] - 1))


def rank_correlation(shown: FloatArray, final: FloatArray) -> float:
    """Kendall's tau-b of what a seed shows and what the others are worth, the mean over the seeds."""
    worth = others(final)
    taus = [kendalltau(shown[:, seed], worth[:, seed]).statistic for seed in range(final.shape[1])]
    return float(np.nan_to_num(taus).mean())


def best_of_drawn(shown: FloatArray, final: FloatArray, generator: np.random.Generator) -> float:
    """What the one that leads among some random configurations is worth on the other seeds; the mean of equal ones."""
    worth = others(final)
    found = []
    for _ in range(N_DRAWS):
        drawn = generator.choice(len(shown), size=min(N_DRAWN, len(shown)), replace=False)
        seed = generator.integers(final.shape[1])
        leads = shown[drawn, seed] == shown[drawn, seed].max()
        found.append(worth[drawn, seed][leads].mean())
    return float(np.mean(found))


def predictions(table: CurveTable, n_samples: int, seed: int) -> list[dict[str, Any]]:
    """A row for everything that a training shows; all of them on the same samples of the configurations."""
    shown = {f"after {share:.0%}": (share, values) for share, values in early(table).items()}
    shown |= {name: (1.0, values) for name, values in at_the_end(table).items()}
    generator, n = np.random.default_rng(seed), len(table.curves)
    samples = [np.arange(n), *(generator.integers(n, size=n) for _ in range(n_samples))]
    # The first one is all configurations, the others tell how far off that may be.
    picks = {name: _best_of_samples(values, table.final, samples, seed) for name, (_, values) in shown.items()}
    rows = []
    for name, (share, values) in shown.items():
        taus = [rank_correlation(values[sample], table.final[sample]) for sample in samples]
        gains = picks[name] - picks[OURS]
        row = {"shown": name, "share": share}
        for key, found in {"tau": taus, "best_of_ten": picks[name], "more_than_ours": gains}.items():
            row |= {key: float(found[0]), f"{key}_ci95": _interval(found[1:])}
        rows.append(row)
    return rows


def _best_of_samples(shown: FloatArray, final: FloatArray, samples: Sequence[np.ndarray], seed: int) -> FloatArray:
    return np.asarray([best_of_drawn(shown[s], final[s], np.random.default_rng(seed)) for s in samples])


def choices(table: CurveTable, n_samples: int, seed: int) -> Iterator[dict[str, Any]]:
    """What configurations are worth, by each value of each parameter that is a choice."""
    generator = np.random.default_rng(seed)
    for name, column in table.columns.items():
        if column.dtype.kind not in "USb":
            continue
        for value in np.unique(column):
            worth = table.truth[column == value]
            means = [float(generator.choice(worth, size=len(worth)).mean()) for _ in range(n_samples)]
            best_quarter = worth >= np.quantile(table.truth, 0.75)
            yield {
                "parameter": name,
                "value": str(value),
                "configurations": len(worth),
                "worth": float(worth.mean()),
                "ci95": _interval(means),
                "in_the_best_quarter": int(best_quarter.sum()),
            }


def _interval(values: Sequence[float]) -> list[float]:
    return np.quantile(values, [0.025, 0.975]).tolist()


def as_markdown(rows: Sequence[Mapping[str, Any]], by_choice: Sequence[Mapping[str, Any]]) -> str:
    """Both tables."""
    lines = ["| shown by one training | Kendall's tau | best of ten | more than by ours |", "|---|---|---|---|"]
    lines += [
        f"| {row['shown']} | {row['tau']:.2f} {_text(row['tau_ci95'], 2)} "
        f"| {row['best_of_ten']:.1f} {_text(row['best_of_ten_ci95'], 1)} "
        f"| {row['more_than_ours']:+.1f} {_text(row['more_than_ours_ci95'], 1)} |"
        for row in rows
    ]
    lines += ["", "| parameter | value | configurations | worth | in the best quarter |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['parameter']} | {row['value']} | {row['configurations']} "
        f"| {row['worth']:.1f} {_text(row['ci95'], 1)} | {row['in_the_best_quarter']} |"
        for row in by_choice
    ]
    return "\n".join(lines)


def _text(interval: Sequence[float], digits: int) -> str:
    return f"[{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]"


def draw(rows: Sequence[Mapping[str, Any]], title: str, path: Path) -> None:
    """Kendall's tau against the share of a training that was seen."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    stages = [row for row in rows if row["shown"].startswith("after ")]
    shares = [row["share"] for row in stages]
    figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    axis.fill_between(shares, *zip(*(row["tau_ci95"] for row in stages), strict=True), alpha=0.2, linewidth=0)
    axis.plot(shares, [row["tau"] for row in stages], "o-", label="mean of the second half so far")
    for at, row in enumerate(row for row in rows if row["shown"] in (LATE, END, "score last")):
        axis.plot(row["share"], row["tau"], "^sD"[at], color=f"C{at + 1}", label=row["shown"])
    axis.axhline(0.0, color="grey", linewidth=0.8)
    axis.set(xlabel="share of a training that was seen", ylabel="Kendall's tau with other seeds", title=title)
    axis.legend()
    figure.savefig(path, dpi=80)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, metavar="TABLE.npz")
    parser.add_argument("--samples", type=int, default=500, help="bootstrap samples (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--png", type=Path, metavar="FILE")
    args = parser.parse_args()
    try:
        table = CurveTable.read(args.table)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if table.n_seeds < 2:
        parser.error(f"{args.table} has {table.n_seeds} seed: what a training says about others takes two or more")
    rows = predictions(table, args.samples, args.seed)
    by_choice = list(choices(table, args.samples, args.seed))
    print(as_markdown(rows, by_choice))
    if args.json:
        shape = {"table": args.table.name, "configurations": len(table.curves), "seeds": table.n_seeds}
        content = {"command": f"python {shlex.join(sys.argv)}", **machine(), **shape}
        write_whole(args.json, json.dumps({**content, "shown": rows, "choices": by_choice}, indent=1) + "\n")
    if args.png:
        draw(rows, f"{args.table.stem}: {len(table.curves)} configurations, {table.n_seeds} seeds", args.png)


if __name__ == "__main__":
    main()
