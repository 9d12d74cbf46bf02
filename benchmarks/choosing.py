"""Which finalist to choose with so many trainings: the project's choice, and seeds that all finalists get.

``python benchmarks/choosing.py --repetitions 500 --seed 0 --json benchmarks/results/choosing.json`` simulates searches
of 20 complete trials, of which eight become finalists for their one score, and chooses one of them with 6, 12 or 15
trainings: by :class:`sb3_hpo.selection.Selection`; by the same with the scores of the search ``as scored``, or with all
``seeds as any other``, whatever they add to the scores; or by the mean where the first two, three or five finalists are
trained on the same seeds. None gets more than five, as in the project, so two of them have no use for more than ten
trainings. Printed is what the chosen one is truly worth, with the 95 % interval of the mean, and how much more or less
than the project's it is, in pairs.

``normal, noise s``: configurations are worth a standard normal number, and a training scores that, give or take ``s``;
with ``seeds d`` a seed also adds to all of them a number with a standard deviation of ``d``.
``succeeds or fails``: a training scores 500 with the probability that belongs to the configuration, drawn from a Beta
distribution, and else something between 10 and 450, as DQN on CartPole does; what one is worth is that probability.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scale_machine import machine

from sb3_hpo.candidates import Candidate
from sb3_hpo.interruption import Deadline
from sb3_hpo.selection import Selection
from sb3_hpo.whole_files import write_whole

N_TRIALS = 20
N_FINALISTS = 8
SEEDS = list(range(6))
"""The first one is that of the search."""
N_TRAININGS = (6, 12, 15)

Choice: TypeAlias = Callable[["Scene", int], int]


class Scene:
    """Finalists of a simulated search, each with its score there; the training that was asked for is drawn at once.

    It stands for :class:`~sb3_hpo.validation_trainings.Trainings`.

    :param worth: what each trial's configuration is truly worth
    :param train: place and number of the seed -> score of a training of that trial
    :param n_finalists: trials with the best scores that become finalists
    """

    def __init__(self, worth: np.ndarray, train: Callable[[int, int], float], n_finalists: int = N_FINALISTS) -> None:
        first = np.array([train(i, SEEDS[0]) for i in range(len(worth))])
        places = np.argsort(-first, kind="stable")[:n_finalists].tolist()
        self.worth = [float(worth[place]) for place in places]
        scores = [float(first[place]) for place in places]
        self.finalists = [
            Candidate(i, score, {"i": i}, is_default=False, tuning_scores={SEEDS[0]: score})
            for i, score in enumerate(scores)
        ]
        self._places = {c.fingerprint: p for c, p in zip(self.finalists, places, strict=True)}
        self._train = train
        self._scores = {(name, SEEDS[0]): float(first[place]) for name, place in self._places.items()}

    def complete(self, pairs: Sequence[tuple[Candidate, int]], *rest: object) -> bool:
        """Draw what is missing."""
        for candidate, seed in pairs:
            if not self.has(candidate, seed):
                self._scores[candidate.fingerprint, seed] = self._train(self._places[candidate.fingerprint], seed)
        return True

    def has(self, candidate: Candidate, seed: int) -> bool:
        """Whether a score is there."""
        return (candidate.fingerprint, seed) in self._scores

    def scores(self, candidate: Candidate, seeds: Sequence[int]) -> list[float]:
        """The scores that are there."""
        return [self._scores[candidate.fingerprint, seed] for seed in seeds if self.has(candidate, seed)]

    def late_means(self, candidate: Candidate, seeds: Sequence[int]) -> None:
        """Not known."""

    def failure(self, candidate: Candidate) -> None:
        """None fails."""


class SeedsAsAnyOther(Selection):
    """The project's choice, in which what a seed adds to all that are trained on it is not looked for."""

    def _scores(self, trainings: Any) -> dict[str, list[float]]:
        return {c.fingerprint: trainings.scores(c, self.seeds_of(c)) for c in self.ranking}


class AsScored(Selection):
    """The project's choice, in which a score of the search counts as much as any other to the end."""

    @staticmethod
    def levelled(scores: Mapping[str, Sequence[float]], n_known: int) -> dict[str, list[float]]:
        """The scores."""
        del n_known
        return Selection.levelled(scores, 0)


def by(selects: type[Selection]) -> Choice:
    """The choice of the project, or of a subclass."""

    def choose(scene: Scene, n_trainings: int) -> int:
        selection = selects(scene.finalists)
        selection.run(scene, SEEDS[:1], SEEDS[1:], n_trainings, Deadline(None))
        return scene.finalists.index(selection.ranking[0])

    return choose


