"""Whole commands that log their trials everywhere, in two processes, and are watched by a browser's means."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState

from sb3_hpo.trial_attributes import RUNS, was_interrupted
from tests.forked_commands import forked
from tests.running_commands import wait_until
from tests.study_callbacks import SEEN
from tests.tensorboard_runs import runs

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

TINY = ["tune", "-n", "200", "--n-evaluations", "2", "--eval-episodes", "1", "--seed", "3"]
TINY += ["--pruner", "none", "--max-trial-cost", "none"]  # On a busy machine, too, each trial comes to its end.
UNVALIDATED = ["--n-validation-seeds", "0", "--study-name", "s"]
HERE = "tests.study_callbacks"


def trials_of(folder: Path) -> list[FrozenTrial]:
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{folder / 'logs' / 'sb3_hpo.db'}")
    return study.get_trials(deepcopy=False)


def seen(folder: Path) -> list[str]:
    return sorted((folder / SEEN).read_text(encoding="utf-8").splitlines())


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")  # MLflow, of SQLAlchemy.
def test_every_trial_of_two_workers_is_logged_wherever_it_was_asked_for(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")
    pytest.importorskip("wandb", reason="needs the extra wandb")
    from tests.offline_runs import offline_runs

    store = f"sqlite:///{tmp_path / 'mine.db'}"
    logged = ["--tensorboard-log", "tb", "--track", "--mlflow", "--callback", f"{HERE}.note"]
    environment = {"WANDB_MODE": "offline", "MLFLOW_TRACKING_URI": store}
    words = [*TINY, *UNVALIDATED, "--n-trials", "3", "--n-jobs", "2", *logged]
    with forked(words, tmp_path, environment, for_workers=True) as command:
        printed = command.ends()
    assert "2 workers" in printed
    assert "not logged" not in printed
    # Not one that a worker began when the other had just taken the last of the budget.
    trials = [trial for trial in trials_of(tmp_path) if not was_interrupted(trial)]
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 3
    scores = {trial.number: trial.value for trial in trials}

    in_tensorboard = runs(tmp_path / "tb" / "s")
    assert {f"trial_{t.number}_seed_{run['seed']}" for t in trials for run in t.user_attrs[RUNS]} == set(in_tensorboard)
    found = {int(run.hparams["trial"]): run.scalars["score"][0][1] for run in in_tensorboard.values()}
    assert found == pytest.approx(scores)

    rows = [run.history[0] for run in offline_runs(tmp_path)]
    assert {row["trial_number"]: row["score"] for row in rows} == pytest.approx(scores)

    client = mlflow.MlflowClient(store)
    in_mlflow = client.search_runs([client.get_experiment_by_name("s").experiment_id])
    assert {int(run.data.tags["number"]): run.data.metrics["score"] for run in in_mlflow} == pytest.approx(scores)
    assert seen(tmp_path) == [f"{number} COMPLETE" for number in range(3)]


def test_a_callback_that_stops_the_search_stops_it_for_all_workers_and_the_rest_goes_on(tmp_path: Path) -> None:
    callbacks = ["--callback", f"{HERE}.note", "--callback", f"{HERE}.stop_after_two"]
    validated = ["--n-validation-seeds", "1", "--n-validation-episodes", "1", "--n-finalists", "1"]
    with forked(
        [*TINY, "--study-name", "s", *validated, "--n-trials", "50", "--n-jobs", "2", *callbacks], tmp_path
    ) as command:
        printed = command.ends()
    ended = [trial for trial in trials_of(tmp_path) if trial.state == TrialState.COMPLETE]
    # What another worker was training then is finished, too.
    assert len(ended) in (2, 3, 4)
    assert not [trial for trial in trials_of(tmp_path) if was_interrupted(trial)]
    assert seen(tmp_path) == [f"{trial.number} COMPLETE" for trial in ended]
    assert "Trained again on fresh seeds" in printed


@pytest.mark.parametrize("n_jobs", ["1", "2"])
def test_a_callback_that_raises_ends_the_command_and_keeps_the_trial(n_jobs: str, tmp_path: Path) -> None:
    words = [*TINY, *UNVALIDATED, "--n-trials", "6", "--n-jobs", n_jobs]
    with forked([*words, "--callback", f"{HERE}.fail"], tmp_path) as command:
        printed = command.ends(1)
    assert f"sb3-hpo: the study was stopped: callback '{HERE}.fail' raised after trial" in printed
    assert "ValueError: a mistake of two lines; mend it, then go on with the same command" in printed
    n_complete = sum(trial.state == TrialState.COMPLETE for trial in trials_of(tmp_path))
    assert n_complete >= 1
    assert not [trial for trial in trials_of(tmp_path) if trial.state == TrialState.RUNNING]
    with forked(words, tmp_path) as command:
        command.ends()
    assert sum(trial.state == TrialState.COMPLETE for trial in trials_of(tmp_path)) == n_complete + 6


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_the_dashboard_shows_the_running_study_and_ends_with_its_command(end: int, tmp_path: Path) -> None:
    pytest.importorskip("optuna_dashboard", reason="needs the extra dashboard")
    words = [*TINY, *UNVALIDATED, "--n-trials", "1000", "--n-jobs", "1", "--dashboard"]
    with forked(words, tmp_path) as command:
        command.wait_for("trial 1 ")
        url = next(word for word in command.output.split() if word.startswith("http://127.0.0.1:"))
        api = url.replace("/dashboard/studies/", "/api/studies/") + "?after=0"
        with urllib.request.urlopen(api, timeout=60.0) as response:
            shown = json.load(response)
        assert shown["name"] == "s"
        assert len(shown["trials"]) >= 2
        os.kill(command.pid, end)
        command.process.join(60.0)
        wait_until(lambda: not _answers(api))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=60.0):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--callback", "nowhere.callback"], "callback 'nowhere.callback' cannot be imported: No module named"),
        (["--dashboard", "--storage", "sqlite://"], "storage 'sqlite://' is in memory, which no dashboard sees"),
        (["--tensorboard-log", "a_file"], "folder 'a_file' cannot be written"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_trained(words: list[str], message: str, tmp_path: Path) -> None:
    Path(tmp_path / "a_file").touch()
    with forked([*TINY, "--n-trials", "1", "--n-jobs", "1", *words], tmp_path) as command:
        printed = command.ends(2)
    assert f"sb3-hpo: error: {message}" in printed
    assert "Traceback" not in printed
