"""What further tuning seeds for trials that share the best score are worth, where trainings succeed or fail.

``python benchmarks/tied_trials.py --repetitions 100 --seed 0 --workers 2 --json benchmarks/results/tied_trials.json``
simulates tunings of 40 to 200 trainings, of which some choose: configurations are points of eight
parameters, and a training of one scores 500 with a probability that falls smoothly with its distance from the best
point, or else something between 10 and 450, as DQN on CartPole does. Those that succeed on less than a tenth of seeds
show it early: they cost a fifth of a training. Optuna's TPE proposes, the project's own rule gives further seeds
(:mod:`sb3_hpo.ties`), and its own choice (:class:`sb3_hpo.selection.Selection`) spends what is left on the best twenty.
The more trainings choose, the fewer search. Printed is the share of its trainings that succeed with what is chosen, and
how often at least nine of ten do, with the 95 % interval of the mean.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import optuna
from choosing import half_interval
from optuna.distributions import FloatDistribution
from scale_machine import machine

from sb3_hpo.candidates import Candidate
from sb3_hpo.interruption import Deadline
from sb3_hpo.selection import Selection
from sb3_hpo.settings import TuningSettings
from sb3_hpo.ties import shares_best_score
from sb3_hpo.trial_attributes import RUNS
from sb3_hpo.validation import seeds_of_the_search
from sb3_hpo.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

SETTINGS = TuningSettings()
N_PARAMS = 8
SPACE = {f"x{i}": FloatDistribution(0.0, 1.0) for i in range(N_PARAMS)}
STEEP = (0.5, 1.0, 2.0)
"""How soon the probability falls with the distance from the best point, which succeeds on 97 % of seeds."""
CEILING = 500.0
FAILED = (10.0, 450.0)
HOPELESS, COST_OF_HOPELESS = 0.1, 0.2
N_FINALISTS = 20
SEEDS = list(range(12))
"""The first ones are tuning seeds, as many as a trial may have, the others selection seeds."""


@dataclasses.dataclass(frozen=True)
class Spending:
    """How trainings are spent.

    :param n_trainings: of search and choice together
    :param n_choosing: of these, trainings that choose
    :param max_seeds: tuning seeds of a trial that shares the best score, at most
    """

    n_trainings: int
    n_choosing: int
    max_seeds: int


SPENDINGS = (
    Spending(40, 10, 1),
    Spending(40, 10, 3),
    Spending(62, 14, 1),
    Spending(62, 34, 1),
    Spending(62, 14, 2),
    Spending(62, 14, 3),
    Spending(62, 14, 5),
    Spending(100, 20, 1),
    Spending(100, 20, 3),
    Spending(200, 40, 1),
    Spending(200, 40, 3),
)


class Tuning:
    """One simulated tuning. It stands for :class:`~sb3_hpo.validation_trainings.Trainings`, too."""

    def __init__(self, steepness: float, spending: Spending, seed: int) -> None:
        self._generator = np.random.default_rng([seed, round(10 * steepness)])
        self._best_point = self._generator.uniform(0.15, 0.85, N_PARAMS)
        self._weights = 5.0 * steepness * N_PARAMS * self._generator.dirichlet(np.full(N_PARAMS, 0.5))
        self._spending = spending
        self._scores: dict[tuple[str, int], float] = {}
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=SETTINGS.n_startup_trials, multivariate=True)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)

    def run(self) -> float:
        """The probability with which a training of what is chosen succeeds."""
        left = float(self._spending.n_trainings - self._spending.n_choosing)
        while left > 0.0:
            left -= self._try_next()
        finalists = self._finalists()
        selection, trainings = Selection(finalists), cast("Any", self)
        known = seeds_of_the_search(finalists)
        others = SEEDS[self._spending.max_seeds :]
        selection.run(trainings, known, others, self._spending.n_choosing, Deadline(None))
        return self._succeeds(selection.ranking[0].configuration)

    def _succeeds(self, params: Any) -> float:
        point = np.array([params[name] for name in SPACE])
        return float(1.0 / (1.0 + np.exp(np.sum(self._weights * (point - self._best_point) ** 2) - 3.5)))

    def _draw(self, succeeds: float) -> float:
        return CEILING if self._generator.random() < succeeds else float(self._generator.uniform(*FAILED))

    def _try_next(self) -> float:
        """Run a trial; what it cost, in trainings."""
        trial = self._study.ask(SPACE)
        succeeds = self._succeeds(trial.params)
        if succeeds < HOPELESS:
            self._study.tell(trial, FAILED[0] * (1.0 + succeeds))
            return COST_OF_HOPELESS
        runs = [_run(SEEDS[0], self._draw(succeeds))]
        while len(runs) < self._spending.max_seeds and shares_best_score(self._study, runs, SETTINGS.score):
            runs.append(_run(SEEDS[len(runs)], self._draw(succeeds)))
        trial.set_user_attr(RUNS, runs)
        self._study.tell(trial, float(np.mean([_score(run) for run in runs])))
        return float(len(runs))

    def _finalists(self) -> list[Candidate]:
        trials = sorted(self._study.get_trials(deepcopy=False), key=lambda trial: -(trial.value or 0.0))[:N_FINALISTS]
        return [
            Candidate(
                trial.number,
                trial.value,
                trial.params,
                is_default=False,
                tuning_scores={run["seed"]: _score(run) for run in trial.user_attrs.get(RUNS, [])},
            )
            for trial in trials
            if RUNS in trial.user_attrs
        ]

    def complete(self, pairs: Sequence[tuple[Candidate, int]], *rest: object) -> bool:
        """Draw what is missing."""
        for candidate, seed in pairs:
            if not self.has(candidate, seed):
                self._scores[candidate.fingerprint, seed] = self._draw(self._succeeds(candidate.configuration))
        return True

    def has(self, candidate: Candidate, seed: int) -> bool:
        """Whether a score is there."""
        return seed in candidate.tuning_scores or (candidate.fingerprint, seed) in self._scores

    def scores(self, candidate: Candidate, seeds: Sequence[int]) -> list[float]:
        """The scores that are there."""
        known = {seed: score for (name, seed), score in self._scores.items() if name == candidate.fingerprint}
        known |= candidate.tuning_scores
        return [known[seed] for seed in seeds if seed in known]

    def late_means(self, candidate: Candidate, seeds: Sequence[int]) -> None:
        """Not known."""

    def failure(self, candidate: Candidate) -> None:
        """None fails."""


def _run(seed: int, score: float) -> dict[str, Any]:
    """A training that climbs to a score."""
    return {"seed": seed, "returns": [[0.0], [score], [score], [score]]}


def _score(run: dict[str, Any]) -> float:
    return float(run["returns"][-1][0])


def holds(succeeds: float) -> float:
    """How likely at least nine of ten trainings succeed."""
    return 10.0 * succeeds**9 * (1.0 - succeeds) + succeeds**10


def tuned(steepness: float, spending: Spending, seed: int, n_repetitions: int) -> list[float]:
    """What is chosen, in each repetition."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return [Tuning(steepness, spending, seed * 1_000_003 + i).run() for i in range(n_repetitions)]


