"""Does what a tuning reports hold? A simulation with known truth, through the project's own functions.

A table of noisy learning curves stands for the trainings: each configuration has its learning curve, each training
its luck and maybe its failure, and scores end at a ceiling. On it three questions are asked:

1. Gap. How far is the reported score of the winner from its true one: for the maximum of the last evaluations, as
   the zoo reports it, and for the best finalist after validation?
2. Coverage. How often do the 95 % intervals contain the truth: of the best finalist and the default after a whole
   validation, and of plain samples of several distributions and numbers of seeds?
3. False "better". How often is a winner called better than a default that it is equal to?

The numbers in the documentation come from ``python benchmarks/winner_gap.py --seed 0 --repetitions 1000
--json benchmarks/results/winner_gap.json --png benchmarks/results/winner_gap.png``.
"""

from __future__ import annotations

import argparse
import json
import platform
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from sb3_hpo import __version__
from sb3_hpo.candidates import Candidate, Validated, Validation
from sb3_hpo.finalists import choose_finalists
from sb3_hpo.interruption import Deadline, StopSignal
from sb3_hpo.intervals import bootstrap_interval
from sb3_hpo.parameter import Parameter
from sb3_hpo.scores import iqm, last, score_curves
from sb3_hpo.search_space import SearchSpace
from sb3_hpo.seeds import selection_seeds, tuning_seeds, validation_seeds
from sb3_hpo.settings import TuningSettings
from sb3_hpo.training_queue import Trained
from sb3_hpo.validation import Validator
from sb3_hpo.validation_plan import ValidationPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SETTINGS = TuningSettings()
SPACE = SearchSpace(
    tuple(Parameter(name, FloatDistribution(0.0, 1.0), name, "a simulation", 0.5) for name in ("x", "y", "z"))
)
N_TRIALS = 40
N_EVALUATIONS = SETTINGS.n_evaluations
NORMAL_QUANTILES = np.array([NormalDist().inv_cdf((i + 0.5) / 2_000) for i in range(2_000)])
"""From which the true score of a configuration is computed."""
N_RESAMPLES = 2_000
"""Resamples of the intervals in the table of distributions; the procedure itself uses the package's number."""


@dataclass(frozen=True)
class Table:
    """Noisy learning curves of every configuration.

    :param levels: what each configuration reaches when it learns, shape ``(n_configurations,)``
    :param failure: probability that a training fails for no reason
    :param training_noise: spread between trainings
    :param evaluation_noise: spread between evaluations of one training
    :param ceiling: the highest return there is
    """

    levels: np.ndarray
    failure: float
    training_noise: float
    evaluation_noise: float
    ceiling: float

    def final(self, generator: np.random.Generator, configuration: int, n: int) -> np.ndarray:
        """What agents are worth at the end of training, shape ``(n,)``: the scores of a validation."""
        learned = self.levels[configuration] + self.training_noise * generator.normal(size=n)
        failed = generator.random(n) < self.failure
        return np.minimum(np.where(failed, 0.2 * learned, learned), self.ceiling)

    def curve(self, generator: np.random.Generator, configuration: int) -> np.ndarray:
        """The learning curve of one training, shape ``(1, n_evaluations)``."""
        progress = 1.0 - np.exp(-np.linspace(0.2, 4.0, N_EVALUATIONS))
        noise = self.evaluation_noise * generator.normal(size=N_EVALUATIONS)
        return np.minimum(self.final(generator, configuration, 1) * progress + noise, self.ceiling)[None]

    def truth(self, configuration: int) -> float:
        """The interquartile mean over all trainings that there could be."""
        learned = self.levels[configuration] + self.training_noise * NORMAL_QUANTILES
        values = np.minimum(np.concatenate([learned, 0.2 * learned]), self.ceiling)
        weights = np.repeat([1.0 - self.failure, self.failure], len(learned)) / len(learned)
        order = np.argsort(values)
        upper = np.cumsum(weights[order])
        inside = np.clip(upper, 0.25, 0.75) - np.clip(upper - weights[order], 0.25, 0.75)
        return float(np.sum(inside * values[order]) / np.sum(inside))


