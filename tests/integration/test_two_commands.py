"""Two commands on one study at the same time."""

from __future__ import annotations

import subprocess

import optuna

from tests.integration.commands import SB3_HPO, SHORT

COMMAND = [*SB3_HPO, "tune", *SHORT, "--n-trials", "2", "--n-validation-seeds", "0", "--study-name", "shared"]


def test_two_commands_started_at_the_same_instant_share_a_new_study(tmp_path):
    processes = [
        subprocess.Popen(COMMAND, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
    trials = optuna.load_study(study_name="shared", storage=f"sqlite:///{tmp_path / 'logs' / 'sb3_hpo.db'}").trials
    failures = [trial.user_attrs["failure"] for trial in trials if "failure" in trial.user_attrs]
    assert (len(trials), failures) == (4, [])
    assert all(trial.state.is_finished() for trial in trials)
    assert sum(trial.user_attrs.get("origin") == "default configuration" for trial in trials) == 1
