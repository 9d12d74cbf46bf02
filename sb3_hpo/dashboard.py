"""``--dashboard``: optuna-dashboard on the study, in a process of its own that ends with the command.

The storage's location, which may hold a password, reaches that process by a pipe: no list of processes shows it.
"""

from __future__ import annotations

import contextlib
import pkgutil
from typing import TYPE_CHECKING

from sb3_hpo.errors import UserError
from sb3_hpo.processes import process_context
from sb3_hpo.storage import is_in_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

SERVE = "sb3_hpo.dashboard_process:serve"
"""What the process does."""

START_S = 60.0
"""Seconds that it has to begin to serve."""

END_S = 5.0
"""Seconds that it has to end in order."""


def check_storage(location: str) -> None:
    """Check that another process can read a storage.

    :raises UserError: if it cannot
    """
    if is_in_memory(location):
        raise UserError(f"storage {location!r} is in memory, which no dashboard sees: name another one")


@contextlib.contextmanager
def dashboard(location: str, study_id: int, tell: Callable[[str], None]) -> Iterator[None]:
    """Serve a study at a free port of this machine, to this machine only.

    :param location: the storage, its password included
    :param study_id: Optuna's number of the study in it
    :param tell: called with the address
    :raises UserError: if nothing can be served
    """
    context = process_context()
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(location, theirs), name="sb3-hpo dashboard", daemon=True)
    process.start()
    theirs.close()
    try:
        tell(f"dashboard: http://127.0.0.1:{_port(ours)}/dashboard/studies/{study_id} (until this command ends)")
        yield
    finally:
        ours.close()
        process.join(END_S)
        process.kill()
        process.join(END_S)


def _port(connection: Connection) -> int:
    try:
        answer = connection.recv() if connection.poll(START_S) else "it does not begin to serve"
    except (EOFError, OSError):
        answer = "its process has ended"
    if not isinstance(answer, int):
        raise UserError(f"no dashboard: {answer}; leave --dashboard out to tune without it")
    return answer


def _run(location: str, connection: Connection) -> None:
    # By name: the command itself needs nothing of what this imports.
    pkgutil.resolve_name(SERVE)(location, connection)