SCENARIOS: dict[str, tuple[float, float, float, float]] = {
    # failure, training noise, evaluation noise, ceiling
    "small differences": (0.0, 20.0, 20.0, np.inf),
    "failures": (0.15, 15.0, 15.0, np.inf),
    "ceiling": (0.05, 60.0, 30.0, 200.0),
}


def create_table(generator: np.random.Generator, scenario: str, *, equal: bool) -> tuple[Table, np.ndarray]:
    """A table, and the configurations as points of the space; the last one is the default.

    :param equal: whether all configurations are worth the same
    :return: the table, and points of shape ``(N_TRIALS + 1, 3)``
    """
    points = generator.random((N_TRIALS + 1, len(SPACE)))
    distances = ((points - generator.random(len(SPACE))) ** 2).sum(axis=1)
    levels = np.full(N_TRIALS + 1, 170.0) if equal else 120.0 + 60.0 * np.exp(-3.0 * distances)
    return Table(levels, *SCENARIOS[scenario]), points


class Simulation:
    """One tuning on a table: a search of one training a trial, then the package's own validation."""

    def __init__(self, seed: int, scenario: str, *, equal: bool) -> None:
        self.generator = np.random.default_rng([seed, list(SCENARIOS).index(scenario), equal])
        self.table, self.points = create_table(self.generator, scenario, equal=equal)
        tuning = tuning_seeds(seed, SETTINGS.n_seeds)
        self.seeds = validation_seeds(seed, SETTINGS.n_validation_seeds, never=tuning)
        self.selection_seeds = selection_seeds(seed, SETTINGS.n_selection_seeds, never=[*tuning, *self.seeds])
        self.curves = [self.table.curve(self.generator, i) for i in range(N_TRIALS)]

    def maximum_of_last(self) -> tuple[float, float]:
        """The reported and the true score of the trial with the highest last evaluation."""
        lasts = [float(last(curve)[0]) for curve in self.curves]
        i = int(np.argmax(lasts))
        return lasts[i], self.table.truth(i)

    def validate(self) -> Validation:
        """Finalists of the search, trained and compared by the package."""
        default = Candidate(None, None, {"index": N_TRIALS}, is_default=True)
        finalists = choose_finalists(self._trials(), SPACE, SETTINGS.n_usual_finalists)
        plan = ValidationPlan(len(finalists), SETTINGS.n_selection_trainings, len(self.seeds))
        storage, n_episodes = optuna.storages.InMemoryStorage(), SETTINGS.n_validation_episodes
        validator = Validator(storage, "simulation", None, n_episodes, train=self._train)
        candidates = [
            default,
            *(Candidate(t.number, t.value, {"index": t.number}, is_default=False) for t in finalists),
        ]
        return validator.validate(candidates, self.seeds, self.selection_seeds, StopSignal(), Deadline(None), plan)

    def _trials(self) -> list[optuna.trial.FrozenTrial]:
        trials = []
        for i, curve in enumerate(self.curves):
            params = {p.name: float(x) for p, x in zip(SPACE, self.points[i], strict=True)}
            trial = create_trial(
                state=TrialState.COMPLETE,
                value=score_curves(curve, SETTINGS.score, SETTINGS.aggregate),
                params=params,
                distributions={p.name: p.distribution for p in SPACE},
            )
            trial.number = i
            trials.append(trial)
        return trials

    def _train(
        self, task: object, configuration: Mapping[str, Any], seed: int, n_episodes: int, *rest: object
    ) -> Trained:
        return Trained(float(self.table.final(self.generator, configuration["index"], 1)[0]), 0)


