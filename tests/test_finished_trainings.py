"""Seeds that a trial was trained on before its worker was gone are not trained again."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import TrialState

from sb3_hpo.objective import Objective, n_timesteps_trained
from sb3_hpo.report.trial_reading import read_trial
from sb3_hpo.retries import hand_back
from sb3_hpo.settings import TuningSettings
from sb3_hpo.trial_attributes import (
    ENVIRONMENT_STEPS,
    FINISHED_TRAININGS,
    HYPERPARAMS,
    REASON,
    RUNS,
    SECONDS_BY_PART,
    TAKEN_OVER_FROM,
    TRAINING_SECONDS,
    TrialInterruptedError,
)
from tests.tasks import SPACE, FakeTask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from optuna.pruners import BasePruner
    from optuna.trial import FrozenTrial

SETTINGS = TuningSettings(n_evaluations=4, n_eval_episodes=2, n_validation_episodes=2)
SEEDS = [11, 22, 33]
PARAMS = {"learning_rate": 0.01, "one_minus_gamma": 0.02, "n_steps": 5}


def study_of(pruner: BasePruner | None = None) -> optuna.Study:
    study = optuna.create_study(direction="maximize", pruner=pruner or optuna.pruners.NopPruner())
    study.enqueue_trial(PARAMS)
    return study


def stopped_on_the(
    place: int, study: optuna.Study, settings: TuningSettings = SETTINGS, seeds: Sequence[int] = SEEDS
) -> FrozenTrial:
    """A trial that was stopped while it was trained on a seed, and went back into the queue.

    :param place: that of the seed, from 0
    """
    task = FakeTask()
    objective = Objective(task, SPACE, settings, seeds, interrupted=lambda: len(task.trained) > place)
    study.optimize(objective, n_trials=1, catch=TrialInterruptedError)
    stopped = study.trials[-1]
    hand_back(study, stopped)
    return stopped


def tried_again(
    study: optuna.Study, settings: TuningSettings = SETTINGS, seeds: Sequence[int] = SEEDS, **options: Any
) -> tuple[FrozenTrial, list[int]]:
    """What became of the trial that waits, and the seeds that it was trained on."""
    task = FakeTask()
    study.optimize(Objective(task, SPACE, settings, seeds, **options), n_trials=1)
    return study.trials[-1], [seed for _, seed in task.trained]


def returns_of(trial: FrozenTrial) -> list[list[list[float]]]:
    return [run["returns"] for run in trial.user_attrs[RUNS]]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_only_the_seeds_that_are_missing_are_trained(place: int) -> None:
    study, undisturbed = study_of(), study_of()
    stopped = stopped_on_the(place, study)
    assert stopped.state == TrialState.FAIL
    trial, trained = tried_again(study)
    assert trained == SEEDS[place:]
    expected, _ = tried_again(undisturbed)
    assert trial.value == expected.value
    assert trial.intermediate_values == pytest.approx(expected.intermediate_values)
    assert returns_of(trial) == returns_of(expected)
    assert [run.get(TAKEN_OVER_FROM) for run in trial.user_attrs[RUNS]] == [0] * place + [None] * (3 - place)


def test_what_was_taken_over_counts_for_the_trial_that_trained_it() -> None:
    study = study_of()
    stopped = stopped_on_the(2, study)
    trial, _ = tried_again(study)
    last = trial.user_attrs[RUNS][-1]
    assert n_timesteps_trained(trial) == trial.user_attrs[ENVIRONMENT_STEPS] == last["n_timesteps"] == 200
    assert 400 < n_timesteps_trained(stopped) < 410
    assert trial.user_attrs[TRAINING_SECONDS] == last["seconds"]
    assert trial.user_attrs[REASON] == "seed 11 as trial 0 trained it; seed 22 as trial 0 trained it"
    shown = read_trial(trial, 0, [], trial.datetime_complete, str)
    assert shown.n_timesteps == 200
    assert shown.parts == last[SECONDS_BY_PART]
    assert len(shown.curves) == 3


def test_it_is_left_from_one_to_the_next() -> None:
    study = study_of()
    stopped_on_the(1, study)
    again = stopped_on_the(1, study)  # On its own second training, which is of the third seed.
    assert [run.get(TAKEN_OVER_FROM) for run in again.user_attrs[RUNS]] == [0, None, None]
    once_more = stopped_on_the(0, study)
    assert [run["seed"] for run in once_more.user_attrs[FINISHED_TRAININGS]["trainings"]] == [11, 22]
    trial, trained = tried_again(study)
    assert trained == [33]
    assert [run.get(TAKEN_OVER_FROM) for run in trial.user_attrs[RUNS]] == [0, 1, None]


def test_an_evaluation_beyond_the_end_is_not_reported_as_one_of_the_next_seed() -> None:
    study = study_of()
    stopped_on_the(1, study)
    waiting = study.trials[-1]
    left = waiting.user_attrs[FINISHED_TRAININGS]
    left["trainings"][0]["timesteps"].append(250)  # As where the last rollout is longer than what is left.
    left["trainings"][0]["returns"].append([1.0, 1.0])
    study._storage.set_trial_user_attr(waiting._trial_id, FINISHED_TRAININGS, left)
    trial, _ = tried_again(study)
    assert list(trial.intermediate_values) == list(range(50, 601, 50))
    assert trial.intermediate_values[250] != 1.0


def test_it_is_pruned_where_others_have_become_better_since() -> None:
    study = study_of()
    stopped_on_the(1, study)
    study.pruner = optuna.pruners.ThresholdPruner(lower=1e9, n_warmup_steps=100)
    trial, trained = tried_again(study)
    assert trained == []
    assert trial.state == TrialState.PRUNED
    assert list(trial.intermediate_values) == [50, 100]
    assert "pruned after 100 of 200 environment steps, which trial 0 trained" in trial.user_attrs[REASON]
    assert trial.user_attrs[RUNS][0][TAKEN_OVER_FROM] == 0
    shown = read_trial(trial, 0, [], trial.datetime_complete, str)
    assert (shown.n_timesteps, shown.parts) == (0, {})


def test_a_pruner_that_compares_seeds_sees_all_of_them() -> None:
    seeds = [*SEEDS, 44]
    settings = TuningSettings(
        n_evaluations=4, n_eval_episodes=2, n_validation_episodes=2, n_seeds=4, max_seeds=4, pruner="wilcoxon"
    )
    study, undisturbed = study_of(), study_of()
    stopped_on_the(2, study, settings, seeds)
    trial, trained = tried_again(study, settings, seeds)
    assert trained == [33, 44]
    expected, _ = tried_again(undisturbed, settings, seeds)
    assert trial.intermediate_values == expected.intermediate_values
    assert list(trial.intermediate_values) == [0, 1, 2, 3]


@pytest.mark.parametrize("option", ["models_folder", "optimization_log_path"])
def test_where_models_are_kept_all_seeds_are_trained_again(option: str, tmp_path: Path) -> None:
    study = study_of()
    stopped_on_the(1, study)
    if option == "models_folder":
        trial, trained = tried_again(study, models_folder=tmp_path)
    else:
        logged = TuningSettings(n_evaluations=4, n_eval_episodes=2, optimization_log_path=str(tmp_path))
        trial, trained = tried_again(study, logged)
    assert trained == SEEDS
    assert not any(TAKEN_OVER_FROM in run for run in trial.user_attrs[RUNS])


def test_trainings_of_another_configuration_are_not_taken_over() -> None:
    study = study_of()
    stopped = stopped_on_the(1, study)
    waiting = study.trials[-1]
    left = waiting.user_attrs[FINISHED_TRAININGS]
    assert left[HYPERPARAMS] == stopped.user_attrs[HYPERPARAMS]
    changed = {**left, HYPERPARAMS: {**left[HYPERPARAMS], "policy": "Another"}}
    study._storage.set_trial_user_attr(waiting._trial_id, FINISHED_TRAININGS, changed)
    _, trained = tried_again(study)
    assert trained == SEEDS


def test_further_seeds_of_a_tie_are_taken_over_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sb3_hpo.objective.shares_best_score", lambda *_: True)
    study = study_of()
    with contextlib.suppress(KeyboardInterrupt):
        task = FakeTask()

        def killed() -> bool:
            if len(task.trained) == 3:
                raise KeyboardInterrupt
            return False

        study.optimize(Objective(task, SPACE, SETTINGS, [11], interrupted=killed, further_seeds=[22, 33]), n_trials=1)
    hand_back(study, study.trials[-1])
    trial, trained = tried_again(study, seeds=[11], further_seeds=[22, 33])
    assert trained == [33]
    assert [run["seed"] for run in trial.user_attrs[RUNS]] == SEEDS
