"""The script that draws the README's picture."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import optuna
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from optuna.trial import TrialState, create_trial

from sb3_hpo.candidates import Candidate
from sb3_hpo.study_description import DESCRIPTION
from sb3_hpo.trial_attributes import CANDIDATE, HYPERPARAMS, RUNS, SEED
from sb3_hpo.validation_trainings import validation_study_name

SCRIPT = Path(__file__).parent.parent / "docs" / "draw_study.py"


def test_it_shows_every_candidate_the_judged_ones_above(tmp_path, monkeypatch) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    study = optuna.create_study(storage=storage, study_name="s")
    study.set_user_attr(DESCRIPTION, {"configuration": {"gamma": 0.9}})
    run = {"timesteps": [100, 200], "returns": [[1.0, 3.0], [5.0, 7.0]]}
    for number in range(3):
        attributes = {RUNS: [run], HYPERPARAMS: {"gamma": number}}
        study.add_trial(create_trial(state=TrialState.COMPLETE, value=6.0, user_attrs=attributes))
    study.add_trial(create_trial(state=TrialState.PRUNED, user_attrs={RUNS: [run]}))
    validation = optuna.create_study(storage=storage, study_name=validation_study_name("s"))
    for hyperparams, seed, score in (
        ({"gamma": 0}, 1, 500.0),
        ({"gamma": 0}, 11, 500.0),
        ({"gamma": 0.9}, 1, 40.0),
        ({"gamma": 1}, 11, 900.0),
        ({"gamma": 2}, 11, 9.0),
    ):
        attributes = {CANDIDATE: Candidate(None, None, hyperparams, is_default=False).fingerprint, SEED: seed}
        validation.add_trial(create_trial(state=TrialState.COMPLETE, value=score, user_attrs=attributes))
    rows: list[list[str]] = []
    set_yticks = Axes.set_yticks

    def note(self: Axes, ticks: object, labels: list[str], *args: object) -> object:
        rows.append(labels)
        return set_yticks(self, ticks, labels, *args)

    monkeypatch.setattr(Axes, "set_yticks", note)
    monkeypatch.setattr(sys, "argv", ["draw_study.py", storage, "s", str(tmp_path / "study.png")])
    try:
        runpy.run_path(str(SCRIPT), run_name="__main__")
        curves = plt.gcf().axes[0].lines
        assert [list(line.get_ydata()) for line in curves] == [[2.0, 6.0]] * 4
    finally:
        plt.close("all")
    assert rows == [["trial 2", "trial 1", "default", "trial 0"]]
    assert (tmp_path / "study.png").stat().st_size > 10_000
