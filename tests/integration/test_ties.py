"""Trials that share the best score, in whole commands: in this process, by workers, and replayed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import optuna
import pytest

from sb3_hpo.seeds import tuning_seeds
from sb3_hpo.trial_attributes import RUNS
from tests.integration.commands import SB3_HPO, run
from tests.integration.in_process import run_command

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = ["--gym-packages", "tests.environments"]
TUNE = ["tune", "--algo", "a2c", "--env", "Climbing-v0", *PACKAGE, "-n", "40", "--n-evaluations", "4"]
TUNE += ["--pruner", "none", "--seed", "3", "--n-trials", "3", "--n-validation-seeds", "2"]
STUDY = ["--storage", "sqlite:///study.db", "--study-name", "climbing"]


def seeds_of(folder: Path) -> list[list[int]]:
    """Of each complete trial, in the order in which they ended."""
    study = optuna.load_study(study_name="climbing", storage=f"sqlite:///{folder / 'study.db'}")
    trials = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    assert [trial.value for trial in trials] == [9.0] * len(trials)
    return [
        [run["seed"] for run in trial.user_attrs[RUNS]] for trial in sorted(trials, key=lambda t: t.datetime_complete)
    ]


@pytest.mark.parametrize(("options", "n_seeds"), [([], [1, 3, 3]), (["--max-seeds", "2"], [1, 2, 2])])
def test_command_trains_what_shares_the_best_score_on_further_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], n_seeds: list[int]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command([*TUNE, *STUDY, *options]) == 0
    assert seeds_of(tmp_path) == [tuning_seeds(3, n) for n in n_seeds]
    (file,) = tmp_path.glob("logs/a2c/*/result.json")
    result = json.loads(file.read_text(encoding="utf-8"))
    chosen_by = result["validation"]["selection_seeds"]
    assert chosen_by[: max(n_seeds)] == tuning_seeds(3, max(n_seeds))
    assert not set(result["validation"]["seeds"]) & set(chosen_by)
    # Trained again on the same seeds, with the same returns.
    assert run_command(["replay", *STUDY, "--trial", "1", *PACKAGE]) == 0


def test_workers_do_so_too(tmp_path: Path) -> None:
    run([*SB3_HPO, *TUNE, *STUDY, "--n-jobs", "2", "--n-trials", "5"], tmp_path)
    seeds = seeds_of(tmp_path)
    assert len(seeds) == 5
    assert seeds[-1] == tuning_seeds(3, 3)