def equally(n_finalists: int) -> Choice:
    """The highest mean of some finalists that get the same seeds."""

    def choose(scene: Scene, n_trainings: int) -> int:
        finalists = scene.finalists[:n_finalists]
        seeds = SEEDS[: 1 + n_trainings // n_finalists]
        scene.complete([(candidate, seed) for candidate in finalists for seed in seeds])
        return int(np.argmax([np.mean(scene.scores(candidate, seeds)) for candidate in finalists]))

    return choose


OURS = "the two that lead"
CHOICES: dict[str, Choice] = {
    OURS: by(Selection),
    "as scored": by(AsScored),
    "seeds as any other": by(SeedsAsAnyOther),
    "two on the same seeds": equally(2),
    "three on the same seeds": equally(3),
    "five on the same seeds": equally(5),
}


@dataclasses.dataclass(frozen=True)
class Size:
    """How large a search and its choice are.

    :param n_trials: trials that were trained to the end
    :param n_finalists: finalists of them
    :param n_seeds: seeds, that of the search and those that choose
    """

    n_trials: int = N_TRIALS
    n_finalists: int = N_FINALISTS
    n_seeds: int = len(SEEDS)


Draw: TypeAlias = Callable[[np.random.Generator, Size], Scene]


def normal(noise: float, of_seeds: float = 0.0) -> Draw:
    """Searches whose scores are normal, on seeds of which some are easier for all."""

    def draw(generator: np.random.Generator, size: Size) -> Scene:
        worth = generator.normal(size=size.n_trials)
        easier = generator.normal(scale=of_seeds, size=size.n_seeds) if of_seeds else np.zeros(size.n_seeds)

        def train(i: int, seed: int) -> float:
            return float(generator.normal(worth[i] + easier[seed], noise))

        return Scene(worth, train, size.n_finalists)

    return draw


def all_or_nothing(alpha: float, beta: float) -> Draw:
    """Searches whose trainings succeed or fail."""

    def draw(generator: np.random.Generator, size: Size) -> Scene:
        worth = generator.beta(alpha, beta, size=size.n_trials)

        def train(i: int, seed: int) -> float:
            return 500.0 if generator.random() < worth[i] else float(generator.uniform(10, 450))

        return Scene(worth, train, size.n_finalists)

    return draw


SCENES = {
    "normal, noise 0.3": normal(0.3),
    "normal, noise 1": normal(1.0),
    "normal, noise 2": normal(2.0),
    "normal, noise 0.3, seeds 1": normal(0.3, of_seeds=1.0),
    "normal, noise 1, seeds 1": normal(1.0, of_seeds=1.0),
    "succeeds or fails, Beta(1, 1)": all_or_nothing(1.0, 1.0),
    "succeeds or fails, Beta(0.5, 1)": all_or_nothing(0.5, 1.0),
    "normal, noise 0.3, seeds 3": normal(0.3, of_seeds=3.0),
    "normal, noise 1, seeds 3": normal(1.0, of_seeds=3.0),
}


def measure(n_repetitions: int, seed: int, scenes: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """What each choice comes to; all of them on the same searches.

    :param scenes: names of those to measure, none for all
    """
    for place, (name, draw) in enumerate(SCENES.items()):
        if scenes and name not in scenes:
            continue
        for n_trainings in N_TRAININGS:
            found: dict[str, list[float]] = {choice: [] for choice in CHOICES}
            for repetition in range(n_repetitions):
                for choice, choose in CHOICES.items():
                    scene = draw(np.random.default_rng([seed, place, n_trainings, repetition]), Size())
                    found[choice].append(scene.worth[choose(scene, n_trainings)])
            yield {
                "scene": name,
                "n_trainings": n_trainings,
                "worth": {choice: float(np.mean(values)) for choice, values in found.items()},
                "half_interval": {choice: half_interval(values) for choice, values in found.items()},
                "half_interval_of_less": {
                    choice: half_interval(np.subtract(values, found[OURS])) for choice, values in found.items()
                },
            }


def half_interval(values: npt.ArrayLike) -> float:
    """Half of the 95 % interval of the mean."""
    return float(1.96 * np.std(values) / np.size(values) ** 0.5)


def as_line(row: Mapping[str, Any]) -> str:
    """A line of the table."""
    worth, half = row["worth"], row["half_interval_of_less"]
    cells = [f"{worth[OURS]:.3f} ± {row['half_interval'][OURS]:.3f}"]
    cells += [f"{worth[c]:.3f} ({worth[c] - worth[OURS]:+.3f} ± {half[c]:.3f})" for c in CHOICES if c != OURS]
    return f"| {row['scene']} | {row['n_trainings']} | " + " | ".join(cells) + " |"


def print_and_keep(rows: Iterable[dict[str, Any]], as_line: Callable[[Any], str], args: argparse.Namespace) -> None:
    """Print each row as soon as it is known, and write the rows so far into the file that was asked for."""
    known = []
    for row in rows:
        print(as_line(row), flush=True)
        known.append(row)
        if args.json:
            content = {"command": shlex.join(sys.argv), **machine(), "repetitions": args.repetitions, "rows": known}
            write_whole(args.json, json.dumps(content, indent=1) + "\n")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=(), metavar="SCENE", help="default: all")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    print("| scene | trainings | " + " | ".join(CHOICES) + " |")
    print("|---" * (2 + len(CHOICES)) + "|")
    print_and_keep(measure(args.repetitions, args.seed, args.scenes), as_line, args)


if __name__ == "__main__":
    main()
