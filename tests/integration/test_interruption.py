"""Ctrl-C and what comes after it."""

from __future__ import annotations

import json
import signal

import optuna
import pytest

from tests.forked_commands import forked
from tests.integration.commands import SHORT

TUNE = ["tune", *SHORT, "--study-name", "stopped", "--pruner", "none", "--n-finalists", "1"]


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_after_three_trials_gives_all_files_and_resuming_tries_other_configurations(
    tmp_path, number, exit_code
):
    options = ["--n-trials", "500", "--n-validation-seeds", "2"]
    with forked([*TUNE, *options], tmp_path) as command:
        command.wait_for("trial 2 ")
        command.send(number)
        command.ends(exit_code)
    folder = tmp_path / "logs" / "dqn" / "stopped"
    first = json.loads((folder / "result.json").read_text())
    assert (folder / "best.yml").exists()
    assert first["n_trials"]["complete"] in (3, 4)
    assert first["n_trials"]["failed"] == 0
    assert len(first["validation"]["winner"]["scores"]) == 2

    with forked([*TUNE, "--n-trials", "2", "--n-validation-seeds", "0"], tmp_path) as command:
        command.ends()
    study = optuna.load_study(study_name="stopped", storage=f"sqlite:///{tmp_path / 'logs' / 'sb3_hpo.db'}")
    second = json.loads((folder / "result.json").read_text())
    assert second["n_trials"]["complete"] == first["n_trials"]["complete"] + 2
    # The interrupted trial was tried again, with the same params.
    finished = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    tried = [tuple(sorted(trial.params.items(), key=str)) for trial in finished]
    assert len(tried) >= 5
    assert len(set(tried)) == len(tried)
