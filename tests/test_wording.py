from __future__ import annotations

import pytest

from sb3_hpo.wording import count, duration, long_duration, one_decimal


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


@pytest.mark.parametrize(
    ("value", "expected"), [(1.25, "1.2"), (-1e-14, "0.0"), (-0.04, "0.0"), (-0.06, "-0.1"), (499.96, "500.0")]
)
def test_one_decimal(value: float, expected: str) -> None:
    assert one_decimal(value) == expected


@pytest.mark.parametrize(("n", "expected"), [(0, "0 trials"), (1, "1 trial"), (2, "2 trials"), (1234, "1,234 trials")])
def test_count(n: int, expected: str) -> None:
    assert count(n, "trial") == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.5, "0 seconds"),
        (1, "1 second"),
        (119, "1 minute"),
        (600, "10 minutes"),
        (7200, "2 hours"),
        (86_400 * 364, "364 days"),
        (600 * 10**10, "190,258 years"),
    ],
)
def test_long_duration(seconds: float, expected: str) -> None:
    assert long_duration(seconds) == expected
