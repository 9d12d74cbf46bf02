from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState
from stable_baselines3.common.env_util import make_vec_env

from sb3_hpo.candidates import choose_candidates
from sb3_hpo.comparing.spending import SearchBudget
from sb3_hpo.objective import Objective, n_timesteps_trained
from sb3_hpo.report.trial_reading import read_trial
from sb3_hpo.seeds import tuning_seeds
from sb3_hpo.settings import TuningSettings
from sb3_hpo.ties import further_seeds
from sb3_hpo.trial_attributes import (
    COSTLY,
    ENVIRONMENT_STEPS,
    REASON,
    RUNS,
    SEEDS,
    STOPPED_TRAINING,
    TRAINING_SECONDS,
)
from tests.tasks import SPACE, FakeTask, FakeTraining, ScriptedReturns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stable_baselines3.common.vec_env import VecEnv

SETTINGS = TuningSettings(n_evaluations=4, n_eval_episodes=1, n_validation_episodes=1)
TUNING, SECOND, THIRD = 1, 2, 3
UP = [1.0, 9.0, 9.0, 9.0]
"""Climbs to a score of 9, by the last three evaluations."""
LOWER = [1.0, 9.0, 9.0, 6.0]
FLAT = [9.0] * 4
BY_CHANCE = [1.0, 7.0, 9.0, 8.0]
LATE_LOSS = [*UP, 2.0]
"""Climbs, but the agent at the end is worth less."""


class ScriptedTask(FakeTask):
    """Trainings whose evaluations have given returns, the last one again where the agent is judged at the end.

    :param curves: those of each training, in the order in which they are trained
    """

    def __init__(self, *curves: Sequence[float]) -> None:
        super().__init__(n_timesteps=20)
        self.curves = iter(curves)

    def prepare(self, configuration: Mapping[str, object]) -> FakeTraining:
        return ScriptedTraining(self, configuration)


class ScriptedTraining(FakeTraining):
    task: ScriptedTask

    def create_eval_env(self, seed: int, n_envs: int) -> VecEnv:
        curve = next(self.task.curves)
        returns: Iterator[float] = iter([*curve, curve[-1]])
        return make_vec_env(lambda: ScriptedReturns(returns))


def search(
    *curves: Sequence[float],
    n_trials: int = 2,
    settings: TuningSettings = SETTINGS,
    interrupted: Callable[[], bool] = lambda: False,
) -> tuple[optuna.Study, ScriptedTask]:
    """A study of some trials."""
    task = ScriptedTask(*curves)
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.NopPruner())
    objective = Objective(task, SPACE, settings, [TUNING], interrupted, further_seeds=[SECOND, THIRD])
    study.optimize(objective, n_trials=n_trials)
    return study, task


def seeds_of(study: optuna.Study) -> list[list[int]]:
    """Of each trial, those it counts."""
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)
    assert all(trial.user_attrs[SEEDS] == [run["seed"] for run in trial.user_attrs[RUNS]] for trial in study.trials)
    return [trial.user_attrs[SEEDS] for trial in study.trials]


@pytest.mark.parametrize(
    ("curves", "seeds", "value"),
    [
        pytest.param([UP, UP, UP, UP], [TUNING, SECOND, THIRD], 9.0, id="at the best score on all seeds"),
        pytest.param([UP, UP, LOWER], [TUNING, SECOND], 8.5, id="below it on the second seed"),
        pytest.param([UP, UP, UP, LOWER], [TUNING, SECOND, THIRD], 26 / 3, id="below it on the third seed"),
        pytest.param([UP, UP, FLAT], [TUNING, SECOND], 9.0, id="has not climbed there on the second seed"),
        pytest.param([BY_CHANCE, BY_CHANCE], [TUNING], 8.0, id="the same score by chance"),
        pytest.param([UP, UP, LATE_LOSS], [TUNING, SECOND], 9.0, id="lost at the end on the second seed"),
        pytest.param([UP, LOWER], [TUNING], 8.0, id="worse"),
        pytest.param([LOWER, UP], [TUNING], 9.0, id="better than all others"),
        pytest.param([FLAT, FLAT], [TUNING], 9.0, id="both there from the beginning"),
        pytest.param([FLAT, UP, UP, UP], [TUNING, SECOND, THIRD], 9.0, id="the other one there from the beginning"),
    ],
)
def test_trial_that_shares_the_best_score_is_trained_on_further_seeds(
    curves: list[list[float]], seeds: list[int], value: float
) -> None:
    study, task = search(*curves)
    assert seeds_of(study) == [[TUNING], seeds]
    assert [seed for _, seed in task.trained] == [TUNING, *seeds]
    assert study.trials[1].value == pytest.approx(value)
    assert list(study.trials[1].intermediate_values) == [5, 10, 15, 20]


