"""Imported by the process that others are forked from, and by no other: it outlives signals that are sent to all.

Whoever stops a command may signal each of its processes (``timeout``, ``scancel``, ``systemctl stop``). Were this one
gone, :mod:`multiprocessing` would take all workers for dead while each of them still ends as it should. It ends by
itself once the command and its workers are gone.
"""

from __future__ import annotations

import os
import signal

_FORKING_PROCESS = os.getpid()


def _end_as_usual() -> None:
    """Have what is forked from this process end by SIGTERM, until it says otherwise; what that forks is left alone."""
    if os.getppid() == _FORKING_PROCESS:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


os.register_at_fork(after_in_child=_end_as_usual)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
