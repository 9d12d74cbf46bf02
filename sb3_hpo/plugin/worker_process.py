"""A worker's process: from what it is told to a task that it works on."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from typing import TYPE_CHECKING

import optuna
import torch

from sb3_hpo.commands import Command, Phase
from sb3_hpo.consecutive_failures import ConsecutiveFailuresError
from sb3_hpo.crew import CALLBACK_FAILED, FAILING, LEFT_SEARCH, NOTE, STORAGE_LOST, USER_ERROR
from sb3_hpo.errors import UserError
from sb3_hpo.phase_flag import PhaseFlag
from sb3_hpo.plugin.rebuild import rebuild_space, rebuild_stock_task, rebuild_task
from sb3_hpo.retries import RetryDeadTrial
from sb3_hpo.serving import serve, serve_validation
from sb3_hpo.storage import open_storage
from sb3_hpo.storage_failures import ends_the_command, in_one_line
from sb3_hpo.storages.redaction import without_passwords
from sb3_hpo.study_callbacks import CallbackFailedError
from sb3_hpo.study_description import read_description
from sb3_hpo.worker_plan import StockWorkerPlan, WorkerPlan

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from types import FrameType


TERMINATED = 128 + signal.SIGTERM
"""Exit code of a worker that was asked to end by a signal of its own."""


def work_in_process(plan: WorkerPlan, connection: Connection) -> None:
    """Work until the command ends, or until the process that started this one is gone.

    The terminal sends Ctrl-C to all processes; here it is left to the one that started this one, which says what to do.

    :param connection: phases come in, what :mod:`sb3_hpo.crew` lists goes out
    """
    flag = PhaseFlag()
    exit_code = 0

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal exit_code
        exit_code = TERMINATED
        flag.enter(Phase.END)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=_listen, args=(connection, flag), daemon=True).start()
    failed = work_and_tell(plan, flag, lambda kind, text: _tell(connection, kind, text))
    sys.exit(failed or exit_code)


def work_and_tell(plan: WorkerPlan, flag: PhaseFlag, tell: Callable[[str, str], None]) -> int:
    """Work on a study in this process until its command ends.

    :param tell: called with what :mod:`sb3_hpo.crew` lists
    :return: exit code
    """
    try:
        work(plan, flag, lambda: tell(LEFT_SEARCH, ""), lambda text: tell(NOTE, text))
    except UserError as error:
        tell(USER_ERROR, str(error))
        return 2
    except ConsecutiveFailuresError as error:
        tell(FAILING, str(error))
        return 1
    except CallbackFailedError as error:
        tell(CALLBACK_FAILED, without_passwords(str(error), plan.storage))
        return 1
    except Exception as error:
        if not ends_the_command(error):
            raise
        tell(STORAGE_LOST, in_one_line(error, plan.storage))
        return 1
    return 0


def work(
    plan: WorkerPlan,
    flag: PhaseFlag,
    on_search_over: Callable[[], None] = lambda: None,
    tell: Callable[[str], None] = lambda text: None,
) -> None:
    """Work on a study in this process until its command ends.

    :param tell: called with what a person should see
    :raises UserError: if the study needs what is not here, or was not allowed
    :raises ConsecutiveFailuresError: if the trials of this worker fail one after the other
    :raises CallbackFailedError: if a callback of the user's raises
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if plan.n_threads is not None:
        torch.set_num_threads(plan.n_threads)
    storage = open_storage(plan.storage, create=False)
    storage.on_stale_trial = RetryDeadTrial(plan.settings.max_retries)
    study = optuna.load_study(study_name=plan.study_name, storage=storage)
    if isinstance(plan, StockWorkerPlan):
        log_folder = plan.settings.log_folder
        task = rebuild_stock_task(plan.algo, plan.env, plan.gym_packages, plan.n_timesteps, log_folder)
        serve_validation(study, task, flag)
        return
    description = read_description(study, plan.study_name)
    task = rebuild_task(description, plan.gym_packages, plan.settings.log_folder)
    space = rebuild_space(description, task)
    command = Command(plan.command, plan.settings)
    serve(study, description, task, space, command, flag, on_search_over=on_search_over, tell=tell)


def _tell(connection: Connection, kind: str, text: str) -> None:
    # Nobody listens where the process that started this one was killed; this one ends for the same reason.
    with contextlib.suppress(OSError):
        connection.send((kind, text))


def _listen(connection: Connection, flag: PhaseFlag) -> None:
    """Pass phases on; whoever sends them no longer is there where the connection ends."""
    try:
        while flag.phase < Phase.END:
            flag.enter(Phase(connection.recv()))
    except (EOFError, OSError):
        flag.enter(Phase.END)
