"""Workers that step through their trials in every order: the budget is never overshot, and always used up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from sb3_hpo.budget import FINISHED, Budget
from sb3_hpo.retries import hand_back
from sb3_hpo.trial_attributes import COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TURNS = 400


def worker(study: optuna.Study, budget: Budget, ends: Iterator[str]) -> Iterator[None]:
    """What a worker does, with a pause wherever others may do something."""
    while not budget.is_used_up():
        yield
        if not budget.has_room():
            continue
        yield
        trial = study.ask()
        number = trial.number
        yield
        trial.set_user_attr(COMMAND, budget.command)
        yield
        if not budget.admits(number):
            yield
            study.tell(trial, state=TrialState.FAIL)
            hand_back(study, study.trials[number])
            continue
        yield
        trial.suggest_float("x", 0.0, 1.0)
        yield
        end = next(ends)
        if end == "dies":
            # Another one finds it dead, later: its parameters are tried again.
            yield
            study.tell(trial, state=TrialState.FAIL)
            yield
            hand_back(study, study.trials[number])
        elif end == "fails":
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, *((1.0,) if end == "complete" else ()), state=STATES[end])


STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}

ENDS = st.sampled_from(["complete", "complete", "pruned", "fails", "dies"])


@settings(max_examples=60)
@given(
    turns=st.lists(st.integers(0, 3), max_size=MAX_TURNS),
    ends=st.lists(ENDS, max_size=12),
    n=st.integers(1, 6),
    is_total=st.booleans(),
    n_before=st.integers(0, 2),
)
def test_no_order_of_events_overshoots_or_leaves_trials_undone(
    turns: list[int], ends: list[str], n: int, is_total: bool, n_before: int
) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(n_before):
        study.add_trial(create_trial(value=0.0, user_attrs={COMMAND: "earlier"}))
    study.enqueue_trial({"x": 0.5})
    budget = Budget(study, "this", None if is_total else n, n + n_before if is_total else None)
    how = iter([*ends, *["complete"] * 1000])
    workers = [worker(study, budget, how) for _ in range(4)]
    for index in [*turns, *list(range(4)) * 200]:
        next(workers[index], None)
        assert n_finished(study) <= n + n_before
    assert n_finished(study) == n + n_before
    assert not study.get_trials(states=(TrialState.RUNNING,))


def n_finished(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=FINISHED))


@pytest.fixture
def two_commands(study: optuna.Study) -> optuna.Study:
    for command, state in [("a", TrialState.COMPLETE), ("b", TrialState.PRUNED), ("a", TrialState.FAIL)]:
        value = 1.0 if state == TrialState.COMPLETE else None
        study.add_trial(create_trial(state=state, value=value, user_attrs={COMMAND: command}))
    return study


@pytest.mark.parametrize(
    ("command", "n_trials", "max_total_trials", "is_used_up"),
    [
        ("a", 1, None, True),
        ("a", 2, None, False),
        ("b", 1, None, True),
        ("c", 1, None, False),
        ("c", None, 2, True),
        ("c", None, 3, False),
        ("c", 5, 2, True),
        ("a", None, None, False),
    ],
)
def test_complete_and_pruned_trials_of_the_command_or_of_all_count(
    two_commands: optuna.Study, command: str, n_trials: int | None, max_total_trials: int | None, is_used_up: bool
) -> None:
    budget = Budget(two_commands, command, n_trials, max_total_trials)
    assert budget.is_used_up() == is_used_up
    assert budget.has_room() == (not is_used_up)


def test_a_running_trial_takes_a_place_and_an_older_one_goes_first(study: optuna.Study) -> None:
    budget = Budget(study, "a", 1, None)
    first, second = study.ask(), study.ask()
    assert not budget.has_room()
    assert [budget.admits(first.number), budget.admits(second.number)] == [True, False]
    study.tell(first, state=TrialState.FAIL)
    assert budget.admits(second.number)
