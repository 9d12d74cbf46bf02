from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from sb3_hpo import tracking
from sb3_hpo.errors import UserError
from sb3_hpo.objective import Objective
from sb3_hpo.settings import TuningSettings
from sb3_hpo.tracking import MEAN_RETURN, SCORE, Tracker, check_installed, check_tracking, trackers
from sb3_hpo.trial_attributes import FAILURE, RUNS
from tests.tasks import SPACE, FakeTask

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = TuningSettings(n_evaluations=4, n_eval_episodes=2, n_validation_episodes=2)


def optimize(settings: TuningSettings) -> tuple[optuna.Study, list[str]]:
    """A study of two trials, the second one pruned, with what its trackers told."""
    told: list[str] = []
    study = optuna.create_study(study_name="mine", direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    check_tracking(settings, study.study_name)
    for pruner in (optuna.pruners.NopPruner(), optuna.pruners.ThresholdPruner(lower=1e9)):
        study.pruner = pruner
        callbacks = trackers(settings, told.append)
        study.optimize(Objective(FakeTask(), SPACE, settings, [11, 22]), n_trials=1, callbacks=callbacks)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE, TrialState.PRUNED]
    return study, told


def test_runs_of_weights_and_biases_hold_what_the_study_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb", reason="needs the extra wandb")
    from tests.offline_runs import offline_runs

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr(sys, "argv", ["sb3-hpo", "--storage", "postgresql://u:s3cret@h/d"])
    settings = dataclasses.replace(SETTINGS, track=True, wandb_project_name="p", wandb_tags=["a"])
    study, told = optimize(settings)
    wandb.teardown()  # Its process writes the last lines.
    assert told == []
    found = sorted(offline_runs(tmp_path), key=lambda run: run.name)
    assert [run.name for run in found] == ["trial/0/mine", "trial/1/mine"]
    for run, trial in zip(found, study.trials, strict=True):
        (row,) = run.history
        assert {name: row[name] for name in trial.params} == pytest.approx(trial.params)
        assert (row[SCORE], row["trial_number"]) == (pytest.approx(trial.value), trial.number)
        assert (run.project, run.group, run.tags) == ("p", "mine", {"a", "mine"})
        assert run.config["state"] == trial.state.name
        assert run.config["hyperparams"] == trial.user_attrs["hyperparams"]
    assert found[1].config["reason"] == "pruned after 50 of 200 environment steps"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"postgresql://u:***@h/d" in path.read_bytes() for path in files)
    assert not any(b"s3cret" in path.read_bytes() for path in files)


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")  # MLflow, of SQLAlchemy.
@pytest.mark.filterwarnings("ignore:The filesystem tracking backend")  # MLflow wants a database from version 3.
@pytest.mark.parametrize("kind", ["database", "folder"])
def test_runs_of_mlflow_hold_what_the_study_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    store = f"sqlite:///{tmp_path / 'mlflow.db'}" if kind == "database" else (tmp_path / "mlruns").as_uri()
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(store)
    try:
        study, told = optimize(dataclasses.replace(SETTINGS, mlflow=True))
    finally:
        mlflow.set_tracking_uri(None)
    assert told == []
    client = mlflow.MlflowClient(store)
    experiment = client.get_experiment_by_name("mine")
    found = sorted(client.search_runs([experiment.experiment_id]), key=lambda run: run.info.run_name)
    assert [run.info.run_name for run in found] == ["trial 0", "trial 1"]
    for run, trial in zip(found, study.trials, strict=True):
        assert run.data.params == {name: str(value) for name, value in trial.params.items()}
        assert run.data.metrics[SCORE] == pytest.approx(trial.value)
        assert run.data.tags["state"] == trial.state.name
        assert run.data.tags["hyperparams"] == str(trial.user_attrs["hyperparams"])
    whole, pruned = study.trials
    first, second = whole.user_attrs[RUNS]
    for training, name in ((first, MEAN_RETURN), (second, f"{MEAN_RETURN}_seed_{second['seed']}")):
        logged = client.get_metric_history(found[0].info.run_id, name)
        assert [metric.step for metric in logged] == training["timesteps"]
        assert [metric.value for metric in logged] == pytest.approx([np.mean(r) for r in training["returns"]])
    assert found[1].data.tags["reason"] == "pruned after 50 of 200 environment steps"
    assert found[1].data.metrics[MEAN_RETURN] == pytest.approx(pruned.value)


def test_what_cannot_be_logged_is_told_once_and_hinders_nothing(study: optuna.Study) -> None:
    told: list[str] = []

    def away(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        raise ConnectionError("the server\nis away")

    study.optimize(lambda trial: 1.0, n_trials=3, callbacks=[Tracker("MLflow", away, told.append)])
    assert len(study.trials) == 3
    assert told == [
        "trial 0 was not logged to MLflow: ConnectionError: the server is away; the search goes on, and further ones "
        "are not told"
    ]


def test_a_trial_that_goes_back_into_the_queue_is_not_logged(study: optuna.Study) -> None:
    logged: list[int] = []
    tracker = Tracker("t", lambda study, trial: logged.append(trial.number), print)
    tracker(study, create_trial(state=TrialState.FAIL, user_attrs={FAILURE: "TrialInterruptedError: x"}))
    assert logged == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"track": True}, "--track needs wandb, which is not installed: pip install 'sb3-hpo[wandb]'"),
        ({"mlflow": True}, "--mlflow needs mlflow, which is not installed: pip install 'sb3-hpo[mlflow]'"),
        ({"tensorboard_log": "tb"}, "--tensorboard-log needs tensorboard, which is not installed"),
        ({"dashboard": True}, "--dashboard needs optuna_dashboard, which is not installed"),
    ],
)
def test_what_is_not_installed_is_told_with_the_extra(
    options: dict, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "_is_installed", lambda name: name == "optuna_integration")
    check_installed(TuningSettings(tensorboard_log=""))
    with pytest.raises(UserError) as caught:
        check_installed(TuningSettings(**options))
    assert message in str(caught.value)


def test_who_is_not_logged_in_is_told_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = pytest.importorskip("wandb", reason="needs the extra wandb")
    monkeypatch.setattr(wandb, "login", lambda prompt: False)
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setattr(wandb.setup().settings, "mode", "online")
    with pytest.raises(UserError, match=r"nobody is logged in: run wandb login once, or set WANDB_MODE=offline"):
        check_tracking(TuningSettings(track=True), "s")


def test_a_store_of_mlflow_that_cannot_be_used_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")
    mlflow.set_tracking_uri("nonsense://user:s3cret@host/x")
    try:
        with pytest.raises(UserError, match=r"MLflow cannot log to 'nonsense://user:\*\*\*@host/x'") as caught:
            check_tracking(TuningSettings(mlflow=True), "s")
    finally:
        mlflow.set_tracking_uri(None)
    assert "s3cret" not in str(caught.value)
    assert "MLFLOW_TRACKING_URI" in str(caught.value)
