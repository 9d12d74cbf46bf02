"""What a process does that searches for a comparison: the task is rebuilt from the study, as every worker does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import torch

from sb3_hpo.comparing.task_search import run_search
from sb3_hpo.plugin.rebuild import rebuild_space, rebuild_task
from sb3_hpo.retries import RetryDeadTrial, reap
from sb3_hpo.storage import open_storage
from sb3_hpo.study_description import read_description
from sb3_hpo.training_queue import ValidationWorker
from sb3_hpo.validation_trainings import open_validation_study, train_and_evaluate

if TYPE_CHECKING:
    from sb3_hpo.comparing.crew import ToldToStop, Workplace
    from sb3_hpo.comparing.spending import SearchBudget
    from sb3_hpo.plugin.task import ZooTask
    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.study_description import StudyDescription

POLL_S = 0.2
"""Seconds between two looks for a training while none waits."""

SEARCH = "sb3_hpo.plugin.comparing_process:search_in_process"
VALIDATE = "sb3_hpo.plugin.comparing_process:validate_in_process"


def search_in_process(
    workplace: Workplace, study_name: str, settings: TuningSettings, budget: SearchBudget, stop: ToldToStop
) -> None:
    """Do one search, or what is left of it."""
    if stop.is_pending:
        return
    study, description, task = _open(workplace, study_name, settings.max_retries)
    run_search(study, description, task, rebuild_space(description, task), settings, budget, stop)


def validate_in_process(workplace: Workplace, study_name: str, name: str, stop: ToldToStop) -> None:
    """Do trainings that the validation of a study asks for, until told to stop."""
    study, _, task = _open(workplace, study_name, 1)
    validation = open_validation_study(study._storage, name)
    worker = ValidationWorker(validation, task, lambda: stop.is_pending, train_and_evaluate)
    while not stop.is_pending:
        if not worker.work():
            stop.wait(POLL_S)
            reap(validation)


def _open(workplace: Workplace, study_name: str, max_retries: int) -> tuple[optuna.Study, StudyDescription, ZooTask]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    storage = open_storage(workplace.storage, create=False)
    storage.on_stale_trial = RetryDeadTrial(max_retries)
    study = optuna.load_study(study_name=study_name, storage=storage)
    description = read_description(study, study_name)
    return study, description, rebuild_task(description, workplace.gym_packages, workplace.log_folder)
