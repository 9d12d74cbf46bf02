"""A worker's process on a cluster: told what to do by its standard input, how far the command is by the study."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

import optuna

from sb3_hpo.cluster_crew import PHASE_POLL_S
from sb3_hpo.commands import Command, Phase
from sb3_hpo.crew import CRASHED, DIFFERS, END_S, LEFT_SEARCH, USER_ERROR
from sb3_hpo.errors import UserError, failure_in_one_line
from sb3_hpo.heartbeats import GRACE_PERIOD_S
from sb3_hpo.phase_flag import PhaseFlag
from sb3_hpo.plugin.joining import Joining
from sb3_hpo.plugin.worker_process import TERMINATED, work_and_tell
from sb3_hpo.storage import open_storage
from sb3_hpo.storages.redaction import without_passwords
from sb3_hpo.validation_trainings import is_validating
from sb3_hpo.worker_identity import CREW_VARIABLE
from sb3_hpo.worker_plan import WorkerPlan

if TYPE_CHECKING:
    from collections.abc import Callable

IDLE_S = float(GRACE_PERIOD_S)
"""Seconds without anything to do, after the search, after which a worker leaves: its command may be dead."""

_STDIN, _STDOUT, _STDERR = 0, 1, 2


def main() -> int:
    """Do what the first line of the standard input says, until the command or the input ends.

    What is told goes to the standard output, in lines of JSON; anything that is printed goes to the standard error.
    """
    tell = _told_by_output()
    order = json.loads(_first_line())
    plan = WorkerPlan.from_mapping(order["plan"])
    os.environ[CREW_VARIABLE] = plan.command
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        return _check(plan, tell) if order["is_check"] else _work(plan, tell)
    except Exception as error:
        # Into the log of the cluster, and to the one who submitted this.
        sys.stderr.write(without_passwords(traceback.format_exc(), plan.storage))
        tell(CRASHED, without_passwords(failure_in_one_line(error), plan.storage))
        return 1


def _check(plan: WorkerPlan, tell: Callable[[str, str], None]) -> int:
    try:
        study = _open_study(plan)
        joining = Joining(plan.storage, plan.gym_packages, plan.settings.log_folder, None)
        joining.check(study, lambda difference: tell(DIFFERS, difference))
    except UserError as error:
        tell(USER_ERROR, str(error))
        return 2
    return 0


def _work(plan: WorkerPlan, tell: Callable[[str, str], None]) -> int:
    flag = PhaseFlag()
    signals: list[int] = []

    def end(number: int, frame: object) -> None:
        signals.append(number)
        flag.enter(Phase.END)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end)
    with contextlib.suppress(UserError):  # The worker's own connection says so.
        _look(plan, flag, _open_study(plan))
    if flag.is_over():
        return 0
    left_search = threading.Event()

    def tell_and_note(kind: str, text: str) -> None:
        if kind == LEFT_SEARCH:
            left_search.set()
        tell(kind, text)

    threading.Thread(target=_hold_on, args=(flag,), daemon=True).start()
    threading.Thread(target=_watch, args=(plan, flag, left_search), daemon=True).start()
    return work_and_tell(plan, flag, tell_and_note) or (TERMINATED if signals else 0)


def _watch(plan: WorkerPlan, flag: PhaseFlag, left_search: threading.Event) -> None:
    """Look at the phase again and again, by a connection of its own; end the process if it does not end itself."""
    study = None
    busy_at = time.monotonic()
    while not flag.is_over():
        # What fails here fails for the worker as well, which tells.
        with contextlib.suppress(Exception):
            study = study or _open_study(plan)
            _look(plan, flag, study)
            if not left_search.is_set() or is_validating(study):
                busy_at = time.monotonic()
        if time.monotonic() - busy_at > IDLE_S:
            flag.enter(Phase.END)
        _nap(flag)
    time.sleep(END_S)
    os._exit(TERMINATED)


def _look(plan: WorkerPlan, flag: PhaseFlag, study: optuna.Study) -> None:
    flag.enter(Command(plan.command, plan.settings).phase(study.user_attrs))


def _nap(flag: PhaseFlag) -> None:
    end = time.monotonic() + PHASE_POLL_S
    while time.monotonic() < end and not flag.is_over():
        time.sleep(0.1)


def _hold_on(flag: PhaseFlag) -> None:
    """End where the standard input does: whoever started this process is gone, or does not want it any more."""
    # Not by sys.stdin, whose lock a thread must not hold when Python ends.
    while os.read(_STDIN, 1):
        pass
    flag.enter(Phase.END)


def _open_study(plan: WorkerPlan) -> optuna.Study:
    storage = open_storage(plan.storage, create=False)
    try:
        return optuna.load_study(study_name=plan.study_name, storage=storage)
    except KeyError:
        raise UserError(
            f"the storage has no study {plan.study_name!r}: it has to be the same one for all machines"
        ) from None


def _first_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        read = os.read(_STDIN, 1 << 16)
        if not read:
            break
        line += read
    return line


def _told_by_output() -> Callable[[str, str], None]:
    output = os.fdopen(os.dup(_STDOUT), "w", encoding="utf-8")
    os.dup2(_STDERR, _STDOUT)

    def tell(kind: str, text: str) -> None:
        output.write(json.dumps([kind, text]) + "\n")
        output.flush()

    return tell


if __name__ == "__main__":
    sys.exit(main())
