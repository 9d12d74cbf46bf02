"""How many of the trainings that there are should choose among the finalists, and among how many of them.

``python benchmarks/choice_sizes.py --repetitions 100 --seed 0 --json benchmarks/results/choice_sizes.json`` divides 30,
100 and 200 trainings between a simulated search and the choice among its finalists, in the scenes of
``choosing.py``. A search takes 2.4 trainings for each trial that is trained to the end, as one of PPO on Acrobot with
1,140 trials did. The choice is the project's, by 15 trainings among 8 finalists on 5 seeds at most, or by several times
as many of each; ``ours`` has the size that :mod:`sb3_hpo.choice_size` gives it. Printed is what the chosen one is truly
worth, with the 95 % interval of the mean. Where there is little noise it takes longest.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from choosing import SCENES, Draw, Size, half_interval, print_and_keep

from sb3_hpo.choice_size import ChoiceSize, choice_size, kept_for_choosing
from sb3_hpo.interruption import Deadline
from sb3_hpo.selection import Selection
from sb3_hpo.settings import TuningSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

N_TRAININGS = (30, 100, 200)
PER_TRIAL = 2.4
FACTORS = (0.4, 1.0, 2.0, 4.0)
"""Times the size where none is asked for and the search is small."""
LARGEST_SHARE = 0.5


def sizes(n_trainings: int) -> dict[str, ChoiceSize]:
    """Sizes of a choice that leave at least half of the trainings to the search, by the trainings that it takes."""
    usual = choice_size(TuningSettings(), 0.0)
    ours = choice_size(TuningSettings(), n_trainings)
    found = {"ours": dataclasses.replace(ours, n_trainings=kept_for_choosing(ours, n_trainings))}
    for factor in FACTORS:
        size = ChoiceSize(
            max(usual.n_finalists, round(factor * usual.n_finalists)),
            max(usual.n_seeds, round(factor * usual.n_seeds)),
            round(factor * usual.n_trainings),
        )
        if size.n_trainings <= LARGEST_SHARE * n_trainings:
            found[str(size.n_trainings)] = size
    return found


def tuned(draw: Draw, size: ChoiceSize, n_trainings: int, generator: np.random.Generator) -> float:
    """What the winner of a search that leaves the choice its trainings is truly worth."""
    n_trials = max(2, int((n_trainings - size.n_trainings) / PER_TRIAL))
    seeds = list(range(1 + size.n_seeds))
    scene = draw(generator, Size(n_trials, size.n_finalists, len(seeds)))
    selection = Selection(scene.finalists)
    selection.run(scene, seeds[:1], seeds[1:], size.n_trainings, Deadline(None))
    return scene.worth[scene.finalists.index(selection.ranking[0])]


def measure(n_repetitions: int, seed: int, scenes: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """A row for each scene, or each of those named, and each number of trainings."""
    for place, (name, draw) in enumerate(SCENES.items()):
        for n_trainings in N_TRAININGS if not scenes or name in scenes else ():
            found = {
                kind: [
                    tuned(draw, size, n_trainings, np.random.default_rng([seed, place, n_trainings, repetition]))
                    for repetition in range(n_repetitions)
                ]
                for kind, size in sizes(n_trainings).items()
            }
            yield {
                "scene": name,
                "n_trainings": n_trainings,
                "n_choosing": {kind: size.n_trainings for kind, size in sizes(n_trainings).items()},
                "worth": {kind: float(np.mean(values)) for kind, values in found.items()},
                "half_interval": {kind: half_interval(values) for kind, values in found.items()},
            }


def _columns() -> list[str]:
    """Trainings that choose, of the sizes that are not ours."""
    return [str(round(factor * choice_size(TuningSettings(), 0.0).n_trainings)) for factor in FACTORS]


def as_line(row: dict[str, Any]) -> str:
    """A line of the table."""
    cells = [
        f"{row['worth'][kind]:.3f} ± {row['half_interval'][kind]:.3f}" if kind in row["worth"] else ""
        for kind in ("ours", *_columns())
    ]
    cells[0] += f" ({row['n_choosing']['ours']})"
    return f"| {row['scene']} | {row['n_trainings']} | " + " | ".join(cells) + " |"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scenes", nargs="+", choices=SCENES, metavar="SCENE", help=f"{'; '.join(SCENES)}")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    columns = _columns()
    print("| scene | trainings | ours (so many choose) | " + " | ".join(f"{n} choose" for n in columns) + " |")
    print("|---" * (3 + len(columns)) + "|")
    print_and_keep(measure(args.repetitions, args.seed, args.scenes or ()), as_line, args)


if __name__ == "__main__":
    main()
