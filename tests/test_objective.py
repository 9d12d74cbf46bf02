from __future__ import annotations

from typing import TYPE_CHECKING

import gymnasium as gym
import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from stable_baselines3.common.callbacks import BaseCallback

from sb3_hpo.configuration import from_zoo
from sb3_hpo.objective import Objective
from sb3_hpo.scores import learning_curves
from sb3_hpo.seeds import evaluation_seed
from sb3_hpo.settings import TuningSettings
from sb3_hpo.trial_attributes import FAILURE, FINAL_RETURNS, HYPERPARAMS, RUNS, TRACEBACK, TrialInterruptedError
from tests.tasks import MAX_EPISODE_STEPS, SPACE, FailingStep, FakeTask, record_predictions

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = TuningSettings(n_evaluations=4, n_eval_episodes=3)
SEEDS = [11, 22]
PARAMS = {"learning_rate": 0.01, "one_minus_gamma": 0.02, "n_steps": 10}


def create_objective(task: FakeTask, seeds: list[int] = SEEDS, interrupted: Callable[[], bool] = lambda: False):
    return Objective(task, SPACE, SETTINGS, seeds, interrupted)


def test_every_trial_is_trained_and_evaluated_on_the_same_seeds(study: optuna.Study, task: FakeTask) -> None:
    study.optimize(create_objective(task), n_trials=2)
    assert [seed for _, seed in task.trained] == [*SEEDS, *SEEDS]
    assert task.eval_seeds == [evaluation_seed(seed) for seed in [*SEEDS, *SEEDS]]
    assert study.trials[0].params != study.trials[1].params


def test_trial_keeps_what_was_trained_and_every_return(study: optuna.Study, task: FakeTask) -> None:
    study.enqueue_trial(PARAMS)
    study.optimize(create_objective(task), n_trials=1)
    trial = study.trials[0]

    runs = trial.user_attrs[RUNS]
    for run, seed in zip(runs, SEEDS, strict=True):
        assert run["seed"] == seed
        assert run["eval_env_seed"] == evaluation_seed(seed)
        assert run["n_timesteps"] == 200
        assert run["timesteps"] == [50, 100, 150, 200]
        assert [len(returns) for returns in run["returns"]] == [3, 3, 3, 3]
        assert len(run[FINAL_RETURNS]) == TuningSettings().n_validation_episodes
        assert all(1 <= r <= MAX_EPISODE_STEPS for returns in run["returns"] for r in returns)
        assert run["seconds"] > 0
    configuration = from_zoo(trial.user_attrs[HYPERPARAMS])
    assert configuration == {
        **task.configuration,
        "learning_rate": 0.01,
        "gamma": 0.98,
        "n_steps": 10,
    }
    assert configuration == task.trained[0][0]
    assert FAILURE not in trial.user_attrs


def test_score_is_the_mean_over_the_seeds_of_the_last_evaluations(study: optuna.Study, task: FakeTask) -> None:
    study.optimize(create_objective(task), n_trials=1)
    trial = study.trials[0]
    curves = np.array([[np.mean(returns) for returns in run["returns"]] for run in trial.user_attrs[RUNS]])
    assert learning_curves(trial.user_attrs[RUNS]).tolist() == curves.tolist()
    assert trial.value == pytest.approx(curves[:, -3:].mean())


def test_pruner_sees_one_curve_over_all_seeds(study: optuna.Study, task: FakeTask) -> None:
    study.optimize(create_objective(task), n_trials=1)
    first, second = learning_curves(study.trials[0].user_attrs[RUNS]).tolist()
    expected = dict(zip((50, 100, 150, 200), first, strict=True))
    ahead = [now - then for now, then in zip(second, first, strict=True)]
    expected |= dict(zip((250, 300, 350, 400), [first[-1] + difference / 2 for difference in ahead], strict=True))
    assert expected[400] == pytest.approx((first[-1] + second[-1]) / 2)
    assert study.trials[0].intermediate_values == pytest.approx(expected)


def test_same_params_and_seeds_give_the_same_returns(study: optuna.Study, task: FakeTask) -> None:
    study.enqueue_trial(PARAMS)
    study.enqueue_trial({**PARAMS, "learning_rate": 0.09})
    study.enqueue_trial(PARAMS)
    study.optimize(create_objective(task), n_trials=3)
    first, other, again = ([run["returns"] for run in trial.user_attrs[RUNS]] for trial in study.trials)
    assert first == again != other
    assert first[0] != first[1]


@pytest.mark.parametrize("deterministic", [True, False])
def test_policy_acts_in_evaluations_as_the_task_says(
    study: optuna.Study, task: FakeTask, monkeypatch: pytest.MonkeyPatch, deterministic: bool
) -> None:
    task.deterministic_eval = deterministic
    asked = record_predictions(monkeypatch)
    study.optimize(create_objective(task, [1]), n_trials=1)
    assert set(asked) == {deterministic}


def test_trial_is_pruned_in_its_second_training_and_keeps_what_it_did(task: FakeTask) -> None:
    pruner = optuna.pruners.ThresholdPruner(lower=1_000, n_warmup_steps=220)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    study.optimize(create_objective(task), n_trials=1)
    trial = study.trials[0]
    assert trial.state == TrialState.PRUNED
    assert [run["n_timesteps"] for run in trial.user_attrs[RUNS]] == [200, 50]
    assert list(trial.intermediate_values) == [50, 100, 150, 200, 250]


