from __future__ import annotations

import itertools

import optuna
import pytest
from optuna.trial import TrialState

from sb3_hpo.promotion import (
    CONTINUES,
    PAUSED,
    RUNG,
    PausingPruner,
    Rungs,
    go_on,
    next_promotion,
    paused_trials,
    rung_of,
    value_at_rung,
    waiting_to_go_on,
)
from sb3_hpo.trial_attributes import FAILURE

RUNGS = Rungs((5, 10, 20))
STEPS = (5, 10, 20)


@pytest.mark.parametrize(
    ("n_timesteps", "options", "steps"),
    [
        (100, {}, (5, 10, 20, 40, 100)),
        (100, {"first": 0.1}, (10, 20, 40, 100)),
        (100, {"reduction_factor": 3}, (5, 15, 100)),
        (20_000, {}, (1_000, 2_000, 4_000, 8_000, 20_000)),
        (4, {}, (1, 2, 4)),
        (1, {}, (1,)),
        (100, {"first": 1.0}, (100,)),
    ],
)
def test_rungs_grow_by_the_factor_and_end_with_the_training(n_timesteps, options, steps) -> None:
    rungs = Rungs.of(n_timesteps, **options)
    assert rungs.steps == steps
    assert rungs.last == len(steps) - 1


def create_study() -> optuna.Study:
    sampler = optuna.samplers.RandomSampler(seed=0)
    return optuna.create_study(direction="maximize", pruner=PausingPruner(RUNGS), sampler=sampler)


def run(study: optuna.Study, level: float | None = None) -> optuna.trial.FrozenTrial:
    """A trial whose every evaluation is its ``x``, trained until it is paused or at its end."""
    if level is not None:
        study.enqueue_trial({"x": level})

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        for step in range(1, STEPS[-1] + 1):
            trial.report(x, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x

    study.optimize(objective, n_trials=1)
    return study.trials[-1]


def test_trial_pauses_at_its_rung() -> None:
    study = create_study()
    paused = run(study, 0.5)
    assert (paused.state, paused.last_step, value_at_rung(paused)) == (TrialState.PRUNED, 5, 0.5)
    go_on(study, paused, 1)
    again = run(study)
    assert (again.state, again.last_step, again.params) == (TrialState.PRUNED, 10, paused.params)
    assert again.user_attrs == {RUNG: 1, CONTINUES: paused.number}
    go_on(study, again, RUNGS.last)
    assert (run(study).state, study.trials[-1].value) == (TrialState.COMPLETE, 0.5)


def test_best_of_two_is_promoted_and_nothing_twice() -> None:
    study = create_study()
    run(study, 0.2)
    assert next_promotion(study.trials, RUNGS) is None
    best = run(study, 0.7)
    assert next_promotion(study.trials, RUNGS) == best
    go_on(study, best, 1)
    assert next_promotion(study.trials, RUNGS) is None, "what waits to go on is promoted already"
    run(study)
    assert next_promotion(study.trials, RUNGS) is None


def test_trial_is_promoted_late_when_others_turn_out_worse() -> None:
    study = create_study()
    run(study, 0.5)
    better = run(study, 0.9)
    go_on(study, better, 1)
    run(study)
    run(study, 0.1)
    run(study, 0.2)
    found = next_promotion(study.trials, RUNGS)
    assert found is not None
    assert found.params == {"x": 0.5}


def test_highest_rung_comes_first() -> None:
    study = create_study()
    for level in (0.1, 0.2, 0.3, 0.4):
        run(study, level)
    for number in (3, 2):
        go_on(study, study.trials[number], 1)
        run(study)
    for level in (0.5, 0.6):
        run(study, level)
    found = next_promotion(study.trials, RUNGS)
    assert found is not None
    assert (rung_of(found), found.params) == (1, {"x": 0.4})


@pytest.mark.parametrize(("failure", "is_taken_up"), [("TrialInterruptedError: x", True), ("ValueError: x", False)])
def test_continuation_that_was_interrupted_can_be_taken_up_again(failure: str, is_taken_up: bool) -> None:
    study = create_study()
    run(study, 0.2)
    best = run(study, 0.7)
    go_on(study, best, 1)
    trial = study.ask()
    trial.set_user_attr(FAILURE, failure)
    study.tell(trial, state=TrialState.FAIL)
    assert next_promotion(study.trials, RUNGS) == (best if is_taken_up else None)


def test_repeated_configuration_counts_once() -> None:
    study = create_study()
    for level in (0.7, 0.7, 0.7, 0.2):
        run(study, level)
    assert [trial.number for trial in paused_trials(study.trials)] == [0, 3]
    go_on(study, study.trials[0], 1)
    run(study)
    assert [trial.params["x"] for trial in waiting_to_go_on(study.trials)] == [0.7, 0.2]
    assert next_promotion(study.trials, RUNGS) is None


def test_every_rung_keeps_its_share() -> None:
    study = create_study()
    levels = itertools.cycle((0.31, 0.72, 0.13, 0.94, 0.55, 0.86, 0.27, 0.68))
    for i in range(60):
        found = next_promotion(study.trials, RUNGS)
        if found is not None:
            go_on(study, found, rung_of(found) + 1)
            run(study)
        else:
            run(study, next(levels) + i / 10_000)
    n_paused = [sum(rung_of(trial) == rung for trial in paused_trials(study.trials)) for rung in (0, 1)]
    n_complete = sum(trial.state == TrialState.COMPLETE for trial in study.trials)
    assert n_paused[0] // 2 == pytest.approx(n_paused[1], abs=1)
    assert n_paused[1] // 2 == pytest.approx(n_complete, abs=1)
    assert max(study.trials, key=lambda trial: trial.params["x"]).params == study.best_params


def reporting(reports: dict[int, float]) -> optuna.trial.FrozenTrial:
    return optuna.trial.create_trial(state=TrialState.PRUNED, intermediate_values=reports, system_attrs={PAUSED: 1})


@pytest.mark.parametrize(
    ("reports", "value"),
    [({5: 3.0}, 3.0), ({6: 2.0, 8: 1.0, 10: 6.0}, 3.0), ({2: 99.0, 5: 99.0, 6: 2.0, 10: 6.0}, 4.0)],
    ids=["first rung", "since the rung before", "in the second half"],
)
def test_what_a_paused_trial_had_reached_is_the_mean_of_its_late_reports(reports, value: float) -> None:
    assert value_at_rung(reporting(reports)) == value


def test_one_high_report_does_not_lead_at_a_rung() -> None:
    lucky, steady = reporting({8: 10.0, 10: 90.0}), reporting({8: 60.0, 10: 70.0})
    lucky.params, steady.params, steady.number = {"x": 0.0}, {"x": 1.0}, 1
    assert paused_trials([lucky, steady]) == [steady, lucky]


def test_value_of_a_trial_that_did_not_pause() -> None:
    with pytest.raises(ValueError, match="did not pause"):
        value_at_rung(optuna.trial.create_trial(state=TrialState.PRUNED))
