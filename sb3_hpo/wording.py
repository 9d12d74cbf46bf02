"""Numbers as people read them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A duration to the second: ``"48 s"``, ``"20 min 00 s"``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def time_spent(seconds: float) -> str:
    """A duration of any length: ``"48 s"``, ``"20 min 00 s"``, ``"3 h 05 min"``, ``"2 d 4 h"``."""
    if seconds < 7_200:
        return duration(seconds)
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def long_duration(seconds: float) -> str:
    """A duration in its largest whole unit, rounded down: ``"10 minutes"``, ``"190,258 years"`` (of 365 days)."""
    whole = int(seconds)
    for unit, length in (("year", 365 * 86_400), ("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if whole >= length:
            return count(whole // length, unit)
    return count(whole, "second")


def one_decimal(value: float) -> str:
    """A return, rounded to one decimal; what rounds to zero has no sign."""
    return f"{round(value, 1) + 0.0:.1f}"


def interval_in_words(interval: tuple[float, float]) -> str:
    """Both limits: ``"0.5 to 12.0"``."""
    return f"{one_decimal(interval[0])} to {one_decimal(interval[1])}"


def count(n: int, what: str) -> str:
    """A number of things: ``"1 trial"``, ``"3 trials"``."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"
