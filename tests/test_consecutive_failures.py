from __future__ import annotations

import contextlib

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from sb3_hpo.consecutive_failures import ConsecutiveFailures, ConsecutiveFailuresError
from sb3_hpo.trial_attributes import FAILURE

LIMIT = 3

ENDS = {
    "c": (TrialState.COMPLETE, None),
    "p": (TrialState.PRUNED, None),
    "f": (TrialState.FAIL, "OSError: the simulator broke down"),
    "i": (TrialState.FAIL, "TrialInterruptedError: stopped"),
    "l": (TrialState.FAIL, "WorkerDiedError: no sign of it for 180 s"),
}


def ended(letter: str) -> FrozenTrial:
    """A trial that was (c)omplete, (p)runed, (f)ailed, (i)nterrupted or (l)ost with its worker."""
    state, failure = ENDS[letter]
    attributes = {} if failure is None else {FAILURE: failure}
    return create_trial(state=state, value=1.0 if state == TrialState.COMPLETE else None, user_attrs=attributes)


@pytest.mark.parametrize(
    ("ends", "too_many"),
    [
        ("ff", False),
        ("fff", True),
        ("ffcf", False),
        ("ffpf", False),
        ("fifif", True),
        ("iiiii", False),
        # One machine is gone, and with it all that it ran: the copies wait in the queue.
        ("llllllll", False),
        ("ffl", False),
        # Neither does a lost worker say that the trials before it were no failures.
        ("flflf", True),
        ("fflc", False),
    ],
)
def test_failures_in_a_row_are_those_of_trials_that_had_a_worker_to_the_end(ends: str, too_many: bool) -> None:
    failures = ConsecutiveFailures(LIMIT)
    for letter in ends:
        failures.count(ended(letter))
    expected = pytest.raises(ConsecutiveFailuresError, match=r"3 trials in a row failed(.|\n)*the simulator broke down")
    with expected if too_many else contextlib.nullcontext():
        failures.check()
