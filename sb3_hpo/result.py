"""What a tuning found: in words, as ``result.json`` and as ``best.yml``."""

from __future__ import annotations

import dataclasses
import json
import shlex
from typing import TYPE_CHECKING, Any

from sb3_hpo.comparison import MIN_SEEDS_FOR_A_VERDICT
from sb3_hpo.export import zoo_yaml
from sb3_hpo.scores import mean
from sb3_hpo.whole_files import write_whole
from sb3_hpo.wording import count, interval_in_words, one_decimal
from sb3_hpo.zoo_text import json_plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sb3_hpo.candidates import Validated, Validation
    from sb3_hpo.comparison import Comparison
    from sb3_hpo.trial_counts import TrialCounts

BEST_FILE = "best.yml"
RESULT_FILE = "result.json"

RESULT = "result"
"""Attribute of a validation study: what the validation that ended last found, as in :data:`RESULT_FILE`."""


@dataclasses.dataclass(frozen=True)
class TuningResult:
    """What a command found and what it cost.

    :param seconds: wall-clock seconds of the command
    :param n_timesteps_spent: environment steps trained in the study, validation included, evaluations not
    :param winner_params: the winner's params; None where the default wins and no trial had it
    :param validation: what the finalists and the default are worth
    :param gym_packages: modules that register the environment
    """

    study_name: str
    algo: str
    env: str
    seconds: float
    n_timesteps_spent: int
    n_trials: TrialCounts
    winner_params: Mapping[str, Any] | None
    validation: Validation
    gym_packages: Sequence[str] = ()

    @property
    def winner(self) -> Validated:
        """The configuration that ``best.yml`` holds: the best finalist where it is better or probably so."""
        return self.validation.winner

    def verdict(self) -> str:
        """How the best finalist compares with the default, in words and numbers, and what follows."""
        comparison, finalist, default = self.validation.comparison, self.validation.finalist, self.validation.default
        if comparison is None or finalist is None:
            return _without_comparison(self.validation)
        name, seeds = finalist.candidate.name, count(len(self.validation.seeds), "fresh seed")
        difference = _in_words(comparison.difference, comparison.ci95)
        by_seed = ", seed by seed," if comparison.is_paired else ""
        numbers = (
            f"on {seeds} {name} has an IQM of {_in_words(finalist.iqm, finalist.ci95)}, the default one of "
            f"{_in_words(default.iqm, default.ci95)}; the difference{by_seed} is {difference}, and a training "
            f"of {name} scores higher than one of the default with a probability of "
            f"{comparison.probability_of_improvement:.2f}."
        )
        if comparison.is_settled_by_means and comparison.mean_difference is not None:
            numbers += (
                f" Their means tell them apart: {one_decimal(_mean(finalist))} and {one_decimal(_mean(default))}, a "
                f"difference of {_in_words(comparison.mean_difference, comparison.mean_ci95)}."
            )
        elif comparison.is_probably_steadier:
            means = [one_decimal(float(mean(each.late_means))) for each in (finalist, default)]
            numbers += f" Over the last quarter of their trainings the means are {' and '.join(means)}."
        elif comparison.is_probably_better:
            numbers += f" The means are {one_decimal(_mean(finalist))} and {one_decimal(_mean(default))}."
        if comparison.verdict != "not distinguishable":
            return f"Better: {numbers}" if comparison.verdict == "better" else f"Worse (keep the default): {numbers}"
        too_few = len(self.validation.seeds) < MIN_SEEDS_FOR_A_VERDICT
        more = f" A verdict takes at least {MIN_SEEDS_FOR_A_VERDICT} seeds." if too_few else ""
        return f"Not distinguishable{_what_follows(comparison, name)}: {numbers}{more}"

    def as_json(self) -> dict[str, Any]:
        """The content of ``result.json``: valid JSON, whatever the winner's params are."""
        winner, default = self.validation.winner, self.validation.default
        return {
            "study_name": self.study_name,
            "algo": self.algo,
            "env": self.env,
            "seconds": round(self.seconds, 1),
            "n_timesteps_spent": self.n_timesteps_spent,
            "n_trials": dataclasses.asdict(self.n_trials),
            "winner": {
                "trial": winner.candidate.trial,
                "score": winner.candidate.score,
                "params": json_plain(self.winner_params),
                "hyperparams": json_plain(winner.candidate.configuration),
            },
            "validation": {
                "seeds": self.validation.seeds,
                "winner": _scores_json(winner),
                "default": _scores_json(default),
                "selection_seeds": self.validation.selection_seeds,
                "finalists": [
                    _finalist_json(validated)
                    for validated in self.validation.ranking
                    if not validated.candidate.is_default
                ],
            },
            "verdict": self._verdict_json(),
        }

    def _verdict_json(self) -> dict[str, Any]:
        comparison, finalist = self.validation.comparison, self.validation.finalist
        return {
            "verdict": self.validation.verdict,
            "text": self.verdict(),
            "trial": None if finalist is None else finalist.candidate.trial,
            "difference": None if comparison is None else comparison.difference,
            "ci95": None if comparison is None else _as_list(comparison.ci95),
            "mean_difference": None if comparison is None else comparison.mean_difference,
            "mean_ci95": None if comparison is None else _as_list(comparison.mean_ci95),
            "probability_of_improvement": self.validation.probability_of_improvement,
            "confidence": None if comparison is None else comparison.confidence,
            "late_confidence": None if comparison is None else comparison.late_confidence,
            "is_paired": None if comparison is None else comparison.is_paired,
            "is_taken": comparison is not None and comparison.is_taken,
        }

    def write(self, folder: Path) -> None:
        """Write ``best.yml`` and ``result.json``, each whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / RESULT_FILE, json.dumps(self.as_json(), indent=2) + "\n")
        write_whole(
            folder / BEST_FILE,
            zoo_yaml(self.env, self.winner.candidate.configuration, self._evidence(folder)),
        )

    def training_command(self, folder: Path) -> str:
        """The stock zoo's command that trains the winner."""
        return zoo_command(self.algo, self.env, folder / BEST_FILE, self.gym_packages)

    def _evidence(self, folder: Path) -> list[str]:
        counts = self.n_trials
        lines = [
            f"{self.algo} on {self.env}, tuned by sb3-hpo (study {self.study_name}: {counts.complete} complete, "
            f"{counts.pruned} pruned, {counts.failed} failed trials; {self.n_timesteps_spent:,} environment steps).",
            self.verdict(),
        ]
        lines.extend(
            f"{validated.candidate.name}: mean return on fresh seeds "
            f"{', '.join(map(one_decimal, validated.scores))}; IQM {one_decimal(validated.iqm)}"
            + (f", 95 % interval {interval_in_words(validated.ci95)}." if validated.ci95 else ".")
            for validated in self.validation.ranking
            if validated.iqm is not None
        )
        lines.extend(
            f"{validated.candidate.name}: failed in validation ({validated.failure})."
            for validated in self.validation.ranking
            if validated.failure is not None
        )
        return [*lines, f"Train with it: {self.training_command(folder)}"]


