from __future__ import annotations

import os
import signal
import time
import uuid
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from sb3_hpo.choice_size import ChoiceSize
from sb3_hpo.consecutive_failures import ConsecutiveFailuresError
from sb3_hpo.interruption import Deadline, StopSignal
from sb3_hpo.objective import Objective
from sb3_hpo.promotion import PausingPruner, Rungs, go_on
from sb3_hpo.search import search
from sb3_hpo.search_clock import SearchClock
from sb3_hpo.settings import TuningSettings
from sb3_hpo.study_callbacks import CallbackFailedError, NamedCallback
from sb3_hpo.trial_attributes import FAILURE, RUNS, TrialInterruptedError, was_interrupted
from sb3_hpo.trial_counts import TrialCounts
from tests.study_callbacks import fail, stop_after_two
from tests.tasks import SPACE, FailingStep, FakeTask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sb3_hpo.study_callbacks import StudyCallback


def outcomes(ends: str) -> Callable[[optuna.Trial], float]:
    """An objective whose trials end as the letters say: (c)omplete, (p)runed, (f)ailed, (i)nterrupted."""
    letters = iter(ends)

    def objective(trial: optuna.Trial) -> float:
        end = next(letters)
        if end == "p":
            raise optuna.TrialPruned
        if end in "fi":
            error: Exception = ValueError(f"trial {trial.number} broke") if end == "f" else TrialInterruptedError("x")
            trial.set_user_attr(FAILURE, f"{type(error).__name__}: {error}")
            raise error
        return 1.0

    return objective


def run(
    study: optuna.Study,
    objective: Any,
    *,
    stop: StopSignal | None = None,
    seconds: float | None = None,
    callbacks: Sequence[StudyCallback] = (),
    **options: Any,
) -> list[FrozenTrial]:
    """Search, and return the trials that were told of."""
    told: list[FrozenTrial] = []
    settings = TuningSettings(**options)
    clock = SearchClock(settings, Deadline(seconds))
    search(study, objective, settings, stop or StopSignal(), clock, told.append, uuid.uuid4().hex, callbacks)
    return told


@pytest.mark.parametrize(
    ("ends", "options", "counts"),
    [
        ("ccc", {"n_trials": 3}, (3, 0, 0)),
        ("cpp", {"n_trials": 3}, (1, 2, 0)),
        ("cfpffc", {"n_trials": 3}, (2, 1, 3)),
        ("cfp", {"max_total_trials": 2}, (1, 1, 1)),
        ("ccc", {"n_trials": 9, "max_total_trials": 3}, (3, 0, 0)),
        ("cc", {"n_trials": 2, "max_total_trials": 9}, (2, 0, 0)),
    ],
)
def test_budget_is_spent_exactly(study: optuna.Study, ends: str, options: dict, counts: tuple) -> None:
    told = run(study, outcomes(ends), **options)
    assert TrialCounts.of(study) == TrialCounts(*counts)
    assert [trial.number for trial in told] == list(range(len(ends)))


@pytest.mark.parametrize(
    ("options", "n_more"),
    [
        ({"n_trials": 2}, 2),
        ({"max_total_trials": 5}, 2),
        ({"max_total_trials": 3}, 0),
        ({"max_total_trials": 1}, 0),
        ({"n_trials": 1, "max_total_trials": 5}, 1),
    ],
)
def test_resumed_study_counts_its_own_trials_or_all_of_them(study: optuna.Study, options: dict, n_more: int) -> None:
    run(study, outcomes("fcpc"), n_trials=3)
    assert len(run(study, outcomes("c" * 9), **options)) == n_more


def test_failing_trials_in_a_row_end_the_study_with_the_last_error(study: optuna.Study) -> None:
    with pytest.raises(ConsecutiveFailuresError, match=r"3 trials in a row failed, the last one, trial 4(.|\n)*broke"):
        run(study, outcomes("ccfff"), n_trials=9, max_consecutive_failures=3)
    assert TrialCounts.of(study) == TrialCounts(complete=2, pruned=0, failed=3)


@pytest.mark.parametrize("between", ["c", "p"])
def test_failures_with_a_finished_trial_between_are_not_in_a_row(study: optuna.Study, between: str) -> None:
    run(study, outcomes(f"ff{between}ff{between}"), n_trials=2, max_consecutive_failures=3)
    assert TrialCounts.of(study).failed == 4


