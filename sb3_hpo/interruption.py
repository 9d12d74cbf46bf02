"""How a running command is asked to stop: a signal, or the end of its time."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType, TracebackType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


ECHO_S = 1.0
"""Seconds in which a second signal is taken for the first one: ``timeout`` and terminals may send it twice."""


class StopSignal:
    """Turns Ctrl-C and SIGTERM into a request that is looked at between two steps of a training.

    So a signal never lands in the middle of a write to the storage. A second one, while the first still waits to
    be heeded, raises ``KeyboardInterrupt`` at once, unless it follows within :data:`ECHO_S`. Use it as a context
    manager, in the main thread.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._pending = False
        self._received_at = 0.0
        self._previous: dict[signal.Signals, object] = {}

    @property
    def is_pending(self) -> bool:
        """Whether a signal has come that nothing has heeded yet."""
        return self._pending

    @property
    def exit_code(self) -> int:
        """128 plus the signal's number, as shells report it; 0 if none came."""
        return 0 if self.received is None else 128 + self.received

    def heed(self) -> None:
        """Take note of the signal: what was running has stopped, what comes next may run."""
        self._pending = False

    def __enter__(self) -> StopSignal:
        for number in _SIGNALS:
            self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)  # type: ignore[arg-type]

    def _receive(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._pending and now - self._received_at > ECHO_S:
            # What this ends hands trials back, which an echo of this one must not end.
            self._received_at = now
            raise KeyboardInterrupt(signal.Signals(number))
        if not self._pending:
            self._received_at = now
        self.received = signal.Signals(number)
        self._pending = True


class Deadline:
    """A point in time that a phase must end by.

    :param seconds: wall-clock seconds from now, or None for no limit
    """

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    @property
    def seconds_left(self) -> float | None:
        """Wall-clock seconds until it, not below 0; None without a limit."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether it has passed."""
        return self._end is not None and time.monotonic() >= self._end