def test_failing_environment_leaves_its_reason_in_one_line(study: optuna.Study) -> None:
    study.optimize(create_objective(FakeTask(wrapper=FailingStep)), n_trials=1, catch=(Exception,))
    trial = study.trials[0]
    assert trial.state == TrialState.FAIL
    assert trial.user_attrs[FAILURE] == "OSError: the simulator broke down"
    assert "in step" in trial.user_attrs[TRACEBACK]
    assert [(run["seed"], run["n_timesteps"], run["returns"]) for run in trial.user_attrs[RUNS]] == [(11, 20, [])]


def test_configuration_that_cannot_be_built_is_kept_with_its_failure(study: optuna.Study, task: FakeTask) -> None:
    task.configuration = {**task.configuration, "no_such_argument": 1}
    study.optimize(create_objective(task), n_trials=1, catch=(Exception,))
    attrs = study.trials[0].user_attrs
    assert attrs[FAILURE].startswith("TypeError: ")
    assert attrs[HYPERPARAMS]["no_such_argument"] == 1


class StopAt(BaseCallback):
    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def _on_step(self) -> bool:
        return self.num_timesteps < self.step


def test_training_without_an_evaluation_is_a_failure(study: optuna.Study) -> None:
    task = FakeTask(own_callbacks=lambda: [StopAt(30)])
    study.optimize(create_objective(task), n_trials=1, catch=(Exception,))
    assert study.trials[0].state == TrialState.FAIL
    assert "before its first evaluation" in study.trials[0].user_attrs[FAILURE]


def test_training_that_its_own_callback_ends_early_is_scored(study: optuna.Study) -> None:
    study.optimize(create_objective(FakeTask(own_callbacks=lambda: [StopAt(100)])), n_trials=1)
    trial = study.trials[0]
    assert trial.state == TrialState.COMPLETE
    assert [run["n_timesteps"] for run in trial.user_attrs[RUNS]] == [100, 100]
    # The second seed begins at the same step in every trial, however long the first one took.
    assert list(trial.intermediate_values) == [50, 100, 250, 300]


def test_only_an_agent_that_was_trained_to_the_end_is_judged(task: FakeTask) -> None:
    pruned = optuna.create_study(direction="maximize", pruner=optuna.pruners.ThresholdPruner(lower=1e9))
    pruned.optimize(create_objective(task), n_trials=1)
    stopped = optuna.create_study(direction="maximize")
    settings = TuningSettings(n_evaluations=4, n_eval_episodes=3, stop_at=0.0, stop_after=1)
    stopped.optimize(Objective(task, SPACE, settings, SEEDS), n_trials=1)
    runs = [run for study in (pruned, stopped) for run in study.trials[0].user_attrs[RUNS]]
    assert [run["n_timesteps"] for run in runs] == [50, 50, 50]
    assert not any(FINAL_RETURNS in run for run in runs)


def test_interrupted_trial_says_so_and_trains_no_further_seed(study: optuna.Study, task: FakeTask) -> None:
    answers = iter([False] * 119 + [True] * 1_000)
    trial = study.ask()
    with pytest.raises(TrialInterruptedError):
        create_objective(task, interrupted=lambda: next(answers))(trial)
    attrs = study.trials[0].user_attrs
    assert attrs[FAILURE].startswith("TrialInterruptedError")
    assert [(run["seed"], run["n_timesteps"]) for run in attrs[RUNS]] == [(11, 120)]


class CountClosed(gym.Wrapper):
    opened = 0
    closed = 0

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        type(self).opened += 1

    def close(self) -> None:
        type(self).closed += 1
        super().close()


@pytest.mark.parametrize("fails_in", [None, "training", "create_eval_env"])
def test_environments_are_closed_however_it_ends(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch, fails_in: str | None
) -> None:
    class Counting(CountClosed):
        opened = closed = 0

    task = FakeTask(wrapper=(lambda env: Counting(FailingStep(env))) if fails_in == "training" else Counting)
    if fails_in == "create_eval_env":
        monkeypatch.setattr("tests.tasks.FakeTraining.create_eval_env", lambda *args: 1 / 0)
    study.optimize(create_objective(task), n_trials=1, catch=(Exception,))
    assert (study.trials[0].state == TrialState.COMPLETE) == (fails_in is None)
    assert (Counting.opened, Counting.closed) == ((2, 2) if fails_in is None else (1, 1))


@pytest.mark.parametrize(("n_eval_envs", "expected"), [(None, 3), (1, 1), (2, 2)])
def test_evaluation_steps_one_environment_per_episode_unless_told_otherwise(
    study: optuna.Study, task: FakeTask, monkeypatch: pytest.MonkeyPatch, n_eval_envs: int | None, expected: int
) -> None:
    from tests.tasks import FakeTraining

    asked = []
    create = FakeTraining.create_eval_env
    monkeypatch.setattr(
        FakeTraining, "create_eval_env", lambda self, seed, n_envs: asked.append(n_envs) or create(self, seed, n_envs)
    )
    settings = TuningSettings(n_evaluations=1, n_eval_episodes=3, n_eval_envs=n_eval_envs)
    Objective(task, SPACE, settings, [1])(study.ask())
    assert asked == [expected]
