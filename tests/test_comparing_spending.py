from __future__ import annotations

import datetime

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.comparing.plan import Plan, Search
from sb3_hpo.comparing.spending import SearchBudget, SpentClock, trace_of

START = datetime.datetime(2026, 1, 1)
SEARCH = Search("random", 0)
BUDGET = SearchBudget.of(Plan(budget=3), 100)


def trial(n_timesteps: int, value: float | None = None, failure: str = "", resumed_at: int = 0) -> FrozenTrial:
    state = TrialState.FAIL if failure else TrialState.PRUNED if value is None else TrialState.COMPLETE
    made = optuna.create_trial(
        state=state,
        value=value,
        user_attrs={
            "runs": [{"n_timesteps": n_timesteps, "resumed_at": resumed_at}],
            "hyperparams": {"value": value},
            "failure": failure,
        },
    )
    made.datetime_start, made.datetime_complete = START, START + datetime.timedelta(seconds=n_timesteps / 10)
    return made


def test_what_is_tried_again_counts_once_and_what_oversteps_its_end_as_a_training() -> None:
    trials = [
        trial(128, 1.0),
        trial(50, failure="TrialInterruptedError: stopped"),
        trial(50, failure="WorkerDiedError: gone"),
        trial(40, failure="ValueError: broken"),
        trial(60, resumed_at=20),
    ]
    assert BUDGET.steps_of(trials) == 100 + 40 + 40
    assert BUDGET.share(trials) == pytest.approx(0.6)
    assert SearchBudget.of(Plan(budget=None, timeout=45.6), 100).share(trials) == pytest.approx(0.5)


def test_what_ended_after_the_budget_was_spent_is_not_in_the_trace() -> None:
    trace, candidates = trace_of(SEARCH, [trial(100, 1.0), trial(50), trial(100, 2.0), trial(100, 9.0)], BUDGET)
    assert [(i.steps, i.seconds, i.score) for i in trace.incumbents] == [(100, 10.0, 1.0), (250, 25.0, 2.0)]
    assert (trace.n_trials, trace.steps) == (3, 250)
    assert [candidates[i.key].configuration for i in trace.incumbents] == [{"value": 1.0}, {"value": 2.0}]


def test_clock_ends_the_search_and_before_that_says_that_a_trial_has_to_be_trained_to_its_end() -> None:
    study = optuna.create_study()
    budget = SearchBudget.of(Plan(budget=10), 100)
    clock, plain = SpentClock(study, budget, closes=True), SpentClock(study, budget, closes=False)
    assert not clock.is_closing
    study.add_trials([trial(100, 1.0)] * 9)
    assert clock.is_closing
    assert not clock.is_over
    study.add_trial(trial(100, 1.0))
    assert clock.is_over
    assert plain.is_over
    assert not plain.is_closing


@pytest.mark.parametrize(
    ("budget", "spent", "is_closing"),
    [(10, 899, False), (10, 900, True), (2, 99, False), (2, 100, True), (1, 49, False)],
)
def test_what_is_kept_for_the_last_training_is_a_whole_one_up_to_half(
    budget: int, spent: int, is_closing: bool
) -> None:
    study = optuna.create_study()
    study.add_trials([trial(min(100, spent - done)) for done in range(0, spent, 100)])
    clock = SpentClock(study, SearchBudget.of(Plan(budget=budget), 100), closes=True)
    assert clock.is_closing is is_closing
    assert not SpentClock(study, SearchBudget.of(Plan(budget=budget), 100), closes=False).is_closing
