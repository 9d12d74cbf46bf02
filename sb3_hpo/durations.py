"""Lengths of time as people write them on a command line."""

from __future__ import annotations

import argparse
import re

_UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_PARTS = re.compile(r"(?:\d+(?:\.\d+)?[dhms])+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)([dhms])", re.ASCII)


def seconds(text: str) -> float:
    """Seconds from what was written: a number of them, or parts with units.

    >>> seconds("90"), seconds("20m"), seconds("1h30m")
    (90.0, 1200.0, 5400.0)

    :raises argparse.ArgumentTypeError: if it is neither
    """
    written = text.strip().lower()
    if _PARTS.fullmatch(written):
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(written))
    try:
        return float(written)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no length of time: write seconds (600), or units of d, h, m and s (20m, 1h30m)"
        ) from None
