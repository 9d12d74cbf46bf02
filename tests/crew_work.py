"""What the workers of a crew do in the tests of crews; each does what the study name of its plan says."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from sb3_hpo.commands import Phase
from sb3_hpo.crew import FAILING, LEFT_SEARCH, STORAGE_LOST, USER_ERROR

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from sb3_hpo.worker_plan import WorkerPlan


def work(plan: WorkerPlan, connection: Connection) -> None:
    """Work until the command ends, or as the plan says."""
    match plan.study_name:
        case "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exits":
            os._exit(7)
        case "mistaken":
            connection.send((USER_ERROR, "a mistake"))
            os._exit(2)
        case "failing":
            connection.send((FAILING, "5 trials failed"))
            os._exit(1)
        case "storage":
            connection.send((STORAGE_LOST, "no storage"))
            os._exit(1)
        case "deaf":
            time.sleep(1000)
    while (phase := Phase(connection.recv())) < Phase.END:
        if phase == Phase.VALIDATION:
            connection.send((LEFT_SEARCH, ""))
