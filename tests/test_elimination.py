from __future__ import annotations

import numpy as np
import pytest

from sb3_hpo.elimination import is_clearly_worse


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("scores", "leader", "expected"),
    [
        ([1, 2, 3], [8, 9, 7], True),
        ([1, 2, 7.5], [8, 9, 7], False),
        ([8, 9, 7], [1, 2, 3], False),
        ([500] * 5, [500] * 5, False),
        # Two are too few, whoever has them.
        ([1, 1], [9, 9, 9], False),
        ([1, 1, 1], [9, 9], False),
        ([1, 2, 3], [8, 9, 7, 9, 8], True),
    ],
)
def test_only_what_is_clearly_worse_is_out(scores: list[float], leader: list[float], expected: bool) -> None:
    assert is_clearly_worse(scores, leader, generator()) == expected


def test_one_that_is_as_good_as_the_leader_is_seldom_out() -> None:
    draws = np.random.default_rng(6)
    n_out = 0
    for _ in range(200):
        both = sorted((draws.normal(size=5), draws.normal(size=5)), key=np.mean)
        n_out += is_clearly_worse(both[0], both[1], draws)
    assert n_out < 20
