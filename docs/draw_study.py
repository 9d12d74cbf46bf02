"""Draw the README's picture from a study: the search on the left, its validation on fresh seeds on the right.

python docs/draw_study.py sqlite:///logs/sb3_hpo.db STUDY_NAME docs/study.png
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import optuna
from optuna.trial import TrialState

from sb3_hpo.candidates import Candidate
from sb3_hpo.scores import iqm
from sb3_hpo.study_description import DESCRIPTION
from sb3_hpo.trial_attributes import CANDIDATE, HYPERPARAMS, RUNS, SEED
from sb3_hpo.validation_trainings import validation_study_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from matplotlib.axes import Axes

COLOURS = {TrialState.COMPLETE: "tab:green", TrialState.PRUNED: "tab:orange", TrialState.FAIL: "0.7"}
LABELS = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "paused or pruned",
    TrialState.FAIL: "given up or failed",
}
_SPREAD = 0.2
"""How far the points of a row lie apart, as a share of a row."""


def draw_search(axes: Axes, study: optuna.Study) -> None:
    """Every trial's learning curve, coloured by how the trial ended."""
    labelled = set()
    # What was trained to the end lies above.
    for trial in sorted(study.trials, key=lambda trial: trial.state == TrialState.COMPLETE):
        for run in trial.user_attrs.get(RUNS, []):
            if run.get("returns"):
                label = None if trial.state in labelled else LABELS[trial.state]
                labelled.add(trial.state)
                means = [np.mean(returns) for returns in run["returns"]]
                axes.plot(run["timesteps"], means, color=COLOURS[trial.state], alpha=0.7, label=label)
    axes.set_xlabel("environment steps")
    axes.set_ylabel("mean return of an evaluation")
    axes.set_title(f"{len(study.trials)} trials: most end early")
    axes.legend(loc="center right", framealpha=0.9)


def draw_validation(axes: Axes, study: optuna.Study, validation: optuna.Study) -> None:
    """Every candidate's score on each fresh seed, and the interquartile mean on the seeds that judged."""
    scores: dict[str, dict[int, float]] = {}
    for run in validation.get_trials(states=(TrialState.COMPLETE,)):
        scores.setdefault(run.user_attrs[CANDIDATE], {})[run.user_attrs[SEED]] = run.value or 0.0
    default = Candidate(None, None, study.user_attrs[DESCRIPTION]["configuration"], is_default=True)
    names = {default.fingerprint: default.name}
    for trial in study.get_trials(states=(TrialState.COMPLETE,)):
        candidate = Candidate(trial.number, trial.value, trial.user_attrs[HYPERPARAMS], is_default=False)
        names.setdefault(candidate.fingerprint, candidate.name)
    judging = scores[default.fingerprint].keys()
    ranked = sorted(scores, key=lambda name: _place(scores[name], judging))
    for row, fingerprint in enumerate(ranked):
        judged = [score for seed, score in scores[fingerprint].items() if seed in judging]
        chose = [score for seed, score in scores[fingerprint].items() if seed not in judging]
        colour = "0.4" if fingerprint == default.fingerprint else "tab:blue"
        axes.plot(chose, _rows(row, len(chose)), "o", color=colour, fillstyle="none", alpha=0.8)
        axes.plot(judged, _rows(row, len(judged)), "o", color=colour, alpha=0.6)
        if judged:
            axes.plot([float(iqm(judged))], [row], "|", color="black", markersize=28, markeredgewidth=2)
    axes.set_yticks(range(len(ranked)), [names[fingerprint] for fingerprint in ranked])
    axes.set_ylim(-0.6, len(ranked) - 0.4)
    axes.set_xlabel("mean return of the trained agent; bar: IQM; hollow: seeds that chose")
    axes.set_title("Trained again on seeds that the search never saw")


def _place(scores: Mapping[int, float], judging: Collection[int]) -> tuple[bool, float, int]:
    """Those that were judged above, each group by the mean; in a tie those with more seeds."""
    return any(seed in judging for seed in scores), float(np.mean(list(scores.values()))), len(scores)


def _rows(row: int, n_points: int) -> list[float]:
    return [row + _SPREAD * ((place % 3) - 1) for place in range(n_points)]


def main() -> None:
    """Draw the study named on the command line."""
    storage, study_name, output = sys.argv[1:]
    study = optuna.load_study(storage=storage, study_name=study_name)
    validation = optuna.load_study(storage=storage, study_name=validation_study_name(study_name))
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
    draw_search(left, study)
    draw_validation(right, study, validation)
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    main()