def as_row(steepness: float, spending: Spending, succeeds: Sequence[float]) -> dict[str, Any]:
    """What is kept of the repetitions of a scene."""
    nine = [holds(value) for value in succeeds]
    return {
        "steepness": steepness,
        **dataclasses.asdict(spending),
        "succeeds": float(np.mean(succeeds)),
        "nine_of_ten": float(np.mean(nine)),
        "half_intervals": [half_interval(succeeds), half_interval(nine)],
    }


def as_line(row: dict[str, Any]) -> str:
    """A line of the table."""
    halves = row["half_intervals"]
    found = [f"{row[name]:.1%} ± {half:.1%}" for name, half in zip(("succeeds", "nine_of_ten"), halves, strict=True)]
    about = f"{row['steepness']:g} | {row['n_trainings']} | {row['n_choosing']} | {row['max_seeds']}"
    return f"| {about} | {' | '.join(found)} |"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes; the numbers do not depend on it")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    print("| steepness | trainings | choose | seeds at most | succeeds | nine of ten |\n|---|---|---|---|---|---|")
    with ProcessPoolExecutor(args.workers) as pool:
        jobs = {
            (steepness, spending): pool.submit(tuned, steepness, spending, args.seed, args.repetitions)
            for steepness in STEEP
            for spending in SPENDINGS
        }
        for (steepness, spending), job in jobs.items():
            rows.append(as_row(steepness, spending, job.result()))
            print(as_line(rows[-1]), flush=True)
    if args.json:
        content = {"command": shlex.join(sys.argv), **machine(), "repetitions": args.repetitions, "rows": rows}
        write_whole(args.json, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
