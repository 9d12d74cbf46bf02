"""Which of too many are drawn: the best ones and the latest ones, half and half."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


def most_telling(items: Sequence[T], most: int, worth: Callable[[T], float], number: Callable[[T], int]) -> list[T]:
    """At most so many of the items, in order of their number.

    :param worth: the higher the better
    :param number: when it came; the higher the later
    """
    if len(items) <= most:
        return list(items)
    by_worth = sorted(items, key=worth)
    best = by_worth[-(most // 2) :]
    rest = sorted(by_worth[: -(most // 2)], key=number)
    return sorted([*best, *rest[len(best) - most :]], key=number)
