from __future__ import annotations

from typing import Any

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from sb3_hpo.interruption import Deadline
from sb3_hpo.search_clock import SearchClock
from sb3_hpo.settings import TuningSettings
from sb3_hpo.training_seconds import TrainingSeconds, seconds_of_default, seconds_of_whole_training

DEFAULT, OTHER, BETTER = 0.1, 0.2, 0.3


def ended(x: float, value: float | None, seconds: float, n_done: int = 10, **attributes: Any) -> FrozenTrial:
    """A trial that came to evaluation ``n_done`` of 10, complete if it has a value."""
    run = {
        "seconds": seconds,
        "planned_evaluations": 10,
        "returns": [[0.0]] * n_done,
        "timesteps": list(range(1, 1 + n_done)),
        "seconds_at": [seconds * i / n_done for i in range(1, 1 + n_done)],
    }
    return create_trial(
        state=TrialState.PRUNED if value is None else TrialState.COMPLETE,
        value=value,
        params={"x": x},
        distributions={"x": FloatDistribution(0.0, 1.0)},
        user_attrs={"runs": [run], **attributes},
    )


OF_DEFAULT = {"origin": "default configuration"}


@pytest.mark.parametrize(
    ("trials", "of_default", "of_best"),
    [
        ([], None, None),
        ([ended(OTHER, None, 1.0, 5)], 2.0, 2.0),
        ([ended(DEFAULT, None, 1.0, 1, **OF_DEFAULT)], 10.0, 10.0),
        # What the default took further on says more, and it need not be complete.
        ([ended(DEFAULT, None, 1.0, 1, **OF_DEFAULT), ended(DEFAULT, None, 4.0, 5), ended(OTHER, 1.0, 3.0)], 8.0, 3.0),
        # Of complete ones the best counts, not the last; the others only as long as there is none.
        ([ended(OTHER, 1.0, 3.0), ended(BETTER, 2.0, 50.0), ended(OTHER, 1.0, 4.0)], 50.0, 50.0),
        ([ended(OTHER, 1.0, 3.0), ended(BETTER, None, 50.0, 5)], 3.0, 3.0),
        ([ended(OTHER, 1.0, 3.0), ended(DEFAULT, 0.5, 9.0, **OF_DEFAULT)], 9.0, 3.0),
    ],
)
def test_what_whole_trainings_take(trials: list[FrozenTrial], of_default: float | None, of_best: float | None) -> None:
    seconds = TrainingSeconds()
    for trial in trials:
        seconds.learn_from(trial)
    assert (seconds.of_default, seconds.of_best) == (of_default, of_best)


def test_a_costly_winner_takes_its_time_from_the_search_and_a_cheap_default_gives_it_back() -> None:
    clock = SearchClock(TuningSettings(n_finalists=1, n_validation_seeds=5), Deadline(1000.0))
    clock.learn_from(ended(DEFAULT, 1.0, 2.0, **OF_DEFAULT))
    assert clock.seconds_left == pytest.approx(1000 - 5 * (2 + 2), abs=1)
    clock.learn_from(ended(BETTER, 2.0, 40.0))
    assert clock.seconds_left == pytest.approx(1000 - 5 * (2 + 40), abs=1)


@pytest.mark.parametrize(
    ("run", "seconds"),
    [
        ({"seconds": 3.0, "planned_evaluations": 20}, None),
        ({"seconds": 3.0, "seconds_at": [], "planned_evaluations": 20}, None),
        ({"seconds": 3.0, "seconds_at": [1.0, 2.0, 3.0], "planned_evaluations": 20}, 20.0),
        ({"seconds": 9.0, "seconds_at": [3.0, 6.0, 9.0], "planned_evaluations": 3}, 9.0),
        # Two seconds before its first step are not there again for each part of it.
        ({"seconds": 5.0, "seconds_at": [1.0, 2.0, 3.0], "planned_evaluations": 20}, 22.0),
        # Nothing was learned in the first half: the pace is that of the second one.
        ({"seconds": 2.0, "seconds_at": [0.0, 0.0, 1.0, 2.0], "planned_evaluations": 8}, 6.0),
        # What went on at the second evaluation had cost 2 s by then; its own time is that of the rest.
        (
            {
                "seconds": 4.5,
                "resumed_at": 20,
                "timesteps": [10, 20, 30, 40],
                "seconds_at": [1.0, 2.0, 4.0, 6.0],
                "planned_evaluations": 6,
            },
            10.5,
        ),
    ],
)
def test_what_a_whole_training_takes_follows_from_one_that_ended_early(run: dict[str, Any], seconds: float) -> None:
    assert seconds_of_whole_training(run) == seconds


@pytest.mark.parametrize(
    ("trials", "seconds"),
    [
        ([], None),
        ([ended(OTHER, 1.0, 3.0)], None),
        ([ended(DEFAULT, None, 1.0, 1, **OF_DEFAULT), ended(OTHER, 1.0, 3.0), ended(DEFAULT, None, 4.0, 5)], 8.0),
        ([ended(DEFAULT, None, 4.0, 5, **OF_DEFAULT), ended(DEFAULT, None, 0.0, 0)], 8.0),
    ],
)
def test_what_the_default_takes_is_known_from_where_it_came_furthest(
    trials: list[FrozenTrial], seconds: float | None
) -> None:
    assert seconds_of_default(trials) == seconds
    known = TrainingSeconds()
    for trial in trials:
        known.learn_from(trial)
    assert known.of_trained_default == seconds
