"""What a storage holds, as what it should be: anything else counts as missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def finite(value: object) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def whole(value: object) -> int | None:
    """A whole number; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def numbers(values: object) -> list[float]:
    """The finite numbers in a list, up to the first thing that is none."""
    found: list[float] = []
    for value in listed(values):
        number = finite(value)
        if number is None:
            break
        found.append(number)
    return found


def listed(value: object) -> list[Any]:
    """A list; empty for anything else."""
    return value if isinstance(value, list) else []


def mapping(value: object) -> Mapping[str, Any]:
    """A mapping; empty for anything else."""
    return value if isinstance(value, Mapping) else {}
