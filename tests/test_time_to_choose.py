from __future__ import annotations

import pytest

from sb3_hpo.interruption import Deadline
from sb3_hpo.time_to_choose import TimeToChoose
from sb3_hpo.validation_plan import ValidationPlan

PLAN = ValidationPlan(n_finalists=3, n_selection_trainings=6, n_seeds=2)
"""Of ten trainings six choose, and four compare."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands until its one element is changed."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_it_ends_when_what_is_left_belongs_to_the_comparison(clock: list[float]) -> None:
    choosing = TimeToChoose(Deadline(100.0), PLAN, lambda: [(2, None), (2, None)])
    assert choosing.seconds_left == pytest.approx(60.0)
    clock[0] = 59.0
    assert not choosing.is_over
    clock[0] = 60.0
    assert choosing.is_over


def test_what_is_compared_already_is_not_lost_to_the_choice(clock: list[float]) -> None:
    n_judging = [4]
    choosing = TimeToChoose(Deadline(100.0), PLAN, lambda: [(n_judging[0], None)])
    clock[0] = 60.0
    n_judging[0] = 2
    assert choosing.seconds_left == pytest.approx(20.0)
    clock[0] = 80.0
    assert choosing.is_over


def test_without_a_limit_it_never_ends_and_without_time_at_once() -> None:
    unlimited = TimeToChoose(Deadline(None), PLAN, lambda: [(2, None), (2, None)])
    assert unlimited.seconds_left is None
    assert not unlimited.is_over
    assert TimeToChoose(Deadline(0.0), PLAN, lambda: [(2, None), (2, None)]).is_over
    assert TimeToChoose(Deadline(100.0), ValidationPlan(0, 0, 0), list).seconds_left == pytest.approx(100.0, abs=1)


def test_what_takes_longer_than_planned_gets_the_time_that_it_takes(clock: list[float]) -> None:
    """Ten seconds each were planned; two trainings of 30 s are left, in two workers, and one that took but 4 s."""
    left = [(2, 30.0), (1, 4.0)]
    assert TimeToChoose(Deadline(100.0), PLAN, lambda: left, 2).seconds_left == pytest.approx(100.0 - 2 * 15.0 - 10.0)
    assert TimeToChoose(Deadline(100.0), PLAN, lambda: left).seconds_left == pytest.approx(100.0 - 2 * 30.0 - 10.0)
