"""What finalists should be ranked by, judged on seeds that chose nothing: on tables of real learning curves.

``python benchmarks/held_out.py TABLE.npz ... --repetitions 150 --seed 0 --json benchmarks/results/held_out.json``
draws searches of 20 configurations of a table, each trained on one of its seeds, chooses among the best eight by
:class:`sb3_hpo.selection.Selection` on one or more others, and looks at what the chosen one is worth on the seeds that
are left. ``replay.py`` replays whole searches, but to it a configuration is worth its mean over all seeds, those that
chose it included; here none is. Compared are rankings

- by the scores, and in a tie by late means (:mod:`sb3_hpo.late_returns`), as in the project;
- by late means: what a configuration was worth all along the last quarter of its trainings;
- by late means at a ceiling, where at least two finalists had the highest score of the search, and else by the scores;
- by the mean of both.

A table has few configurations and fewer seeds: the intervals say how far the mean over all such searches on this table
may be off, and nothing about other tables.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from choosing import N_TRIALS, SEEDS, Scene, half_interval
from scale_machine import machine

from sb3_hpo.interruption import Deadline
from sb3_hpo.late_returns import late_mean_of_curve
from sb3_hpo.scores import mean_last
from sb3_hpo.selection import Selection
from sb3_hpo.tables.curve_table import CurveTable
from sb3_hpo.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sb3_hpo.candidates import Candidate
    from sb3_hpo.scores import FloatArray

N_TRAININGS = 12
"""Trainings on selection seeds that there may be."""


class Trainings:
    """What all trainings of a table have shown, shape ``(n_configurations, n_seeds)`` each.

    :ivar scores: of the search, by the few episodes of its evaluations
    :ivar sums: of all evaluations: of equal scores the higher one becomes a finalist first
    :ivar final: what the agents at the end are worth
    :ivar late: mean returns over the last quarter
    """

    def __init__(self, table: CurveTable) -> None:
        n, steps = table.n_evaluations, range(1, table.n_evaluations + 1)
        self.scores = np.asarray([mean_last(seeds) for seeds in table.curves])
        self.sums = table.curves.sum(axis=2)
        self.final = table.final
        self.late = np.asarray(
            [
                [late_mean_of_curve(steps, curve.tolist(), n, final) for curve, final in zip(*pairs, strict=True)]
                for pairs in zip(table.curves, table.final, strict=True)
            ]
        )


class Search(Scene):
    """A search on the table.

    :param configurations: that it tried, as places in the table
    :param columns: seeds of the table in some order: that of the search, those that choose, those that judge
    :param n_selection: number of those that choose
    """

    def __init__(self, trainings: Trainings, configurations: np.ndarray, columns: np.ndarray, n_selection: int) -> None:
        by_sum = np.argsort(-trainings.sums[configurations, columns[0]], kind="stable")
        self._rows = configurations[by_sum]
        self._columns = columns
        self._trainings = trainings

        def train(place: int, seed: int) -> float:
            shown = trainings.scores if seed == SEEDS[0] else trainings.final
            return float(shown[self._rows[place], columns[seed]])

        judging = columns[1 + n_selection :]
        super().__init__(trainings.final[self._rows][:, judging].mean(axis=1), train)

    def late_means(self, candidate: Candidate, seeds: Sequence[int]) -> list[float]:
        """Of the trainings that are there."""
        row = self._rows[self._places[candidate.fingerprint]]
        return [float(self._trainings.late[row, self._columns[seed]]) for seed in seeds if self.has(candidate, seed)]


class ByLateMeans(Selection):
    """Finalists, ranked by what they were worth over the last quarter."""

    def _scores(self, trainings: Any) -> dict[str, list[float]]:
        return {c.fingerprint: trainings.late_means(c, self.seeds_of(c)) for c in self.ranking}


class ByLateMeansAtACeiling(ByLateMeans):
    """The same where several had the highest score of the search."""

    def __init__(self, finalists: Sequence[Candidate]) -> None:
        super().__init__(finalists)
        scores = [candidate.score for candidate in finalists if candidate.score is not None]
        self._is_at_ceiling = scores.count(max(scores, default=0.0)) > 1

    def _scores(self, trainings: Any) -> dict[str, list[float]]:
        return super()._scores(trainings) if self._is_at_ceiling else Selection._scores(self, trainings)


class ByBoth(ByLateMeans):
    """Finalists, ranked by the mean of scores and late means."""

    def _scores(self, trainings: Any) -> dict[str, list[float]]:
        late = super()._scores(trainings)
        scores = Selection._scores(self, trainings)
        return {name: np.mean([scores[name], late[name]], axis=0).tolist() for name in scores}


OURS = "scores, late means in a tie"
RANKINGS: dict[str, type[Selection]] = {
    OURS: Selection,
    "late means": ByLateMeans,
    "late means at a ceiling": ByLateMeansAtACeiling,
    "mean of both": ByBoth,
}


def measure(table: CurveTable, n_repetitions: int, seed: int) -> Iterator[dict[str, Any]]:
    """What is chosen is worth by each ranking, with every number of selection seeds; all on the same searches."""
    trainings = Trainings(table)
    for n_selection in range(1, table.n_seeds - 1):
        found: dict[str, list[float]] = {name: [] for name in RANKINGS}
        for repetition in range(n_repetitions):
            generator = np.random.default_rng([seed, n_selection, repetition])
            rows = generator.choice(len(table.curves), size=min(N_TRIALS, len(table.curves)), replace=False)
            columns = generator.permutation(table.n_seeds)
            for name, selects in RANKINGS.items():
                search = Search(trainings, rows, columns, n_selection)
                selection = selects(search.finalists)
                chosen_by: Any = search
                selection.run(chosen_by, SEEDS[:1], SEEDS[1 : 1 + n_selection], N_TRAININGS, Deadline(None))
                found[name].append(search.worth[search.finalists.index(selection.ranking[0])])
        yield {"selection_seeds": n_selection, **_summary(found)}


def _summary(found: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    more: dict[str, FloatArray] = {name: np.subtract(values, found[OURS]) for name, values in found.items()}
    return {
        "worth": {name: float(np.mean(values)) for name, values in found.items()},
        "half_interval": {name: half_interval(values) for name, values in found.items()},
        "more": {name: float(values.mean()) for name, values in more.items()},
        "half_interval_of_more": {name: half_interval(values) for name, values in more.items()},
    }


def as_line(row: Mapping[str, Any]) -> str:
    """A line of the table."""
    cells = [f"{row['worth'][OURS]:.1f} ± {row['half_interval'][OURS]:.1f}"]
    cells += [f"{row['more'][n]:+.2f} ± {row['half_interval_of_more'][n]:.2f}" for n in RANKINGS if n != OURS]
    return f"| {row['table']} | {row['selection_seeds']} | " + " | ".join(cells) + " |"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path, nargs="+", metavar="TABLE.npz")
    parser.add_argument("--repetitions", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    try:
        tables = {path.stem: CurveTable.read(path) for path in args.tables}
    except (OSError, ValueError) as error:
        parser.error(str(error))
    for name, table in tables.items():
        if not 3 <= table.n_seeds <= len(SEEDS):
            parser.error(f"{name} has {table.n_seeds} seeds, it takes 3 to {len(SEEDS)}: to search, choose and judge")
    print("| table | selection seeds | " + " | ".join(RANKINGS) + " |")
    print("|---" * (2 + len(RANKINGS)) + "|")
    rows = []
    for name, table in tables.items():
        for measured in measure(table, args.repetitions, args.seed):
            rows.append({"table": name, **measured})
            print(as_line(rows[-1]), flush=True)
    if args.json:
        content = {"command": shlex.join(sys.argv), **machine(), "repetitions": args.repetitions, "rows": rows}
        write_whole(args.json, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