def test_best_score_is_that_of_a_training() -> None:
    """Not of a trial: where the first two failed on their second seeds, the third is in a tie with their first ones."""
    study, _ = search(UP, UP, LOWER, UP, UP, UP, n_trials=3)
    assert seeds_of(study) == [[TUNING], [TUNING, SECOND], [TUNING, SECOND, THIRD]]
    lowered, _ = search(LOWER, UP, UP, LOWER, UP, UP, UP, n_trials=4)
    assert seeds_of(lowered) == [[TUNING], [TUNING], [TUNING, SECOND], [TUNING, SECOND, THIRD]]


@pytest.mark.parametrize("stopped_on", [SECOND, THIRD])
def test_what_was_stopped_on_a_further_seed_counts_by_the_seeds_before(stopped_on: int) -> None:
    n_steps = 20 * stopped_on + 5  # It is asked at every step, of which a training has 20.
    stops = iter([*[False] * n_steps, *[True] * 1_000])
    study, task = search(UP, UP, UP, UP, interrupted=lambda: next(stops))
    further = [SECOND, THIRD][: stopped_on - 1]
    assert [seed for _, seed in task.trained] == [TUNING, TUNING, *further]
    assert seeds_of(study) == [[TUNING], [TUNING, *further[:-1]]]
    trial = study.trials[1]
    assert trial.value == 9.0
    # It has cost something all the same.
    n_timesteps = 20 * (stopped_on - 1) + 6
    assert n_timesteps_trained(trial) == trial.user_attrs[ENVIRONMENT_STEPS] == n_timesteps
    assert read_trial(trial, 0, [], trial.datetime_complete, str).n_timesteps == n_timesteps
    assert SearchBudget(20, 100, None).steps_of(study.trials) == 20 + n_timesteps
    paid = [*trial.user_attrs[RUNS], trial.user_attrs[STOPPED_TRAINING]]
    assert trial.user_attrs[TRAINING_SECONDS] == pytest.approx(sum(run["seconds"] for run in paid), abs=1e-3)
    told = f"a training on the further seed {stopped_on} was stopped after 6 environment steps, and does not count"
    assert trial.user_attrs[REASON] == told
    assert STOPPED_TRAINING not in study.trials[0].user_attrs


def test_what_costs_too_much_on_a_further_seed_counts_by_the_seeds_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def costly(self: Objective, trial: optuna.Trial, training: object, runs: list[dict], *rest: object, **more: object):
        if len(runs) == 2:
            runs[-1][COSTLY] = "too long"
            raise optuna.TrialPruned("stopped for its cost")
        train(self, trial, training, runs, *rest, **more)

    train = Objective._train
    monkeypatch.setattr(Objective, "_train", costly)
    study, _ = search(UP, UP, UP)
    assert seeds_of(study) == [[TUNING], [TUNING]]


def test_failure_on_a_further_seed_is_one_of_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StopIteration):
        search(UP, UP, UP)  # No returns for the third seed.


def test_pruner_that_compares_seeds_has_the_same_for_all() -> None:
    settings = TuningSettings(
        n_evaluations=4, n_eval_episodes=1, n_validation_episodes=1, n_seeds=1, pruner="wilcoxon", pruner_kwargs={}
    )
    assert seeds_of(search(UP, UP, settings=settings)[0]) == [[TUNING], [TUNING]]


def test_finalists_know_all_their_seeds() -> None:
    study, task = search(UP, UP, LOWER)
    _, *finalists = choose_candidates(study, task, SPACE, 2)
    assert sorted(list(f.tuning_scores) for f in finalists) == [[TUNING], [TUNING, SECOND]]
    assert max((f.tuning_scores for f in finalists), key=len) == {TUNING: 9.0, SECOND: 6.0}


@pytest.mark.parametrize(("n_seeds", "max_seeds", "n_further"), [(1, 3, 2), (1, 1, 0), (2, 3, 1), (3, 2, 0)])
def test_further_seeds_follow_those_of_every_trial(n_seeds: int, max_seeds: int, n_further: int) -> None:
    settings = TuningSettings(n_seeds=n_seeds, max_seeds=max_seeds)
    assert further_seeds(7, settings) == tuning_seeds(7, n_seeds + n_further)[n_seeds:]
