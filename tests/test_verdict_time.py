from __future__ import annotations

from typing import Any

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from sb3_hpo.verdict_time import VerdictTime


def paused(seconds_at: list[float], **attributes: Any) -> FrozenTrial:
    """A trial that was trained for some of 20 evaluations."""
    return create_trial(
        state=TrialState.PRUNED,
        params={"x": 0.5},
        distributions={"x": FloatDistribution(0.0, 1.0)},
        user_attrs={"runs": [{"seconds_at": seconds_at, "planned_evaluations": 20}], **attributes},
    )


OF_DEFAULT = {"origin": "default configuration"}


def told(trials: list[FrozenTrial], seconds: float | None, n_workers: int = 2, n_seeds: int = 10) -> list[str]:
    lines: list[str] = []
    note = VerdictTime(n_seeds, seconds, n_workers, lines.append)
    for trial in trials:
        note.trial_finished(trial)
    return lines


def test_what_is_missing_is_told_once_with_what_to_do() -> None:
    """Two evaluations in 60 s, at 30 s each: a training takes 600 s, and 900 s are kept for validation."""
    lines = told([paused([30.0, 60.0], **OF_DEFAULT)] * 2, 1800.0)
    assert lines == [
        "a training of the default takes about 10 min 00 s: in its half of the time validation can do 2 of the 8 that "
        "it takes to compare two on 4 seeds; shorter trainings (-n) or --timeout 88m would be enough"
    ]


@pytest.mark.parametrize("n_workers", [1, 2, 3, 8, 100])
@pytest.mark.parametrize("n_seeds", [1, 2, 4, 10])
def test_with_the_time_that_it_suggests_nothing_is_missing(n_workers: int, n_seeds: int) -> None:
    """First for the comparison, then in all."""
    trials = [paused([30.0, 60.0], **OF_DEFAULT)]
    (line,) = told(trials, 300.0, n_workers, n_seeds)
    n_compared = min(4, n_seeds)
    missing = f"of the {2 * n_compared} that it takes to compare two on {n_compared} seed"
    assert f"validation can do none {missing}" in line
    seconds = suggested(line)
    assert missing in told(trials, seconds / 1.3, n_workers, n_seeds)[0]
    lines = told(trials, seconds, n_workers, n_seeds)
    assert len(lines) == (n_workers * seconds < 40 * 600.0)
    if lines:
        (line,) = lines
        assert f"the time is worth {int(n_workers * seconds / 600.0)} of them, and runs worth less than 40" in line
        seconds = suggested(line)
        assert told(trials, seconds / 1.3, n_workers, n_seeds)
    assert not told(trials, seconds, n_workers, n_seeds)


def test_what_the_time_is_worth_is_told_where_it_is_little() -> None:
    """Trainings of ten minutes, 38 of them in two workers."""
    trials = [paused([30.0, 60.0], **OF_DEFAULT)]
    assert told(trials, 11_400.0) == [
        "a training of the default takes about 10 min 00 s: the time is worth 38 of them, and runs worth less than 40 "
        "often find nothing that holds; shorter trainings (-n) or --timeout 221m would be enough"
    ]
    assert not told(trials, 12_000.0)


def test_what_it_costs_once_it_learns_is_told_when_it_goes_on() -> None:
    """Before its first gradient step a training costs next to nothing."""
    first, again = paused([0.1, 0.2], **OF_DEFAULT), paused([0.1, 0.2, 30.2, 60.2])
    other = paused([30.0, 60.0])
    other.params = {"x": 0.1}
    assert not told([first, other], 1800.0)
    (line,) = told([first, other, again, again], 1800.0)
    assert "a training of the default takes about 9 min 00 s: in its half" in line


def suggested(line: str) -> float:
    """Seconds."""
    return 60.0 * float(line.partition("--timeout ")[2].partition("m ")[0])


@pytest.mark.parametrize(
    ("trials", "seconds", "n_seeds"),
    [
        ([paused([30.0, 60.0], **OF_DEFAULT)], None, 10),  # Nothing limits it.
        ([paused([30.0, 60.0], **OF_DEFAULT)], 1.0, 0),  # No validation was asked for.
        ([paused([3000.0, 6000.0])], 60.0, 10),  # What another configuration costs says nothing of the default.
        ([paused([], **OF_DEFAULT)], 60.0, 10),
        ([paused([1.0, 2.0], **OF_DEFAULT)], 600.0, 10),
        ([], 60.0, 10),
    ],
)
def test_else_nothing_is_told(trials: list[FrozenTrial], seconds: float | None, n_seeds: int) -> None:
    assert told(trials, seconds, n_seeds=n_seeds) == []


def test_it_goes_by_the_pace_of_a_training_that_has_begun_to_learn() -> None:
    """10 s before the first gradient step, then 60 s an evaluation: about 20 minutes."""
    (line,) = told([paused([10.0, 70.0], **OF_DEFAULT)], 1800.0)
    assert "about 19 min 10 s" in line