def simulate(seed: int, n_repetitions: int, scenario: str) -> dict[str, float]:
    """Gap and coverage in a scenario where configurations differ, false verdicts in one where they do not."""
    zoo, ours, exported, covered, covered_default, n_trainings = [], [], [], [], [], []
    for repetition in range(n_repetitions):
        simulation = Simulation(seed * 1_000_003 + repetition, scenario, equal=False)
        reported, true = simulation.maximum_of_last()
        zoo.append(reported - true)
        result = simulation.validate()
        ours.append(_gap(simulation, result.finalist))
        exported.append(_gap(simulation, result.winner))
        covered.append(_covers(simulation, result.finalist))
        covered_default.append(_covers(simulation, result.default))
        n_trainings.append(sum(len(v.scores) + len(v.selection_scores) for v in result.ranking))
    verdicts = [
        Simulation(seed * 1_000_003 + repetition, scenario, equal=True).validate().verdict
        for repetition in range(n_repetitions)
    ]
    return {
        "gap_maximum_of_last": float(np.mean(zoo)),
        "gap_best_finalist": float(np.mean(ours)),
        "gap_exported": float(np.mean(exported)),
        "absolute_gap_maximum_of_last": float(np.mean(np.abs(zoo))),
        "absolute_gap_best_finalist": float(np.mean(np.abs(ours))),
        "gap_ratio": float(abs(np.mean(ours)) / abs(np.mean(zoo))),
        "gap_ratio_exported": float(abs(np.mean(exported)) / abs(np.mean(zoo))),
        "coverage_best_finalist": float(np.mean(covered)),
        "coverage_default": float(np.mean(covered_default)),
        "false_better": float(np.mean([verdict == "better" for verdict in verdicts])),
        "false_worse": float(np.mean([verdict == "worse" for verdict in verdicts])),
        "trainings": float(np.mean(n_trainings)),
    }


def _index(validated: Validated) -> int:
    return int(validated.candidate.configuration["index"])


def _gap(simulation: Simulation, validated: Validated | None) -> float:
    assert validated is not None
    assert validated.iqm is not None
    return validated.iqm - simulation.table.truth(_index(validated))


def _covers(simulation: Simulation, validated: Validated | None) -> bool:
    assert validated is not None
    assert validated.ci95 is not None
    return validated.ci95[0] <= simulation.table.truth(_index(validated)) <= validated.ci95[1]


def _failing(share: float) -> Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]:
    def sample(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        failed = generator.random(shape) < share
        return np.where(failed, generator.normal(20.0, 10.0, shape), generator.normal(200.0, 20.0, shape))

    return sample


def _at_ceiling(share: float) -> Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]:
    mean = 500.0 - 80.0 * NormalDist().inv_cdf(1.0 - share)

    def sample(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return np.minimum(500.0, generator.normal(mean, 80.0, shape))

    return sample


DISTRIBUTIONS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "normal": lambda generator, shape: generator.normal(size=shape),
    "heavy tails (Student's t, 3)": lambda generator, shape: generator.standard_t(3, size=shape),
    "skewed to low scores (gamma)": lambda generator, shape: -generator.gamma(2.0, size=shape),
    "skewed to high scores (log-normal)": lambda generator, shape: generator.lognormal(size=shape),
    "10 % failures": _failing(0.1),
    "30 % failures": _failing(0.3),
    "50 % failures": _failing(0.5),
    "20 % at the ceiling": _at_ceiling(0.2),
    "40 % at the ceiling": _at_ceiling(0.4),
    "60 % at the ceiling": _at_ceiling(0.6),
    "80 % at the ceiling": _at_ceiling(0.8),
    "all equal": lambda generator, shape: np.full(shape, 500.0),
}


def coverage(seed: int, n_repetitions: int, n_seeds: int, name: str) -> dict[str, float]:
    """How often the package's interval and the plain percentile one contain the truth."""
    sample = DISTRIBUTIONS[name]
    generator = np.random.default_rng([seed, n_seeds, list(DISTRIBUTIONS).index(name)])
    truth = float(iqm(sample(np.random.default_rng(54321), (2_000_000,))))
    ours = plain = 0
    for scores in sample(generator, (n_repetitions, n_seeds)):
        low, high = bootstrap_interval(scores, generator, n_resamples=N_RESAMPLES)
        ours += _contains(low, high, truth)
        draws = scores[generator.integers(n_seeds, size=(N_RESAMPLES, n_seeds))]
        plain += _contains(*np.quantile(iqm(draws), [0.025, 0.975]), truth)
    return {"sb3_hpo": ours / n_repetitions, "plain_percentile": plain / n_repetitions}


