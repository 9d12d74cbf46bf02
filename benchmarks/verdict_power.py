"""How often the verdict sees a difference, and how often it sees one where there is none.

``python benchmarks/verdict_power.py --seed 0 --repetitions 1000 --workers 2 --json results.json``
draws the scores of two configurations many times and compares them with the project's own ``compare``. Where the two
are equal, "better" is wrong; where they are not, it is what a user waits for. What interquartile means alone would say
stands beside it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np

from sb3_hpo import two_samples
from sb3_hpo._version import __version__
from sb3_hpo.comparison import MIN_SEEDS_FOR_A_VERDICT, compare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sb3_hpo.scores import FloatArray

N_SEEDS = (4, 5, 7, 10, 20)
CEILING = 500.0
FAILED = (40.0, 420.0)
"""Mean returns of trainings of DQN on CartPole that do not end at the ceiling, drawn evenly."""


def succeeding(share: float) -> Callable[[np.random.Generator, int], FloatArray]:
    """Scores of trainings that end at a ceiling, a share of them, or fail."""

    def draw(generator: np.random.Generator, n: int) -> FloatArray:
        return np.where(generator.random(n) < share, CEILING, generator.uniform(*FAILED, n))

    return draw


EQUAL: dict[str, Callable[[np.random.Generator, int], FloatArray]] = {
    "normal": lambda generator, n: generator.normal(size=n),
    "heavy tails (Student's t, 3)": lambda generator, n: generator.standard_t(3, size=n),
    "skewed to low scores (gamma)": lambda generator, n: -generator.gamma(1.0, size=n),
    "skewed to high scores (log-normal)": lambda generator, n: generator.lognormal(size=n),
    "90 % succeed": succeeding(0.9),
    "80 % succeed": succeeding(0.8),
    "70 % succeed": succeeding(0.7),
    "50 % succeed": succeeding(0.5),
}
SEEDS_MATTER = (1.0, 3.0)
"""Standard deviations of what a seed adds to the scores of both configurations; that of a training is one."""
DIFFERENT = (
    (0.95, 0.5),
    (0.95, 0.6),
    (0.97, 0.7),
    (1.0, 0.8),
    (0.8, 0.7),
    (0.6, 0.7),
    (0.5, 0.7),
    (0.7, 0.9),
    (0.9, 0.35),
)
"""Shares of the trainings that succeed, of a configuration and of the one that it is compared with."""


@dataclasses.dataclass(frozen=True)
class Scene:
    """Two configurations.

    :param first: a kind of scores, or the share of trainings that succeed
    :param second: the same of the one that it is compared with
    :param gain: what is added to the scores of the first
    :param of_seeds: standard deviation of what a seed adds to the scores of both
    """

    first: str | float
    second: str | float
    gain: float = 0.0
    of_seeds: float = 0.0

    def draw(self, generator: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
        """Scores of both on ``n`` seeds."""
        first, second = (
            succeeding(kind) if isinstance(kind, float) else EQUAL[kind] for kind in (self.first, self.second)
        )
        seeds = generator.normal(scale=self.of_seeds, size=n) if self.of_seeds else np.zeros(n)
        return first(generator, n) + seeds + self.gain, second(generator, n) + seeds


def scenes() -> dict[str, Scene]:
    """All pairs of configurations, by name."""
    equal = {name: Scene(name, name) for name in EQUAL}
    different = {_name(*shares): Scene(*shares) for shares in DIFFERENT}
    with_seeds = {
        f"normal, seeds {of_seeds:g}, {gain:g} better": Scene("normal", "normal", gain, of_seeds)
        for of_seeds in SEEDS_MATTER
        for gain in (0.0, 1.0)
    }
    return equal | different | with_seeds


def better(seed: int, n_repetitions: int, scene: Scene, n: int, *, apart: bool = False) -> dict[str, float]:
    """Share of comparisons with ``n`` seeds each that end in "better", by the verdict and by interquartile means.

    And of those after which the configuration is taken, being better or probably so.

    :param apart: whether seeds are never drawn in pairs
    """
    if apart:
        with mock.patch.object(two_samples, "MIN_SEEDS_TO_PAIR", n + 1):
            return better(seed, n_repetitions, scene, n)
    shares = [share for share in (scene.first, scene.second) if isinstance(share, float)]
    generator = np.random.default_rng([seed, n, *(round(1_000 * share) for share in shares)])
    by_verdict = by_iqm = taken = 0
    for _ in range(n_repetitions):
        comparison = compare(*scene.draw(generator, n), generator)
        by_verdict += comparison.verdict == "better"
        taken += comparison.is_taken
        by_iqm += n >= MIN_SEEDS_FOR_A_VERDICT and comparison.ci95 is not None and comparison.ci95[0] > 0.0
    found = {"verdict": by_verdict, "iqm": by_iqm, "taken": taken}
    return {name: n_times / n_repetitions for name, n_times in found.items()}


def run(
    seed: int, n_repetitions: int, n_workers: int, n_seeds: Sequence[int] = N_SEEDS, *, apart: bool = False
) -> dict[str, dict[str, dict[str, float]]]:
    """All numbers: for each pair of configurations and number of seeds."""
    with ProcessPoolExecutor(n_workers) as pool:
        found = {
            name: {n: pool.submit(better, seed, n_repetitions, scene, n, apart=apart) for n in n_seeds}
            for name, scene in scenes().items()
        }
        return {name: {str(n): of.result() for n, of in by_n.items()} for name, by_n in found.items()}


def as_markdown(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """A table: "better", by interquartile means alone in brackets, and how often it is taken."""
    n_seeds = list(next(iter(results.values())))
    lines = [f"| scores | {' | '.join(f'{n} seeds' for n in n_seeds)} |", f"|---|{'---|' * len(n_seeds)}"]
    for name, by_n in results.items():
        cells = [_cell(by_n[n]) for n in n_seeds]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(shares: dict[str, float]) -> str:
    return f"{shares['verdict']:.1%} ({shares['iqm']:.1%}), {shares['taken']:.1%}"


def _name(share: float, other: float) -> str:
    return f"{100 * share:.0f} % succeed, of the other {100 * other:.0f} %"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repetitions", type=int, default=1_000)
    parser.add_argument("--workers", type=int, default=1, help="processes; the numbers do not depend on it")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--n-seeds", type=int, nargs="+", default=N_SEEDS, help="that both are trained on")
    parser.add_argument("--apart", action="store_true", help="never draw seeds in pairs, to see what that changes")
    args = parser.parse_args()
    results = run(args.seed, args.repetitions, args.workers, args.n_seeds, apart=args.apart)
    print(as_markdown(results))
    if args.json:
        versions = {"sb3-hpo": __version__, "python": platform.python_version(), "numpy": np.__version__}
        content = {
            "command": " ".join(sys.argv),
            "repetitions": args.repetitions,
            "versions": versions,
            "better": results,
        }
        args.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
