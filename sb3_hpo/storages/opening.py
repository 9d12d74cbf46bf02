"""What the kinds of storage have in common: how long opening one may take, and how a failure is told."""

from __future__ import annotations

from sb3_hpo.errors import one_line

CONNECT_TIMEOUT_S = 10
"""Seconds that a server has to answer: so long that a busy one does, so short that a wrong address is told soon."""


class OpeningError(Exception):
    """A storage cannot be opened; says why, and is not yet free of passwords."""

    def __init__(self, reason: BaseException | str) -> None:
        super().__init__(reason if isinstance(reason, str) else one_line(reason) or type(reason).__name__)


class MissingDriverError(Exception):
    """A storage needs a package that is not installed; says what to install, as pip takes it."""
