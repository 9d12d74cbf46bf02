"""Trainings made shorter where a time limit is worth too few of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import optuna
import pytest
import torch

from sb3_hpo.study_description import read_description
from tests.integration.in_process import run_command

if TYPE_CHECKING:
    from pathlib import Path

TUNE = ["tune", "--algo", "a2c", "--env", "CartPole-v1", "-n", "100", "--n-jobs", "2", "--n-evaluations", "2"]
TUNE += ["--pruner", "none", "--n-validation-seeds", "0", "--study-name", "s", "--shorten"]
TIME = ["--timeout", "6000", "--n-trials", "1"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def takes(monkeypatch: pytest.MonkeyPatch, seconds: float | None) -> list[float]:
    """Have a training take so many seconds; how long measuring may take, of each time it was measured."""
    measured: list[float] = []

    def measure(training: object, seed: int, longest: float) -> float | None:
        measured.append(longest)
        return seconds

    monkeypatch.setattr("sb3_hpo.plugin.shortening.measured_seconds", measure)
    return measured


def n_timesteps() -> int:
    study = optuna.load_study(study_name="s", storage="sqlite:///logs/sb3_hpo.db")
    steps = read_description(study, "s").n_timesteps
    assert {trial.user_attrs["hyperparams"]["n_timesteps"] for trial in study.trials} == {steps}
    assert {run["n_timesteps"] // steps for trial in study.trials for run in trial.user_attrs["runs"]} == {1}
    return steps


@pytest.mark.parametrize(
    ("seconds", "n", "told"),
    [
        (100.0, 100, "takes the default about 1 min 40 s, and the time is worth 60 of them, enough"),
        (375.0, 40, "worth 16 of them, less than 40: 40 environment steps are trained instead"),
        (200.0, 75, "worth 30 of them, less than 40: 75 environment steps are trained instead"),
        (None, 100, "nothing is shortened, as the default learns too late to tell what a training takes"),
    ],
)
def test_trainings_are_as_long_as_the_time_is_worth_enough_of_them(
    seconds: float | None, n: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # One trial and no validation have work for one process.
    measured = takes(monkeypatch, seconds)
    assert run_command([*TUNE, *TIME]) == 0
    assert measured == [180.0]
    assert told in capsys.readouterr().out
    assert n_timesteps() == n


def test_the_time_is_that_of_all_workers_with_as_many_threads_as_each_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    threads: list[int] = []

    def measure(*_: object) -> float:
        threads.append(torch.get_num_threads())
        return 400.0

    monkeypatch.setattr("sb3_hpo.plugin.shortening.measured_seconds", measure)
    monkeypatch.setattr("sb3_hpo.plugin.shortening.n_processes", lambda *_: 2)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert run_command([*TUNE, *TIME]) == 0
    finally:
        torch.set_num_threads(before)
    assert threads == [1]
    assert "worth 30 of them" in capsys.readouterr().out
    assert n_timesteps() == 75


def test_a_study_that_exists_keeps_its_length(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    takes(monkeypatch, 200.0)
    assert run_command([*TUNE, *TIME]) == 0
    measured = takes(monkeypatch, 100.0)
    without_length = [word for word in TUNE if word not in ("-n", "100")]
    assert run_command([*without_length, *TIME]) == 0
    assert measured == []
    assert n_timesteps() == 75


def test_without_a_time_limit_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = takes(monkeypatch, 1e6)
    assert run_command([*TUNE, "--n-trials", "1"]) == 0
    assert measured == []
    assert "nothing is shortened, as no time limit bounds this tuning" in capsys.readouterr().out
    assert n_timesteps() == 100


def test_a_default_that_fails_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> float:
        raise OSError("the simulator\nbroke down")

    monkeypatch.setattr("sb3_hpo.plugin.shortening.measured_seconds", fails)
    assert run_command([*TUNE, *TIME]) == 0
    told = "nothing is shortened, as a training of the default failed: OSError: the simulator broke down"
    assert told in capsys.readouterr().out


def test_a_cluster_is_not_measured_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*TUNE, *TIME, "--cluster", "dask://nowhere:1"]) == 2
    assert "--shorten measures on this machine what a training takes" in capsys.readouterr().err


def test_what_is_measured_for_real_is_what_a_training_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """Within a factor that no noise of a machine comes to."""
    options = ["--timeout", "600", "--n-trials", "1", "-n", "4000"]
    assert run_command([*TUNE, *options]) == 0
    (told,) = [line for line in capsys.readouterr().out.splitlines() if "takes the default about" in line]
    expected = float(told.partition("about ")[2].split()[0])
    study = optuna.load_study(study_name="s", storage="sqlite:///logs/sb3_hpo.db")
    took = study.trials[0].user_attrs["training_seconds"]
    assert took / 4 - 1 <= expected <= 4 * took + 1, json.dumps([told, took])