def zoo_command(algo: str, env: str, file: Path | str, gym_packages: Sequence[str] = ()) -> str:
    """The stock zoo's command that trains what a configuration file holds, as a shell reads it.

    :param gym_packages: modules that register the environment
    """
    words = ["rl_zoo3", "train", "--algo", algo, "--env", env]
    return shlex.join([*words, *gym_packages_option(gym_packages), "-conf", str(file)])


def gym_packages_option(gym_packages: Sequence[str]) -> list[str]:
    """The words by which a command names modules to import; none without modules."""
    return ["--gym-packages", *gym_packages] if gym_packages else []


def _what_follows(comparison: Comparison, name: str) -> str:
    if comparison.is_probably_better:
        return f", but probably better (confidence {comparison.confidence:.2f}), so {name} is taken"
    if comparison.is_probably_steadier:
        return f", but probably steadier (confidence {comparison.late_confidence:.2f}), so {name} is taken"
    return " (keep the default)"


def _without_comparison(validation: Validation) -> str:
    winner, default = validation.winner, validation.default
    finalists = [v for v in validation.ranking if v is not default]
    scored = next((v.candidate for v in finalists if v.candidate.score is not None), None)
    if default.failure is not None:
        return _after_failure_of_default(winner, default.failure)
    if finalists and all(v.failure is not None for v in finalists):
        return "No comparison: every finalist failed when it was trained on fresh seeds: keep the default."
    if winner is default and scored is not None and scored.is_paused:
        return (
            f"No comparison: no trial was trained to its end, and {scored.name}, which came furthest, was not compared "
            "with the default on fresh seeds: keep the default."
        )
    if winner is default and winner.candidate.score is None and scored is not None:
        return (
            f"No comparison: what the default had on fresh seeds is no less than what {scored.name}, which was not "
            f"trained on them, had in the search, {scored.score:.1f}: keep the default."
        )
    if winner.candidate.score is None and winner.iqm is None:
        return "No trial was completed, so there is nothing to say about the default configuration but that it is kept."
    if not finalists:
        return "Nothing but the default configuration was completed: keep the default."
    return (
        f"{winner.candidate.name} has the best score of the search, {winner.candidate.score:.1f}, but it was not "
        "validated on fresh seeds: expect less."
    )


def _after_failure_of_default(winner: Validated, failure: str) -> str:
    kept = (
        "every finalist failed too: nothing here can be recommended, and the default configuration is kept"
        if winner.candidate.is_default
        else f"{winner.candidate.name}, the finalist that it was to be compared with, is kept: expect less than in "
        "the search"
    )
    return f"No comparison: a training of the default configuration failed ({failure}); {kept}."


def _mean(validated: Validated) -> float:
    return float(mean(validated.scores))


def _as_list(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)


def _in_words(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        raise TypeError("a candidate without scores has no interquartile mean")
    number = one_decimal(value)
    return number if interval is None else f"{number} (95 % interval {interval_in_words(interval)})"


def _finalist_json(validated: Validated) -> dict[str, Any]:
    return {
        "trial": validated.candidate.trial,
        **_scores_json(validated),
        "selection_scores": validated.selection_scores,
        "behind": validated.is_behind,
    }


def _scores_json(validated: Validated) -> dict[str, Any]:
    return {
        "scores": validated.scores,
        "iqm": validated.iqm,
        "ci95": _as_list(validated.ci95),
        "late_means": validated.late_means,
        "failure": validated.failure,
    }
