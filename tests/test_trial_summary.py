from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState

from sb3_hpo.checkpoints import Checkpoints
from sb3_hpo.objective import Objective
from sb3_hpo.promotion import PausingPruner, Rungs, go_on
from sb3_hpo.settings import TuningSettings
from sb3_hpo.trial_attributes import (
    ENVIRONMENT_STEPS,
    OF_ONE_RUN,
    REASON,
    RUNS,
    SEEDS,
    STOPPED_TRAINING,
    TRAINING_SECONDS,
    TUNED,
    inherited,
)
from sb3_hpo.trial_summary import flat, summary
from tests.tasks import SPACE, FailingStep, FakeTask

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = TuningSettings(n_evaluations=4, n_eval_episodes=2, n_validation_episodes=2)


def test_a_whole_trial_tells_seeds_steps_and_seconds_and_no_reason(study: optuna.Study) -> None:
    study.optimize(Objective(FakeTask(), SPACE, SETTINGS, [11, 22]), n_trials=1)
    told = study.trials[0].user_attrs
    assert told[SEEDS] == [11, 22]
    assert told[ENVIRONMENT_STEPS] == sum(run["n_timesteps"] for run in told[RUNS]) == 400
    assert told[TRAINING_SECONDS] == pytest.approx(sum(run["seconds"] for run in told[RUNS]), abs=1e-3)
    assert REASON not in told


def test_a_trial_that_paused_and_one_that_went_on_say_so(tmp_path: Path) -> None:
    study = optuna.create_study(direction="maximize", pruner=PausingPruner(Rungs((100, 200))))
    objective = Objective(FakeTask(), SPACE, SETTINGS, [11], checkpoints=Checkpoints(tmp_path))
    study.optimize(objective, n_trials=1)
    go_on(study, study.trials[0], 1)
    study.optimize(objective, n_trials=1)
    first, second = study.trials
    assert (first.state, second.state) == (TrialState.PRUNED, TrialState.COMPLETE)
    n_first = first.user_attrs[RUNS][0]["n_timesteps"]
    assert first.user_attrs[REASON] == f"paused after {n_first} of 200 environment steps"
    assert second.user_attrs[REASON] == f"went on with trial 0 after {n_first} environment steps"
    assert first.user_attrs[ENVIRONMENT_STEPS] == n_first
    assert n_first + second.user_attrs[ENVIRONMENT_STEPS] == second.user_attrs[RUNS][0]["n_timesteps"]


def test_a_pruned_trial_says_where() -> None:
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.ThresholdPruner(lower=1e9))
    study.optimize(Objective(FakeTask(), SPACE, SETTINGS, [11, 22]), n_trials=1)
    assert study.trials[0].user_attrs[REASON] == "pruned after 50 of 200 environment steps"
    assert study.trials[0].user_attrs[SEEDS] == [11]


def test_a_failed_trial_says_how_far_it_came(study: optuna.Study) -> None:
    task = FakeTask(wrapper=FailingStep)
    study.optimize(Objective(task, SPACE, SETTINGS, [11]), n_trials=1, catch=(OSError,))
    told = study.trials[0].user_attrs
    assert told[SEEDS] == [11]
    assert 0 < told[ENVIRONMENT_STEPS] <= 21
    assert REASON not in told


def test_reasons_of_several_trainings_are_told_together() -> None:
    runs = [
        {"seed": 1, "n_timesteps": 1500, "resumed_at": 1000, "seconds": 1.0, "stopped_early": "enough"},
        {"seed": 2, "n_timesteps": 300, "seconds": 0.5},
    ]
    told = summary(runs, 7, ["pruned after 300 of 2,000 environment steps"])
    assert told == {
        SEEDS: [1, 2],
        ENVIRONMENT_STEPS: 800,
        TRAINING_SECONDS: 1.5,
        REASON: (
            "went on with trial 7 after 1,000 environment steps; pruned after 300 of 2,000 environment steps; "
            "seed 1 stopped early: enough"
        ),
    }


def test_who_tries_again_inherits_none_of_it() -> None:
    assert {SEEDS, ENVIRONMENT_STEPS, TRAINING_SECONDS, REASON, STOPPED_TRAINING} <= set(OF_ONE_RUN)
    assert inherited({SEEDS: [1], REASON: "x", "rung": 1}) == {"rung": 1}


def test_nested_and_falling_hyperparameters_stay_comparable() -> None:
    assert flat(
        {"policy_kwargs": {"net_arch": [64, 64], "n": None}, "learning_rate": "lin_0.001", "use_sde": True}
    ) == {
        "policy_kwargs.net_arch": "[64, 64]",
        "policy_kwargs.n": "None",
        "learning_rate": 0.001,
        "learning_rate.schedule": "linear",
        "use_sde": True,
    }


def test_what_was_sampled_is_read_line_by_line_in_terms_of_sb3(study: optuna.Study) -> None:
    study.enqueue_trial({"learning_rate": 0.00123456, "one_minus_gamma": 0.02, "n_steps": 10})
    study.optimize(Objective(FakeTask(), SPACE, SETTINGS, [11]), n_trials=1)
    assert study.trials[0].user_attrs[TUNED] == "learning_rate: 0.001235\ngamma: 0.98\nn_steps: 10"
