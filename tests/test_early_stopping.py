from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from optuna.trial import TrialState
from stable_baselines3.common.env_util import make_vec_env

from sb3_hpo.objective import Objective, learning_curves, seconds_of_whole_training
from sb3_hpo.scores import SCORES
from sb3_hpo.settings import TuningSettings
from sb3_hpo.trial_attributes import RUNS
from tests.tasks import SPACE, FakeTask, FakeTraining, ScriptedReturns

if TYPE_CHECKING:
    import optuna
    from stable_baselines3.common.vec_env import VecEnv

N_EVALUATIONS = 20


@pytest.fixture
def returns(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The mean returns of the evaluations of every training, to be filled in."""
    values: list[float] = []

    def create_eval_env(self: FakeTraining, seed: int, n_envs: int) -> VecEnv:
        return make_vec_env(lambda: ScriptedReturns(iter(values)))

    monkeypatch.setattr(FakeTraining, "create_eval_env", create_eval_env)
    return values


def train(study: optuna.Study, *, n_seeds: int = 1, **settings: object) -> optuna.trial.FrozenTrial:
    settings = TuningSettings(n_evaluations=N_EVALUATIONS, n_eval_episodes=1, **settings)
    study.optimize(Objective(FakeTask(), SPACE, settings, list(range(n_seeds))), n_trials=1)
    return study.trials[0]


@pytest.mark.parametrize("score", SCORES)
def test_a_training_stops_when_it_was_good_enough_several_times_in_a_row(study, returns, score) -> None:
    returns[:] = [1, 6, 9, 4, 5, 5, 8, 7, *[100] * 12]
    trial = train(study, stop_at=5.0, score=score)
    whole = [1, 6, 9, 4, 5, 5, 8, *[8] * 13]
    assert trial.state == TrialState.COMPLETE
    assert trial.user_attrs[RUNS][0]["n_timesteps"] == 7 * 10
    assert trial.user_attrs[RUNS][0]["stopped_early"] == "a mean return of at least 5 in 3 evaluations in a row"
    assert learning_curves(trial.user_attrs[RUNS]).tolist() == [whole]
    expected = {"last": 8, "mean-last": 8, "auc": np.mean(whole), "best": 9}
    assert trial.value == pytest.approx(expected[score])


@pytest.mark.parametrize(
    ("run", "seconds"),
    [
        ({"seconds": 3.0, "returns": [[1.0]] * 5, "n_evaluations": 20}, 12.0),
        ({"seconds": 3.0, "returns": [[1.0]] * 21, "n_evaluations": 20}, 3.0),
        ({"seconds": 3.0, "returns": [[1.0]] * 5}, 3.0),
        ({"seconds": 3.0}, 3.0),
    ],
)
def test_time_of_a_whole_training(run: dict, seconds: float) -> None:
    assert seconds_of_whole_training(run) == seconds


def test_once_is_enough_where_that_was_asked_for(study, returns) -> None:
    returns[:] = [1, 4, 6, *[0] * 17]
    assert train(study, stop_at=5, stop_after=1).user_attrs[RUNS][0]["timesteps"] == [10, 20, 30]


@pytest.mark.parametrize("score", SCORES)
def test_a_training_stops_that_gets_no_better(study, returns, score) -> None:
    returns[:] = [1, 2, 1, 1, 3, 3, 2, 1, 100, *[100] * 11]
    trial = train(study, no_improvement=3, score=score)
    whole = [1, 2, 1, 1, 3, 3, 2, 1, *[1] * 12]
    assert trial.user_attrs[RUNS][0]["n_timesteps"] == 8 * 10
    assert trial.user_attrs[RUNS][0]["stopped_early"] == "no better mean return in 3 evaluations"
    expected = {"last": 1, "mean-last": 1, "auc": np.mean(whole), "best": 3}
    assert trial.value == pytest.approx(expected[score])


def test_each_seed_is_stopped_for_itself(study, returns) -> None:
    returns[:] = [5, 5, *[0] * 18]
    runs = train(study, n_seeds=2, stop_at=5, stop_after=2).user_attrs[RUNS]
    assert [run["n_timesteps"] for run in runs] == [20, 20]
    assert learning_curves(runs).shape == (2, N_EVALUATIONS)
    assert set(study.trials[0].intermediate_values) == {10, 20, 210, 220}


def test_whichever_comes_first(study, returns) -> None:
    returns[:] = [3, 1, 9, *[0] * 17]
    run = train(study, stop_at=9, stop_after=1, no_improvement=1).user_attrs[RUNS][0]
    assert run["timesteps"] == [10, 20]
    assert run["stopped_early"] == "no better mean return in 1 evaluation"


def test_nothing_stops_a_training_unless_asked(study, returns) -> None:
    returns[:] = [500.0] * (N_EVALUATIONS + TuningSettings().n_validation_episodes)
    run = train(study).user_attrs[RUNS][0]
    assert len(run["returns"]) == run["n_evaluations"] == N_EVALUATIONS
    assert "stopped_early" not in run


def test_a_pruned_training_is_not_filled_up(returns) -> None:
    import optuna

    returns[:] = [1.0] * N_EVALUATIONS
    pruner = optuna.pruners.ThresholdPruner(lower=2, n_warmup_steps=20)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    trial = train(study, stop_at=5)
    assert trial.state == TrialState.PRUNED
    assert learning_curves(trial.user_attrs[RUNS]).shape[1] == 2
