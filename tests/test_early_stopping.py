from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState
from stable_baselines3.common.callbacks import StopTrainingOnNoModelImprovement
from stable_baselines3.common.env_util import make_vec_env

from sb3_hpo.checkpoints import Checkpoints
from sb3_hpo.early_stopping import EarlyStopping
from sb3_hpo.objective import Objective
from sb3_hpo.promotion import PausingPruner, Rungs, go_on, rung_of
from sb3_hpo.scores import SCORES, learning_curves
from sb3_hpo.settings import TuningSettings
from sb3_hpo.trial_attributes import RUNS
from tests.tasks import SPACE, FakeTask, FakeTraining, ScriptedReturns

if TYPE_CHECKING:
    from pathlib import Path

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
    returns[:] = [1.0] * N_EVALUATIONS
    pruner = optuna.pruners.ThresholdPruner(lower=2, n_warmup_steps=20)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    trial = train(study, stop_at=5)
    assert trial.state == TrialState.PRUNED
    assert learning_curves(trial.user_attrs[RUNS]).shape[1] == 2


def train_in_parts(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    values: list[float],
    pauses: tuple[int, ...],
    n_steps: int = 5,
    n_evaluations: int = N_EVALUATIONS,
    **options: object,
) -> list[optuna.trial.FrozenTrial]:
    """The trials of one training of 200 environment steps.

    :param values: mean returns of its evaluations, whichever trial makes them
    :param pauses: environment steps at which it pauses, and goes on as another trial
    :param n_steps: environment steps of a rollout
    """
    script = itertools.chain(values, itertools.repeat(0.0))
    monkeypatch.setattr(
        FakeTraining, "create_eval_env", lambda self, seed, n_envs: make_vec_env(lambda: ScriptedReturns(script))
    )
    rungs = Rungs((*pauses, 200))
    study = optuna.create_study(direction="maximize", pruner=PausingPruner(rungs))
    settings = TuningSettings(n_evaluations=n_evaluations, n_eval_episodes=1, **options)
    objective = Objective(FakeTask(), SPACE, settings, [0], checkpoints=Checkpoints(folder))
    study.enqueue_trial({"learning_rate": 1e-3, "one_minus_gamma": 0.01, "n_steps": n_steps})
    study.optimize(objective, n_trials=1)
    while study.trials[-1].state == TrialState.PRUNED:
        go_on(study, study.trials[-1], rung_of(study.trials[-1]) + 1)
        study.optimize(objective, n_trials=1)
    return study.trials


@pytest.mark.parametrize("pauses", [(20,), (40,), (50,), (60,), (20, 40, 60)])
@pytest.mark.parametrize(
    ("options", "values", "end"),
    [
        ({"stop_at": 5.0, "stop_after": 3}, [1, 6, 9, 4, 5, 5, 8, 7, *[100] * 12], 70),
        ({"stop_at": 5.0, "stop_after": 6}, [1, 6, 9, 5, 5, 5, 8, 7, *[100] * 12], 70),
        ({"no_improvement": 3}, [1, 2, 1, 1, 3, 3, 2, 1, 2, 1, 2, *[100] * 9], 80),
        ({"no_improvement": 6}, [9, 2, 3, 4, 5, 6, 7, 8, 9, *[100] * 11], 70),
    ],
)
def test_what_goes_on_stops_where_it_would_have_without_a_pause(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    pauses: tuple[int, ...],
    options: dict,
    values: list[float],
    end: int,
) -> None:
    at_once = train_in_parts(monkeypatch, tmp_path, values, (), **options)[-1]
    *parts, last = train_in_parts(monkeypatch, tmp_path, values, pauses, **options)
    assert [trial.state for trial in parts] == [TrialState.PRUNED] * len(pauses)
    assert last.state == TrialState.COMPLETE
    run, expected = last.user_attrs[RUNS][0], at_once.user_attrs[RUNS][0]
    assert run["timesteps"] == expected["timesteps"] == list(range(10, end + 1, 10))
    assert run["returns"] == expected["returns"]
    assert run["stopped_early"] == expected["stopped_early"]
    assert last.value == at_once.value


def test_a_training_that_is_over_before_it_comes_to_pause_is_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is to pause after 35 steps, which it does where the next rollout begins, and at 40 it is evaluated again."""
    values = [1.0] * 5 + [5.0] * 20
    options = {"n_steps": 10, "n_evaluations": 40, "stop_at": 5.0, "stop_after": 3}
    trials = train_in_parts(monkeypatch, tmp_path, values, (35,), **options)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE]
    run = trials[0].user_attrs[RUNS][0]
    assert run["timesteps"] == list(range(5, 41, 5))
    assert run["stopped_early"] == "a mean return of at least 5 in 3 evaluations in a row"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stop_after", [4, 5, 20])
def test_no_evaluation_is_lost_where_a_training_pauses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stop_after: int
) -> None:
    """It pauses at the first step of a rollout, the 21st, at which an evaluation is due."""
    options = {"n_steps": 10, "n_evaluations": 28, "stop_at": 5.0, "stop_after": stop_after}
    paused, last = train_in_parts(monkeypatch, tmp_path, [5.0] * 40, (14,), **options)
    assert paused.user_attrs[RUNS][0]["n_timesteps"] == 21
    assert last.user_attrs[RUNS][0]["timesteps"] == list(range(7, 7 * stop_after + 1, 7))
    # A replay pauses where the last report was.
    assert paused.last_step == 14


@given(
    values=st.lists(st.integers(0, 5), max_size=30),
    n_earlier=st.integers(0, 30),
    stop_at=st.none() | st.integers(0, 5),
    stop_after=st.integers(1, 4),
    no_improvement=st.none() | st.integers(1, 4),
)
def test_it_makes_no_difference_which_evaluations_came_before_a_pause(
    values: list[int], n_earlier: int, stop_at: int | None, stop_after: int, no_improvement: int | None
) -> None:
    settings = TuningSettings(stop_at=stop_at, stop_after=stop_after, no_improvement=no_improvement)

    def end(earlier: list[int], later: list[int]) -> tuple[int | None, str | None]:
        """Number of evaluations after which it stops, and why."""
        stopping = EarlyStopping.of(settings, earlier)
        for place, value in enumerate(later, 1):
            for callback in stopping.callbacks:
                callback.parent = SimpleNamespace(last_mean_reward=value)
            goes_on = [callback._on_step() for callback in stopping.callbacks]
            if not all(goes_on):
                return len(earlier) + place, stopping.reason
        return None, stopping.reason

    expected = end([], values)
    # It cannot pause after it has stopped.
    n_earlier = min(n_earlier, len(values), len(values) if expected[0] is None else expected[0] - 1)
    assert end(values[:n_earlier], values[n_earlier:]) == expected


@given(values=st.lists(st.integers(-3, 3), max_size=30), n_evaluations=st.integers(1, 4))
def test_what_is_no_better_is_counted_as_sb3_counts_it(values: list[int], n_evaluations: int) -> None:
    (ours,) = EarlyStopping.of(TuningSettings(no_improvement=n_evaluations)).callbacks
    sb3 = StopTrainingOnNoModelImprovement(n_evaluations - 1)
    best = -np.inf
    for n_calls, value in enumerate(values, 1):
        best = max(best, value)
        ours.parent = SimpleNamespace(last_mean_reward=value)
        sb3.parent, sb3.n_calls = SimpleNamespace(best_mean_reward=best), n_calls
        assert ours._on_step() == sb3._on_step()
