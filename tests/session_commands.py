"""Whole commands as a terminal runs them: each leads a process group, and whatever it starts is in it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.commands import SB3_HPO
from tests.running_commands import TIMEOUT_S, RunningCommand

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_ROOT = str(Path(__file__).parents[1])
"""From where the command imports the environments of the tests."""


class SessionCommand(RunningCommand):
    """A command with workers of its own making, the process that they are forked from included.

    :param words: its words
    :param folder: where it runs, and where what it prints is kept
    :param environment: variables besides those of this process
    """

    def __init__(self, words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__(folder)
        path = os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))
        with self._printed.open("ab") as printed:
            self._process = subprocess.Popen(
                [*SB3_HPO, *words],
                cwd=folder,
                stdout=printed,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, **environment},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The number of its process, and of its process group."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    @property
    def group(self) -> set[int]:
        """The processes of its group that have not ended."""
        return {pid for pid, state, group in _processes() if group == self.pid and state not in "ZX"}

    def send_to_group(self, number: int) -> None:
        """Send a signal to all processes of its group, as a terminal does."""
        os.killpg(self.pid, number)

    def _wait(self) -> int | None:
        return self._process.wait(TIMEOUT_S)


@contextlib.contextmanager
def in_session(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator[SessionCommand]:
    """A command; whatever of its group is left afterwards is killed."""
    command = SessionCommand(words, folder, environment)
    try:
        yield command
    finally:
        with contextlib.suppress(ProcessLookupError):
            command.send_to_group(signal.SIGKILL)
        command._wait()


def _processes() -> Iterator[tuple[int, str, int]]:
    """Number, state and process group of each process of this machine."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # It has ended.
            state, _, group = status.read_text(errors="replace").rpartition(")")[2].split()[:3]
            yield int(status.parent.name), state, int(group)
