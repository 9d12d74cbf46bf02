"""What others used of a machine's cores while a command ran: a measure of how idle it was. Linux."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_BUSY = (0, 1, 2, 5, 6)
"""Columns of ``/proc/stat``: user, nice, system, hardware and software interrupts."""
_STOLEN = 7


class Cores:
    """Cores that others used, on average, between the making of this and a look at it.

    What the commands of this process use is not theirs, and neither is what these commands start: it becomes a child
    of this process where its own parent ends first, so that the system counts it.
    """

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._before = _children()
        self._since = time.perf_counter(), *_columns(), _own()

    def of_others(self) -> dict[str, float]:
        """Cores that other processes used, and those that the host of a virtual machine gave to other machines."""
        # Not for helpers of this process itself, such as those of a pool, which live as long as it does.
        while orphans := _children() - self._before:
            for orphan in orphans:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(orphan, 0)
        start, busy, stolen, own = self._since
        seconds = time.perf_counter() - start
        busy_now, stolen_now = _columns()
        return {
            "cores_of_others": round((busy_now - busy - (_own() - own)) / seconds, 2),
            "cores_stolen": round((stolen_now - stolen) / seconds, 2),
        }


def _columns() -> tuple[float, float]:
    """Seconds of all cores together, busy and stolen, since the machine started."""
    line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    columns = [int(ticks) / os.sysconf("SC_CLK_TCK") for ticks in line.split()[1:]]
    return sum(columns[i] for i in _BUSY), columns[_STOLEN]


def _children() -> set[int]:
    threads = Path("/proc/self/task").glob("*/children")
    return {int(number) for children in threads for number in children.read_text(encoding="ascii").split()}


def _own() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