def test_last_failure_that_also_ends_the_budget_is_told(study: optuna.Study) -> None:
    with pytest.raises(ConsecutiveFailuresError):
        run(study, outcomes("f"), n_trials=1, max_consecutive_failures=1)


def test_interrupted_trial_is_neither_a_failure_nor_part_of_the_budget(study: optuna.Study) -> None:
    told = run(study, outcomes("ciifc"), n_trials=2, max_consecutive_failures=2)
    assert TrialCounts.of(study) == TrialCounts(complete=2, pruned=0, failed=1)
    assert [was_interrupted(trial) for trial in told] == [False, True, True, False, False]


def test_callbacks_are_called_once_for_each_trial_that_ended_in_order(study: optuna.Study) -> None:
    seen: list[tuple[str, int, str]] = []
    callbacks = [
        NamedCallback(name, lambda study, trial, name=name: seen.append((name, trial.number, trial.state.name)))
        for name in "ab"
    ]
    told = run(study, outcomes("cfipc"), n_trials=3, callbacks=callbacks)
    assert [trial.state.name for trial in told] == ["COMPLETE", "FAIL", "FAIL", "PRUNED", "COMPLETE"]
    ended = [(0, "COMPLETE"), (1, "FAIL"), (3, "PRUNED"), (4, "COMPLETE")]
    assert seen == [(name, *trial) for trial in ended for name in "ab"]


def test_a_callback_may_stop_the_search(study: optuna.Study) -> None:
    run(study, outcomes("c" * 9), n_trials=9, callbacks=[NamedCallback("stop", stop_after_two)])
    assert len(study.trials) == 2
    # That command only: the study goes on with another.
    assert len(run(study, outcomes("c" * 9), n_trials=3)) == 3


def test_a_callback_that_raises_ends_the_search_and_the_trial_counts(study: optuna.Study) -> None:
    with pytest.raises(CallbackFailedError, match="callback 'mine' raised after trial 0, which is kept: ValueError"):
        run(study, outcomes("c" * 9), n_trials=9, callbacks=[NamedCallback("mine", fail)])
    assert TrialCounts.of(study) == TrialCounts(complete=1, pruned=0, failed=0)


def test_a_sampler_that_has_nothing_left_is_not_taken_for_a_callback_that_stops(study: optuna.Study) -> None:
    study.sampler = _Exhausted()
    run(study, outcomes("cc"), n_trials=2)
    assert not [key for key in study.user_attrs if key.startswith("stop:")]


class _Exhausted(optuna.samplers.RandomSampler):
    """Ends Optuna's loop after every trial, as samplers do that have nothing left."""

    def after_trial(self, study: optuna.Study, *args: Any) -> None:
        study.stop()


def test_failing_environment_fails_its_trial_and_the_search_goes_on(study: optuna.Study) -> None:
    wrappers = iter([FailingStep, lambda env: env])
    task = FakeTask(wrapper=lambda env: next(wrappers)(env))
    settings = TuningSettings(n_evaluations=1, n_eval_episodes=1)
    told = run(study, Objective(task, SPACE, settings, [1]), n_trials=1)
    assert [trial.state for trial in told] == [TrialState.FAIL, TrialState.COMPLETE]
    assert told[0].user_attrs[FAILURE].startswith("OSError: the simulator")


