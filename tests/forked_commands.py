"""Whole commands as processes of their own, forked from one that has imported everything: a second instead of six.

They are real commands in real processes, with workers, signals and storages of their own. Only their start is not that
of a user's command; :mod:`tests.integration.commands` has those.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from multiprocessing import forkserver
from typing import TYPE_CHECKING, Any

from tests.running_commands import TIMEOUT_S, RunningCommand, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["TIMEOUT_S", "ForkedCommand", "forked", "forking_context", "reuse_the_forkserver", "wait_until"]

PRELOADED = [
    "sb3_hpo.plugin.worker_process",
    "sb3_hpo.worker_command",
    "sb3_hpo.cli",
    "tests.forked_commands",
    "tests.crew_work",
    "tests.fast_search",
    "tests.environments",
    "torch._dynamo",
    "alembic.command",
]


class ForkedCommand(RunningCommand):
    """A command ``sb3-hpo`` in a process of its own.

    :param words: its words
    :param folder: where it runs, and where what it prints is kept
    :param environment: variables besides those of this process
    :param for_workers: whether its workers have them, too; what they are forked from is then another process, which
        takes it some seconds
    """

    def __init__(
        self,
        words: Sequence[str],
        folder: Path,
        environment: Mapping[str, str] | None = None,
        *,
        for_workers: bool = False,
    ) -> None:
        super().__init__(folder)
        arguments = (list(words), str(folder), str(self._printed), dict(environment or {}), for_workers)
        self.process = forking_context().Process(target=_command, args=arguments)
        self.process.start()

    @property
    def pid(self) -> int:
        """The number of its process."""
        return int(self.process.pid or 0)

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return bool(self.process.is_alive())

    def _wait(self) -> int | None:
        self.process.join(TIMEOUT_S)
        return self.process.exitcode


@contextlib.contextmanager
def forked(
    words: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None, *, for_workers: bool = False
) -> Iterator[ForkedCommand]:
    """A command, killed afterwards if it still runs: its workers then end by themselves."""
    command = ForkedCommand(words, folder, environment, for_workers=for_workers)
    try:
        yield command
    finally:
        if command.process.is_alive():
            command.process.kill()
        command.process.join(TIMEOUT_S)
        command.process.close()


def forking_context() -> Any:
    """The context of the processes of these tests."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def reuse_the_forkserver() -> None:
    """Have what this process starts forked from where it was forked itself; Python would start another forkserver."""
    server: Any = forkserver._forkserver
    if server._forkserver_address is not None:
        server.ensure_running = lambda: None
        # The module has its own reference to the method, which whoever prepares processes calls.
        forkserver.ensure_running = lambda: None


def _command(words: list[str], folder: str, printed: str, environment: dict[str, str], for_workers: bool) -> None:
    handle = os.open(printed, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(handle, stream)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.chdir(folder)
    os.environ.update(environment)
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.argv = ["sb3-hpo", *words]
    sys.orig_argv = ["sb3-hpo", *words]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not for_workers:
        reuse_the_forkserver()

    from sb3_hpo.cli import main

    sys.exit(main(words))
