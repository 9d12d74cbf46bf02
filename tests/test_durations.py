from __future__ import annotations

import argparse

import pytest

from sb3_hpo.durations import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("600", 600.0),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("90s", 90.0),
        ("20m", 1200.0),
        ("1.5h", 5400.0),
        ("1h30m", 5400.0),
        ("2d1s", 172_801.0),
        (" 20M ", 1200.0),
        ("-5", -5.0),  # The settings say what is wrong with it.
    ],
)
def test_what_people_write(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "20 minutes", "20m30", "m", "-20m", "12x", "1,5h"])
def test_anything_else_is_told(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no length of time: write seconds"):
        seconds(text)
