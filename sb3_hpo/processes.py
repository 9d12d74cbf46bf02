"""How processes are started on this machine, and how many it has room for."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.context import ForkServerContext, SpawnContext

_FORKING_PROCESS = "sb3_hpo.forking_process"
"""What the process that others are forked from imports first."""

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def process_context() -> ForkServerContext | SpawnContext:
    """How processes are started: from a clean one that has imported what they need, where the system can do that.

    A fork of this process would share its threads' locks and its connections to the storage.
    """
    if "forkserver" in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("forkserver")
    return multiprocessing.get_context("spawn")


def prepare_processes(modules: Sequence[str]) -> None:
    """Have the process that others are forked from import what they need, while this one goes on.

    It ignores signals that are meant for all processes of a command; those forked from it do not.

    :param modules: their names
    """
    context: Any = process_context()
    if context.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        context.set_forkserver_preload([_FORKING_PROCESS, *modules])
        with _without_ctrl_c():
            forkserver.ensure_running()


@contextlib.contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Have processes that are started meanwhile ignore Ctrl-C, which the terminal sends to all: this one says when."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def usable_cores() -> int:
    """The cores that this process may use: by its affinity, and by the quota of its container."""
    affinity = getattr(os, "sched_getaffinity", None)
    n_cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, min(n_cores, _quota() or n_cores))


def _quota() -> int | None:
    """Cores that Linux grants the container (cgroup v2, ``cpu.max``: microseconds, and the period they are of)."""
    try:
        quota, period = _QUOTA.read_text(encoding="ascii").split()
        return None if quota == "max" else max(1, int(quota) // int(period))
    except (OSError, ValueError):
        return None
