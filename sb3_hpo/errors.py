"""What a user can get wrong, and how it is told."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


MAX_NAMES_LISTED = 20
"""Known names that an error message lists."""


class UserError(ValueError):
    """A mistake in what the user asked for: told in one line, without a traceback, with exit code 2.

    The message names what was wrong, the value received, and what to do.
    """


def one_line(error: BaseException) -> str:
    """The message of an error on one line."""
    return " ".join(str(error).split())


def failure_in_one_line(error: BaseException) -> str:
    """What an error is and says, on one line, as it is kept with a trial that failed."""
    return f"{type(error).__name__}: {one_line(error)}"


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UserError:
    """The error for a name that is not among the known ones, with the nearest known name where there is one.

    :param kind: what the name stands for, for instance ``"sampler"``
    :param name: the name received
    :param known: the names that would have been accepted
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hints = [f"did you mean {near[0]!r}?"] if near else []
    if len(names) <= MAX_NAMES_LISTED or not near:
        more = f" and {len(names) - MAX_NAMES_LISTED} more" if len(names) > MAX_NAMES_LISTED else ""
        hints.append(f"known: {', '.join(names[:MAX_NAMES_LISTED]) or 'none'}{more}")
    return UserError(f"unknown {kind} {name!r}: {' '.join(hints)}")
