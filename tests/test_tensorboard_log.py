from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from sb3_hpo.checkpoints import Checkpoints
from sb3_hpo.objective import Objective
from sb3_hpo.promotion import PausingPruner, Rungs, go_on
from sb3_hpo.settings import TuningSettings
from sb3_hpo.tensorboard_log import MEAN_RETURN, SCORE, TensorBoardLog
from sb3_hpo.trial_attributes import RUNS
from tests.tasks import SPACE, FailingStep, FakeTask

pytest.importorskip("tensorboard", reason="needs the extra tensorboard")

from tests.tensorboard_runs import runs

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = TuningSettings(n_evaluations=4, n_eval_episodes=2, n_validation_episodes=2)
PARAMS = {"learning_rate": 0.01, "one_minus_gamma": 0.02, "n_steps": 10}


def assert_same(scalars: list[tuple[int, float]], run: dict) -> None:
    """Check that a curve is the one that the study has."""
    assert [step for step, _ in scalars] == run["timesteps"]
    assert [value for _, value in scalars] == pytest.approx([np.mean(returns) for returns in run["returns"]])


def test_each_trial_and_seed_is_a_run_with_its_curve_hyperparameters_and_score(
    study: optuna.Study, tmp_path: Path
) -> None:
    study.enqueue_trial(PARAMS)
    objective = Objective(FakeTask(), SPACE, SETTINGS, [11, 22], tensorboard=TensorBoardLog(tmp_path))
    study.optimize(objective, n_trials=2)
    found = runs(tmp_path)
    assert sorted(found) == sorted(f"trial_{n}_seed_{seed}" for n in (0, 1) for seed in (11, 22))
    for trial in study.trials:
        seed_scores = []
        for run in trial.user_attrs[RUNS]:
            logged = found[f"trial_{trial.number}_seed_{run['seed']}"]
            assert_same(logged.scalars[MEAN_RETURN], run)
            assert "train/value_loss" in logged.scalars
            ((step, score),) = logged.scalars[SCORE]
            assert step == run["n_timesteps"]
            seed_scores.append(score)
            assert logged.metrics == {SCORE, MEAN_RETURN}
            assert logged.hparams["gamma"] == pytest.approx(1.0 - trial.params["one_minus_gamma"])
            assert logged.hparams["learning_rate"] == pytest.approx(trial.params["learning_rate"])
            assert (logged.hparams["trial"], logged.hparams["seed"]) == (trial.number, run["seed"])
            assert logged.hparams["outcome"] == "complete"
        assert trial.value == pytest.approx(np.mean(seed_scores))


def test_what_pauses_goes_on_in_a_run_that_names_where_it_came_from(tmp_path: Path) -> None:
    study = optuna.create_study(direction="maximize", pruner=PausingPruner(Rungs((100, 200))))
    log = TensorBoardLog(tmp_path / "tb")
    objective = Objective(FakeTask(), SPACE, SETTINGS, [11], checkpoints=Checkpoints(tmp_path / "c"), tensorboard=log)
    study.optimize(objective, n_trials=1)
    go_on(study, study.trials[0], 1)
    study.optimize(objective, n_trials=1)
    found = runs(tmp_path / "tb")
    assert list(found) == ["trial_0_seed_11", "trial_1_seed_11_from_trial_0"]
    first, second = found.values()
    assert (first.hparams["outcome"], second.hparams["outcome"]) == ("paused", "complete")
    assert_same(first.scalars[MEAN_RETURN] + second.scalars[MEAN_RETURN], study.trials[1].user_attrs[RUNS][0])
    assert SCORE not in first.scalars
    assert second.scalars[SCORE][0][1] == pytest.approx(study.trials[1].value)


def test_a_training_without_its_checkpoint_begins_anew_and_says_so(tmp_path: Path) -> None:
    study = optuna.create_study(direction="maximize", pruner=PausingPruner(Rungs((100, 200))))
    for n in range(2):
        checkpoints, log = Checkpoints(tmp_path / f"{n}"), TensorBoardLog(tmp_path / "tb")
        objective = Objective(FakeTask(), SPACE, SETTINGS, [11], checkpoints=checkpoints, tensorboard=log)
        study.optimize(objective, n_trials=1)
        go_on(study, study.trials[0], 1)
    assert list(runs(tmp_path / "tb")) == ["trial_0_seed_11", "trial_1_seed_11"]


def test_a_pruned_and_a_failed_training_are_runs_without_a_score(tmp_path: Path) -> None:
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.ThresholdPruner(lower=1e9))
    for task in (FakeTask(), FakeTask(wrapper=FailingStep)):
        objective = Objective(task, SPACE, SETTINGS, [11], tensorboard=TensorBoardLog(tmp_path))
        study.optimize(objective, n_trials=1, catch=(OSError,))
    assert [trial.state for trial in study.trials] == [TrialState.PRUNED, TrialState.FAIL]
    pruned, failed = runs(tmp_path).values()
    assert (pruned.hparams["outcome"], failed.hparams["outcome"]) == ("pruned", "failed")
    assert len(pruned.scalars[MEAN_RETURN]) == 1
    assert SCORE not in {*pruned.scalars, *failed.scalars}


def test_a_study_of_the_same_name_gets_runs_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        study = optuna.create_study(direction="maximize", pruner=optuna.pruners.NopPruner())
        objective = Objective(FakeTask(), SPACE, SETTINGS, [11], tensorboard=TensorBoardLog(tmp_path))
        study.optimize(objective, n_trials=1)
    assert list(runs(tmp_path)) == ["trial_0_seed_11", "trial_0_seed_11_2"]


def test_logging_changes_no_return(tmp_path: Path) -> None:
    returns = []
    for log in (None, TensorBoardLog(tmp_path)):
        study = optuna.create_study(direction="maximize", pruner=optuna.pruners.NopPruner())
        study.enqueue_trial(PARAMS)
        study.optimize(Objective(FakeTask(), SPACE, SETTINGS, [11], tensorboard=log), n_trials=1)
        returns.append(study.trials[0].user_attrs[RUNS][0]["returns"])
    assert returns[0] == returns[1]
