"""What a tuning found: in words, as ``result.json`` and as ``best.yml``."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sb3_hpo.export import zoo_yaml
from sb3_hpo.wording import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sb3_hpo.search import TrialCounts
    from sb3_hpo.validation import Candidate, Validated, Validation

BEST_FILE = "best.yml"
RESULT_FILE = "result.json"


@dataclasses.dataclass(frozen=True)
class TuningResult:
    """What a command found and what it cost.

    :param seconds: wall-clock seconds of the command
    :param n_timesteps_spent: environment steps trained in the study, validation included, evaluations not
    :param winner_params: the winner's params; None where the default wins and no trial had it
    :param validation: candidates from the best to the worst
    """

    study_name: str
    algo: str
    env: str
    seconds: float
    n_timesteps_spent: int
    n_trials: TrialCounts
    winner_params: Mapping[str, Any] | None
    validation: Validation

    @property
    def winner(self) -> Validated:
        """The best candidate."""
        return self.validation.winner

    def verdict(self) -> str:
        """One sentence on how the winner compares with the default."""
        winner, default = self.validation.winner, self.validation.default
        if winner.iqm is None or default.iqm is None:
            return _unvalidated(winner.candidate)
        seeds = count(len(self.validation.seeds), "fresh seed")
        if winner.candidate.is_default:
            return f"Nothing that was tried beats the default configuration on {seeds}: keep the default."
        comparison = (
            f"{winner.candidate.name} has an IQM of {winner.iqm:.1f}, the default {default.iqm:.1f}, on {seeds}"
        )
        if winner.ci95 is None or default.ci95 is None:
            return f"The winner is ahead of the default: {comparison}; one seed says nothing about the spread."
        if winner.ci95[0] > default.ci95[1]:
            return f"The winner beats the default: {comparison}, and their 95 % intervals do not overlap."
        return (
            f"The winner is ahead of the default, but not clearly: {comparison}, and their 95 % intervals overlap. "
            "More validation seeds would tell."
        )

    def as_json(self) -> dict[str, Any]:
        """The content of ``result.json``."""
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
                "params": None if self.winner_params is None else dict(self.winner_params),
                "hyperparams": dict(winner.candidate.configuration),
            },
            "validation": {
                "seeds": self.validation.seeds,
                "winner": _scores_json(winner),
                "default": _scores_json(default),
                "finalists": [
                    {"trial": validated.candidate.trial, **_scores_json(validated)}
                    for validated in self.validation.ranking
                    if not validated.candidate.is_default
                ],
            },
            "verdict": self.verdict(),
        }

    def write(self, folder: Path) -> None:
        """Write ``best.yml`` and ``result.json``, each whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / RESULT_FILE, json.dumps(self.as_json(), indent=2) + "\n")
        _write(
            folder / BEST_FILE,
            zoo_yaml(self.env, self.winner.candidate.configuration, self._evidence(folder)),
        )

    def training_command(self, folder: Path) -> str:
        """The stock zoo's command that trains the winner."""
        return f"rl_zoo3 train --algo {self.algo} --env {self.env} -conf {folder / BEST_FILE}"

    def _evidence(self, folder: Path) -> list[str]:
        counts = self.n_trials
        lines = [
            f"{self.algo} on {self.env}, tuned by sb3-hpo (study {self.study_name}: {counts.complete} complete, "
            f"{counts.pruned} pruned, {counts.failed} failed trials; {self.n_timesteps_spent:,} environment steps).",
            self.verdict(),
        ]
        compared = {id(v): v for v in (self.validation.winner, self.validation.default)}
        lines.extend(
            f"{validated.candidate.name}: mean return on fresh seeds "
            f"{', '.join(f'{score:.1f}' for score in validated.scores)}; IQM {validated.iqm:.1f}"
            + (f", 95 % interval {validated.ci95[0]:.1f} to {validated.ci95[1]:.1f}." if validated.ci95 else ".")
            for validated in compared.values()
            if validated.iqm is not None
        )
        return [*lines, f"Train with it: {self.training_command(folder)}"]


def _unvalidated(winner: Candidate) -> str:
    if winner.score is None:
        return "No trial was completed, so there is nothing to say about the default configuration but that it is kept."
    return (
        f"{winner.name} has the best score of the search, {winner.score:.1f}, but it was not validated on fresh "
        "seeds: expect less."
    )


def _scores_json(validated: Validated) -> dict[str, Any]:
    return {
        "scores": validated.scores,
        "iqm": validated.iqm,
        "ci95": None if validated.ci95 is None else list(validated.ci95),
    }


def _write(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)
