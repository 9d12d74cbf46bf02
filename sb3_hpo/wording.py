"""Numbers as people read them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A duration to the second: ``"48 s"``, ``"20 min 00 s"``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def count(n: int, what: str) -> str:
    """A number of things: ``"1 trial"``, ``"3 trials"``."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"
