"""What a worker does: trials of the search, then trainings of the validation, until the command ends."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from sb3_hpo.checkpoints import Checkpoints
from sb3_hpo.objective import Objective
from sb3_hpo.promotion import PausingPruner
from sb3_hpo.retries import reap
from sb3_hpo.search import search
from sb3_hpo.study import set_up
from sb3_hpo.study_callbacks import load_callbacks
from sb3_hpo.study_folder import study_folder
from sb3_hpo.tensorboard_log import TensorBoardLog
from sb3_hpo.ties import further_seeds
from sb3_hpo.tracking import trackers
from sb3_hpo.training_queue import ValidationWorker
from sb3_hpo.validation_trainings import open_validation_study, train_and_evaluate

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna
    from optuna.trial import FrozenTrial

    from sb3_hpo.commands import Command
    from sb3_hpo.phase_flag import PhaseFlag
    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.study_callbacks import StudyCallback
    from sb3_hpo.study_description import StudyDescription
    from sb3_hpo.task import Task

CHECKPOINTS_FOLDER = "checkpoints"
"""Folder, in that of the study, of what it takes to go on with trials that have paused."""

MODELS_FOLDER = "models"
"""Folder, in that of the study, of the best model of each finished trial."""

IDLE_S = 1.0
"""Seconds between two looks for a training while none waits."""

_NAP_S = 0.05


class _ToldTime:
    """The clock of a worker: the one who started it says when time is short, and when the search is over."""

    is_over = False

    def __init__(self, flag: PhaseFlag) -> None:
        self._flag = flag

    @property
    def is_closing(self) -> bool:
        """Whether time is left only for trials that are trained to the end."""
        return self._flag.is_closing

    def learn_from(self, trial: FrozenTrial) -> None:
        """Nothing: the command looks at all trials."""


def serve(
    study: optuna.Study,
    description: StudyDescription,
    task: Task,
    space: SearchSpace,
    command: Command,
    flag: PhaseFlag,
    on_trial: Callable[[FrozenTrial], None] = lambda trial: None,
    on_search_over: Callable[[], None] = lambda: None,
    tell: Callable[[str], None] = lambda text: None,
) -> None:
    """Work on a study for a command until it ends.

    :param flag: how far the command is
    :param on_trial: called after every trial of this worker
    :param on_search_over: called when this worker has left the search, with its last trial handed back or finished
    :param tell: called with what a person should see
    :raises sb3_hpo.search.ConsecutiveFailuresError: if the trials of this worker fail one after the other
    :raises sb3_hpo.study_callbacks.CallbackFailedError: if a callback of the user's raises
    """
    settings = command.settings
    set_up(study, description, space, settings)
    folder = study_folder(settings.log_folder, task.algo, study.study_name)
    objective = Objective(
        task,
        space,
        settings,
        description.tuning_seeds,
        interrupted=lambda: flag.is_pending,
        models_folder=folder / MODELS_FOLDER if settings.save_models else None,
        checkpoints=checkpoints_of(study, folder),
        tensorboard=tensorboard_of(settings, study.study_name),
        further_seeds=further_seeds(description.seed, settings),
    )
    callbacks = callbacks_of(settings, tell)
    search(study, objective, settings, flag, _ToldTime(flag), on_trial, command.key, callbacks)
    on_search_over()
    serve_validation(study, task, flag)


def serve_validation(study: optuna.Study, task: Task, flag: PhaseFlag) -> None:
    """Do trainings that the validation of a study asks for, until its command ends."""
    validation = open_validation_study(study._storage, study.study_name)
    worker = ValidationWorker(validation, task, flag.is_over, train_and_evaluate)
    while not flag.is_over():
        if not worker.work():
            _wait(flag)
            reap(validation)


def checkpoints_of(study: optuna.Study, folder: Path) -> Checkpoints | None:
    """Where a study keeps what it takes to go on with its paused trials; None where trials do not pause.

    :param folder: the study's folder
    """
    return Checkpoints(folder / CHECKPOINTS_FOLDER) if isinstance(study.pruner, PausingPruner) else None


def tensorboard_of(settings: TuningSettings, study_name: str) -> TensorBoardLog | None:
    """Where the trainings of a study are logged for TensorBoard; None where they are not."""
    return TensorBoardLog(Path(settings.tensorboard_log) / study_name) if settings.tensorboard_log else None


def callbacks_of(settings: TuningSettings, tell: Callable[[str], None]) -> list[StudyCallback]:
    """What is called after each trial of a search: trackers, then callbacks of packages and of the user.

    :param tell: called with what a tracker could not log
    :raises UserError: if a callback cannot be imported or called
    """
    return [*trackers(settings, tell), *load_callbacks(settings.callback)]


def _wait(flag: PhaseFlag) -> None:
    end = time.monotonic() + IDLE_S
    while time.monotonic() < end and not flag.is_over():
        time.sleep(_NAP_S)
