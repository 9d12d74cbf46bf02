from __future__ import annotations

from typing import Any

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from sb3_hpo.interruption import Deadline
from sb3_hpo.search_clock import SearchClock
from sb3_hpo.settings import TuningSettings
from sb3_hpo.training_seconds import TrainingSeconds

DEFAULT, OTHER, BETTER = 0.1, 0.2, 0.3


def ended(x: float, value: float | None, seconds: float, n_done: int = 10, **attributes: Any) -> FrozenTrial:
    """A trial that came to evaluation ``n_done`` of 10, complete if it has a value."""
    run = {
        "seconds": seconds,
        "planned_evaluations": 10,
        "returns": [[0.0]] * n_done,
        "timesteps": list(range(1, 1 + n_done)),
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
