"""Who runs a trial, written so that others on the same machine can tell whether it still lives."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CREW_VARIABLE = "SB3_HPO_CREW"
"""Environment variable of a worker's process on a cluster: the key of the command that submitted it."""

CREW = "crew"
"""Where an :func:`identity` holds that."""

_PROC = Path("/proc")


def identity() -> dict[str, Any]:
    """What tells this process from all others.

    Machine, its start, the namespace of process numbers; the number, and when the process started; on a cluster, who
    submitted it.
    A process number alone is soon given to another process, and another container has its own.
    """
    crew = {CREW: os.environ[CREW_VARIABLE]} if CREW_VARIABLE in os.environ else {}
    return {**_machine(), "pid": os.getpid(), "started": _start_of(os.getpid()), **crew}


def is_known_dead(worker: object) -> bool:
    """Whether a process is certainly gone: it ran on this machine, and is not there any more.

    :param worker: an :func:`identity`, of any process; what is none is not known to be dead
    """
    if not isinstance(worker, Mapping) or worker.get("started") is None:
        return False
    if not is_on_this_machine(worker):
        return False
    pid = worker.get("pid")
    return isinstance(pid, int) and _start_of(pid) != worker["started"]


def is_on_this_machine(worker: Mapping[str, Any]) -> bool:
    """Whether a process certainly runs, or ran, where this one does."""
    return all(worker.get(key) == value and value is not None for key, value in _machine().items())


@functools.cache
def _machine() -> dict[str, str | None]:
    return {
        "host": socket.gethostname(),
        "boot": _read(_PROC / "sys/kernel/random/boot_id"),
        "namespace": _link(_PROC / "self/ns/pid"),
    }


def _start_of(pid: int) -> int | None:
    """Clock ticks from the machine's start to that of a process; None if it is gone, or where Linux is not."""
    status = _read(_PROC / str(pid) / "stat")
    if status is None:
        return None
    # The second field is the program's name in brackets, which may hold anything.
    fields = status.rpartition(")")[2].split()
    is_zombie = fields[0] in ("Z", "X")
    return None if is_zombie else int(fields[19])


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None


def _link(path: Path) -> str | None:
    try:
        return str(path.readlink())
    except OSError:
        return None
