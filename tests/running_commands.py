"""Commands that run beside a test: what they print, how they end, and waiting for both."""

from __future__ import annotations

import abc
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TIMEOUT_S = 120.0
"""Seconds that anything here may take on a machine that has other work."""

_POLL_S = 0.02


class RunningCommand(abc.ABC):
    """A command ``sb3-hpo`` in a process of its own.

    :param folder: where it runs, and where what it prints is kept
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._printed = folder / f"printed-{time.monotonic_ns()}.txt"
        self._printed.touch()

    @property
    @abc.abstractmethod
    def pid(self) -> int:
        """The number of its process."""

    @property
    @abc.abstractmethod
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""

    @abc.abstractmethod
    def _wait(self) -> int | None:
        """Wait until it ends; its exit code, negative where a signal ended it."""

    @property
    def output(self) -> str:
        """What it and its workers have printed."""
        return self._printed.read_text(encoding="utf-8", errors="replace")

    def send(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait_for(self, text: str) -> None:
        """Wait until it has printed this; fails if it ends without."""
        wait_until(lambda: text in self.output or not self.is_alive, lambda: self.output)
        assert text in self.output, self.output

    def ends(self, exit_code: int = 0) -> str:
        """Wait until it ends with this exit code; what it printed."""
        ended_with = self._wait()
        assert ended_with == exit_code, f"exit code {ended_with}:\n{self.output}"
        return self.output


def wait_until(is_so: Callable[[], bool], told: Callable[[], str] = lambda: "", seconds: float = TIMEOUT_S) -> None:
    """Wait until something is so; fails after some seconds with what is told."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, told()
        time.sleep(_POLL_S)
