"""A package with an algorithm of its own: installed for real, tuned by name, tested with what it inherits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from stable_baselines3 import DQN

from tests.integration.commands import SB3_HPO

DISTRIBUTION = Path(__file__).parent.parent / "example_distribution"


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> dict[str, str]:
    """The environment variables with which the package is found, installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run(
        [*install, "--no-build-isolation", "--target", str(folder), str(DISTRIBUTION)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}


def run(words: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_listed(installed, tmp_path):
    listed = run([*SB3_HPO, "spaces"], tmp_path, installed)
    assert "clipped_dqn" in listed
    assert "reward_clip" in run([*SB3_HPO, "spaces", "clipped_dqn", "--format", "yaml"], tmp_path, installed)


def test_it_is_tuned_and_trained_by_name(installed, tmp_path):
    common = ["--algo", "clipped_dqn", "--env", "CartPole-v1", "--study-name", "s", "--seed", "1"]
    budget = ["-n", "200", "--n-trials", "3", "--n-validation-seeds", "1", "--n-finalists", "1", "--pruner", "none"]
    budget += ["--n-jobs", "1"]  # so that the trials come in the order of their numbers, none begun in vain
    printed = run([*SB3_HPO, "tune", *common, *budget], tmp_path, installed)
    assert "search space clipped_dqn (3 parameters)" in printed
    trials = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path / 'logs' / 'sb3_hpo.db'}").trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 3
    assert trials[0].params["reward_clip"] == 1.0  # its default, for the base does not name it
    # Trials that TPE begins with may keep what the default has of a param, but not of all of them.
    assert len({tuple(trial.params.items()) for trial in trials}) == 3
    assert len({trial.params["reward_clip"] for trial in trials}) > 1

    run([*SB3_HPO, "train", *common, "--trial-id", "2", "--eval-freq", "-1"], tmp_path, installed)
    saved = tmp_path / "logs" / "clipped_dqn" / "CartPole-v1_1" / "CartPole-v1.zip"
    assert DQN.load(saved).reward_clip == pytest.approx(trials[2].params["reward_clip"])


def test_its_own_test_passes(installed):
    test = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--confcutdir", str(DISTRIBUTION), "--rootdir"]
    printed = run([sys.executable, *test, str(DISTRIBUTION), "test_space.py"], DISTRIBUTION, installed)
    assert " passed" in printed
    assert "failed" not in printed