def _contains(low: float, high: float, truth: float) -> bool:
    slack = 1e-9 * max(1.0, abs(truth))
    return bool(low - slack <= truth <= high + slack)


def run(seed: int, n_repetitions: int, n_workers: int = 1) -> dict[str, Any]:
    """All numbers of the benchmark, the same for any number of processes."""
    with ProcessPoolExecutor(n_workers, initializer=_quiet) as pool:
        scenarios = {name: pool.submit(simulate, seed, n_repetitions, name) for name in SCENARIOS}
        covered = {
            name: {str(n): pool.submit(coverage, seed, n_repetitions, n, name) for n in (5, 7, 10, 20)}
            for name in DISTRIBUTIONS
        }
        return {
            "seed": seed,
            "repetitions": n_repetitions,
            "versions": {
                "sb3-hpo": __version__,
                "python": platform.python_version(),
                "numpy": np.__version__,
                "optuna": optuna.__version__,
            },
            "scenarios": {name: future.result() for name, future in scenarios.items()},
            "coverage": {name: {n: future.result() for n, future in by_n.items()} for name, by_n in covered.items()},
        }


def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def as_table(results: Mapping[str, Any]) -> str:
    """The numbers as Markdown tables."""
    lines = [
        "| scenario | gap of the maximum of last scores | gap of the best finalist | ratio | ratio, configuration "
        "exported | intervals that contain the truth: finalist, default | false 'better' | trainings |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines.extend(
        f"| {name} | {r['gap_maximum_of_last']:+.1f} | {r['gap_best_finalist']:+.2f} | {r['gap_ratio']:.3f} | "
        f"{r['gap_ratio_exported']:.3f} | {r['coverage_best_finalist']:.1%}, {r['coverage_default']:.1%} | "
        f"{r['false_better']:.1%} | {r['trainings']:.1f} |"
        for name, r in results["scenarios"].items()
    )
    numbers = list(next(iter(results["coverage"].values())))
    lines += ["", f"| scores | {' | '.join(f'{n} seeds (plain percentiles)' for n in numbers)} |"]
    lines.append("|---" * (len(numbers) + 1) + "|")
    for name, r in results["coverage"].items():
        cells = [f"{r[n]['sb3_hpo']:.1%} ({r[n]['plain_percentile']:.1%})" for n in numbers]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(results: Mapping[str, Any], path: Path) -> None:
    """The gaps and the coverage as a figure."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), width_ratios=(1, 1.4), layout="constrained")
    names = list(results["scenarios"])
    for offset, key, label in (
        (-0.2, "gap_maximum_of_last", "maximum of last scores"),
        (0.2, "gap_best_finalist", "sb3-hpo"),
    ):
        left.bar(np.arange(len(names)) + offset, [results["scenarios"][n][key] for n in names], 0.4, label=label)
    left.set_xticks(range(len(names)), names)
    left.set_title("reported minus true score of the winner", fontsize=10)
    left.legend(fontsize=8)
    kinds = list(results["coverage"])
    for key, label, marker in (("plain_percentile", "plain percentiles", "x"), ("sb3_hpo", "sb3-hpo", "o")):
        values = [100 * results["coverage"][kind]["10"][key] for kind in kinds]
        right.plot(values, range(len(kinds)), marker, label=label)
    right.axvspan(93, 97, alpha=0.15)
    right.set_yticks(range(len(kinds)), kinds, fontsize=8)
    right.set_title("95 % intervals of 10 seeds that contain the truth, %", fontsize=10)
    right.legend(fontsize=8)
    figure.savefig(path, dpi=80)


def main() -> None:
    """Run the benchmark, print its tables, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repetitions", type=int, default=1_000)
    parser.add_argument("--workers", type=int, default=1, help="processes; the numbers do not depend on it")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--png", type=Path, metavar="FILE")
    args = parser.parse_args()
    results = run(args.seed, args.repetitions, args.workers)
    print(as_table(results))
    if args.json:
        args.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    if args.png:
        draw(results, args.png)


if __name__ == "__main__":
    main()
