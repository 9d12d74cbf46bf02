from __future__ import annotations

import numpy as np

from sb3_hpo.tables.purse import Purse, TimedPurse


def test_purse_pays_once_for_what_has_a_checkpoint() -> None:
    training = (0, 0)
    for keeps_from, reached in ((None, 0), (0, 6), (5, 6), (7, 0)):
        purse = Purse(10, keeps_from)
        assert all(purse.pay(training, n) for n in range(1, 7))
        assert (purse.spent, purse.left, purse.reached(training)) == (6, 4, reached)
        assert not purse.pay(training, 11, cost=5)
        assert purse.is_empty
        assert purse.spent == 6


def test_time_is_that_of_what_is_paid_for() -> None:
    times = np.arange(1.0, 11.0)[None, None] ** 2
    purse = TimedPurse(9, 0, times)
    assert all(purse.pay((0, 0), n) for n in (1, 2, 3))
    assert purse.seconds == 9.0
    assert purse.pay((0, 0), 5, cost=2)
    assert purse.seconds == 25.0
    assert not purse.pay((0, 0), 10, cost=5)
    assert purse.seconds == 25.0
    assert purse.pay((0, 0), 5, cost=0)
    assert purse.seconds == 25.0
    untimed = TimedPurse(9, 0, None)
    assert untimed.pay((0, 0), 1)
    assert untimed.seconds == 0.0
