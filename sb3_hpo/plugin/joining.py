"""Joining a study from any machine: what it needs is looked up in the study, and checked before anything runs."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import optuna

from sb3_hpo.commands import Command
from sb3_hpo.errors import UserError
from sb3_hpo.plugin.devices import default_threads
from sb3_hpo.plugin.rebuild import rebuild_task
from sb3_hpo.storage import open_storage, study_names
from sb3_hpo.study_callbacks import check_allowed, load_callbacks
from sb3_hpo.study_description import read_description
from sb3_hpo.tracking import check_tracking
from sb3_hpo.versions import differences, installed_versions
from sb3_hpo.worker_plan import WorkerPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sb3_hpo.heartbeats import HeartbeatStorage
    from sb3_hpo.interruption import Deadline
    from sb3_hpo.study_description import StudyDescription

WAIT_POLL_S = 1.0
"""Seconds between two looks for a study that is waited for."""


@dataclasses.dataclass(frozen=True)
class Joining:
    """How a machine takes part.

    :param storage: where the study is kept, its password included
    :param gym_packages: modules that the worker's own user allows to be imported
    :param log_folder: folder of what is written on this machine
    :param n_threads: threads of torch on this machine, for all its workers together; None for one each
    :param tensorboard_log: folder of this machine's logs for TensorBoard; None to write none
    """

    storage: str
    gym_packages: Sequence[str]
    log_folder: str
    n_threads: int | None
    tensorboard_log: str | None = None

    def __repr__(self) -> str:
        # Without the password.
        return f"Joining(gym_packages={self.gym_packages!r}, log_folder={self.log_folder!r})"

    def plan(self, study: optuna.Study, n_jobs: int, tell: Callable[[str], None]) -> WorkerPlan:
        """What the workers of this machine are told, once it is clear that they can do it.

        :param n_jobs: workers of this machine
        :param tell: called with what differs from the study in a way that may change results
        :raises UserError: if a module was not allowed, algorithm or environment are not there or differ, or trials
            cannot be logged as the study wants
        """
        description = self.check(study, tell)
        command = Command.newest(study, self.log_folder)
        settings = dataclasses.replace(command.settings, tensorboard_log=self.tensorboard_log)
        check_allowed(settings.callback, self.gym_packages, study.study_name)
        check_tracking(settings, study.study_name)
        load_callbacks(settings.callback)
        return WorkerPlan(
            storage=self.storage,
            study_name=study.study_name,
            command=command.key,
            settings=settings,
            gym_packages=tuple(self.gym_packages),
            n_threads=self._threads_each(description, n_jobs),
        )

    def check(self, study: optuna.Study, tell: Callable[[str], None]) -> StudyDescription:
        """Check that this machine can do what a study needs.

        :param tell: called with what differs from the study in a way that may change results
        :raises UserError: if a module was not allowed, or algorithm or environment are not there or differ
        """
        description = read_description(study, study.study_name)
        here = installed_versions(description.arguments["gym_packages"])
        for difference in differences(description.versions, here):
            tell(f"another version: {difference}")
        task = rebuild_task(description, self.gym_packages, self.log_folder)
        _check_environment(description, dict(task.environment))
        return description

    def _threads_each(self, description: StudyDescription, n_jobs: int) -> int | None:
        if self.n_threads is not None:
            return max(1, self.n_threads // n_jobs)
        return default_threads(description.arguments["device"])


def open_when_there(location: str, deadline: Deadline, tell: Callable[[str], None]) -> HeartbeatStorage:
    """Open a storage that may come to be later: a file that the command makes, a server that still starts.

    :param deadline: how long it is waited for
    :param tell: called once, with what is waited for
    :raises UserError: if it cannot be opened by then
    """
    waits = False
    while True:
        try:
            return open_storage(location, create=False)
        except UserError as error:
            if deadline.is_over:
                raise
            if not waits:
                tell(f"waiting: {error}")
            waits = True
            time.sleep(WAIT_POLL_S)


def wait_for_command(storage: HeartbeatStorage, study_name: str, deadline: Deadline) -> optuna.Study:
    """The study, once a command works on it.

    :param deadline: how long it is waited for
    :raises UserError: if there is none by then
    """
    while True:
        try:
            if study_name not in study_names(storage):
                raise UserError(
                    f"there is no study {study_name!r} in this storage: start sb3-hpo tune with this --study-name, or "
                    "let the worker wait for it with --wait SECONDS"
                )
            study = optuna.load_study(study_name=study_name, storage=storage)
            read_description(study, study_name)
            Command.newest(study, "")
        except UserError:
            if deadline.is_over:
                raise
            time.sleep(WAIT_POLL_S)
        else:
            return study


def _check_environment(description: StudyDescription, here: dict[str, str]) -> None:
    for name, value in description.environment.items():
        if here.get(name) != value:
            raise UserError(
                f"environment {description.env!r} has {name} {here.get(name)} on this machine, the study has {value}: "
                "install the version that the study was made with"
            )
