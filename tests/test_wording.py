from __future__ import annotations

import pytest

from sb3_hpo.wording import count, duration


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (65, "1 min 05 s"),
        (1200, "20 min 00 s"),
        (7325, "122 min 05 s"),
    ],
)
def test_duration(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(("n", "expected"), [(0, "0 trials"), (1, "1 trial"), (2, "2 trials"), (1234, "1,234 trials")])
def test_count(n: int, expected: str) -> None:
    assert count(n, "trial") == expected