def test_environment_that_always_fails_ends_the_search_with_its_traceback(study: optuna.Study) -> None:
    settings = TuningSettings(n_evaluations=1, n_eval_episodes=1)
    objective = Objective(FakeTask(wrapper=FailingStep), SPACE, settings, [1])
    with pytest.raises(ConsecutiveFailuresError, match=r"(?s)Traceback.*the simulator\nbroke down"):
        run(study, objective, n_trials=9, max_consecutive_failures=2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_search_within_the_training(study: optuna.Study, task: FakeTask, number: int) -> None:
    settings = TuningSettings(n_evaluations=1, n_eval_episodes=1)
    with StopSignal() as stop:
        objective = Objective(task, SPACE, settings, [1], interrupted=lambda: stop.is_pending)

        def interrupted_in_the_second_trial(trial: optuna.Trial) -> float:
            if trial.number == 1:
                os.kill(os.getpid(), number)
            return objective(trial)

        told = run(study, interrupted_in_the_second_trial, stop=stop, n_trials=9)
    assert [trial.state for trial in told] == [TrialState.COMPLETE, TrialState.FAIL]
    assert told[1].user_attrs[RUNS][0]["n_timesteps"] == 1
    assert TrialCounts.of(study) == TrialCounts(complete=1, pruned=0, failed=0)


def test_search_ends_when_its_time_is_over(study: optuna.Study) -> None:
    assert run(study, outcomes(""), seconds=0.0, n_trials=9) == []
    told = run(study, outcomes("c" * 100_000), seconds=0.2, n_validation_seeds=0)
    assert 1 <= len(told) < 100_000


def complete(*seconds: float, state: TrialState = TrialState.COMPLETE) -> FrozenTrial:
    attrs = {RUNS: [{"seconds": s, "seconds_at": [s], "planned_evaluations": 1} for s in seconds]}
    return create_trial(state=state, value=1.0 if state == TrialState.COMPLETE else None, user_attrs=attrs)


@pytest.mark.parametrize(
    ("options", "trials", "search_seconds"),
    [
        # Nothing known yet: half the time is kept for validation.
        ({}, [], 50),
        # (16 selection trainings + 2 * 10 validation seeds) * the longest training of the best trial: 16 are a fifth of
        # the 80 that search and choice take together.
        ({}, [complete(0.5, 1.0)], 64),
        # A fifth of 180 choose.
        ({}, [complete(9.0), complete(0.5)], 72),
        # A fifth of 990 would; 60 do at most.
        ({}, [complete(0.1)], 92),
        ({"n_finalists": 8}, [complete(0.5)], 82.5),
        ({}, [complete(9.0)], 50),
        # One more training than two rounds of two would compare with nothing.
        ({}, [complete(1.5)], 52),
        ({"n_validation_seeds": 4}, [complete(4.0)], 52),
        ({"n_finalists": 1, "n_validation_seeds": 5}, [complete(1.0)], 90),
        ({"n_validation_seeds": 0}, [], 100),
        ({"n_validation_seeds": 0}, [complete(1.0)], 100),
        # A training that ended early says nothing about how long one takes, once there was a whole one.
        ({}, [complete(1.0), complete(0.1, state=TrialState.PRUNED)], 64),
        ({}, [complete(1.0), complete(0.1, state=TrialState.FAIL)], 64),
        ({}, [complete(0.1, state=TrialState.PRUNED)], 92),
    ],
)
def test_search_leaves_validation_its_time(options: dict, trials: list[FrozenTrial], search_seconds: float) -> None:
    clock = SearchClock(TuningSettings(**options), Deadline(100.0))
    for trial in trials:
        clock.learn_from(trial)
    assert clock.seconds_left == pytest.approx(search_seconds, abs=1.0)
    assert not clock.is_over


@pytest.mark.parametrize(
    ("options", "seconds", "search_seconds", "at_ceiling"),
    [
        # 16 to choose, 20 to judge; then 28 to choose.
        ({}, 1.0, 64, 52),
        # 35 seconds to choose are for four rounds of two, 80 to judge, 75 in all.
        ({}, 4.0, 50, 25),
        ({"n_validation_seeds": 4}, 1.0, 74, 68),
        ({"n_validation_seeds": 0}, 1.0, 100, 100),
        # There is nothing to choose among.
        ({"n_finalists": 1}, 4.0, 50, 50),
    ],
)
def test_what_the_scores_do_not_tell_apart_is_left_to_validation(
    options: dict, seconds: float, search_seconds: float, at_ceiling: float
) -> None:
    clock = SearchClock(TuningSettings(**options), Deadline(100.0))
    for x, expected in ((1.0, search_seconds), (2.0, search_seconds), (3.0, at_ceiling)):
        trial = complete(seconds)
        trial.params, trial.intermediate_values = {"x": x}, {1: 0.5, 4: trial.value}
        clock.learn_from(trial)
        assert clock.seconds_left == pytest.approx(expected, abs=1.0)
    assert clock.is_at_ceiling == (options.get("n_validation_seeds") != 0 and options.get("n_finalists") != 1)


def test_a_search_that_a_ceiling_has_ended_says_so_whatever_ends_afterwards() -> None:
    clock = SearchClock(TuningSettings(), deadline := Deadline(100.0))
    for x in (1.0, 2.0, 3.0):
        trial = complete(2.0)
        trial.params, trial.intermediate_values = {"x": x}, {1: 0.5, 4: 1.0}
        clock.learn_from(trial)
    assert not clock.is_over
    assert not clock.ended_at_ceiling
    deadline._end = time.monotonic() + 60.0
    assert clock.is_over
    cheap = complete(0.1)
    cheap.params, cheap.intermediate_values = {"x": 4.0}, {1: 0.5, 4: 1.0}
    clock.learn_from(cheap)
    assert not clock.is_over
    assert clock.ended_at_ceiling
    assert clock.choice_size == ChoiceSize(32, 20, 60)


def test_a_search_that_time_has_ended_leaves_the_choice_what_was_kept_for_it() -> None:
    clock = SearchClock(TuningSettings(), deadline := Deadline(100.0))
    clock.learn_from(complete(0.5))
    assert clock.choice_size is None
    deadline._end = time.monotonic() + 28.0
    assert clock.choice_size == ChoiceSize(19, 12, 36)


def test_search_without_a_limit_is_never_over() -> None:
    clock = SearchClock(TuningSettings(n_trials=1), Deadline(None))
    clock.learn_from(complete(1e9))
    assert clock.seconds_left is None
    assert not clock.is_over


@pytest.mark.parametrize("end", ["c", "p", "f"])
def test_what_a_worker_that_was_taken_for_dead_finds_does_not_count(study: optuna.Study, end: str) -> None:
    found = outcomes(end + "cc")

    def objective(trial: optuna.Trial) -> float:
        if trial.number == 0:
            study._storage.set_trial_user_attr(trial._trial_id, FAILURE, "WorkerDiedError: no heartbeat")
            study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        return found(trial)

    told = run(study, objective, n_trials=2)
    assert [trial.state.name for trial in study.trials] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert [trial.number for trial in told] == [1, 2]


def test_a_trial_that_another_one_forestalled_is_not_handed_back() -> None:
    rungs = Rungs((1, 2))
    study = optuna.create_study(direction="maximize", pruner=PausingPruner(rungs))

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("x", 0.0, 1.0)
        for step in (1, 2):
            trial.report(1.0, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return 1.0

    run(study, objective, n_trials=1)
    # Two workers promote it at the same instant.
    for _ in range(2):
        go_on(study, study.trials[0], 1)
    run(study, objective, n_trials=2, n_finalists=1)
    states = [trial.state for trial in study.trials]
    assert states == [TrialState.PRUNED, TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED]
    assert study.trials[2].user_attrs[FAILURE].startswith("NotAdmittedError: another trial goes on")


def test_before_validation_there_is_time_to_train_finalists_to_the_end() -> None:
    clock = SearchClock(TuningSettings(n_finalists=2, n_validation_seeds=0), deadline := Deadline(100.0), n_workers=1)
    assert not clock.is_closing
    clock.learn_from(complete(10.0))
    for left, is_closing in ((21.0, False), (19.0, True)):
        deadline._end = time.monotonic() + left
        assert clock.is_closing is is_closing


@pytest.mark.parametrize(("n_workers", "kept"), [(1, 24.0), (2, 12.0)])
def test_a_final_trains_every_tuning_seed_one_after_the_other(n_workers: int, kept: float) -> None:
    settings = TuningSettings(n_finalists=2, n_seeds=3, n_validation_seeds=0)
    clock = SearchClock(settings, deadline := Deadline(100.0), n_workers)
    clock.learn_from(complete(4.0, 4.0, 4.0))
    for left, is_closing in ((kept + 0.5, False), (kept - 0.5, True)):
        deadline._end = time.monotonic() + left
        assert clock.is_closing is is_closing


def test_the_time_for_finals_has_an_end_with_any_number_of_seeds() -> None:
    settings = TuningSettings(n_finalists=2, n_seeds=10, n_validation_seeds=0)
    clock = SearchClock(settings, deadline := Deadline(100.0), n_workers=1)
    clock.learn_from(complete(4.0))
    for left, is_closing in ((25.5, False), (24.5, True)):
        deadline._end = time.monotonic() + left
        assert clock.is_closing is is_closing
