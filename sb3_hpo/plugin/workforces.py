"""Who works for a command: processes on this machine, or workers on a cluster."""

from __future__ import annotations

import dataclasses
import functools
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import optuna

from sb3_hpo.cluster_crew import ClusterCrew, check_reachable
from sb3_hpo.clusters.addresses import ClusterAddress
from sb3_hpo.clusters.opening import open_cluster
from sb3_hpo.commands import Phase
from sb3_hpo.crew import ProcessCrew
from sb3_hpo.errors import UserError
from sb3_hpo.plugin.devices import default_threads, is_on_gpu
from sb3_hpo.processes import usable_cores
from sb3_hpo.retries import reap
from sb3_hpo.storage import absolute_location, is_in_memory
from sb3_hpo.study_description import read_description
from sb3_hpo.worker_plan import StockWorkerPlan, WorkerPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rl_zoo3.exp_manager import ExperimentManager

    from sb3_hpo.clusters.jobs import Cluster
    from sb3_hpo.commands import Command
    from sb3_hpo.crew import Crew
    from sb3_hpo.display import Display
    from sb3_hpo.heartbeats import HeartbeatStorage
    from sb3_hpo.settings import TuningSettings

WORK = "sb3_hpo.plugin.worker_process:work_in_process"
"""What a worker's process does."""


def prepare_crew(
    experiment: ExperimentManager,
    settings: TuningSettings,
    location: str,
    storage: HeartbeatStorage,
    display: Display,
) -> Callable[[str, Command], Crew] | None:
    """What makes the workers of a command; None where it does the work itself.

    :param location: of the storage, its password included
    :return: ``(study_name, command)`` -> workers
    :raises UserError: if a cluster does not answer or offers nothing
    """
    if settings.cluster is not None:
        cluster = open_cluster(ClusterAddress.parse(settings.cluster), needs_gpu=is_on_gpu(str(experiment.device)))
        return functools.partial(_cluster_crew, experiment, settings, location, storage, display, cluster)
    n_jobs = n_processes(settings, location)
    if n_jobs == 1:
        return None
    return functools.partial(_process_crew, experiment, location, n_jobs, storage, display)


def validation_crew(
    study: optuna.Study,
    location: str,
    settings: TuningSettings,
    gym_packages: Sequence[str],
    show: Callable[[str], None],
    stock: tuple[str, str, int | None] | None = None,
) -> ProcessCrew | None:
    """Processes that train what a validation of a study that exists asks for; None where one is enough.

    :param location: of the storage, its password included
    :param settings: with ``n_jobs``, None for the cores that may be used
    :param gym_packages: modules that may be imported
    :param show: called with what a worker wants a person to see
    :param stock: algorithm, environment and environment steps of a training, where the stock zoo made the study
    """
    n_jobs = min(usable_cores() if settings.n_jobs is None else settings.n_jobs, settings.n_validation_trainings)
    if n_jobs <= 1:
        return None
    command = uuid.uuid4().hex[:12]  # Of no command of the study: it is searched as before.
    # The study has that many, so whatever a worker hears first, it begins no trial of the search.
    settings = dataclasses.replace(settings, max_total_trials=1)
    words = (location, study.study_name, command, settings, tuple(gym_packages))
    if stock is None:
        device = read_description(study, study.study_name).arguments["device"]
        plan = WorkerPlan(*words, default_threads(device))
    else:
        plan = StockWorkerPlan(*words, default_threads("auto"), *stock)
    crew = ProcessCrew(plan, n_jobs, WORK, lambda: reap(study), show)
    crew.enter(Phase.VALIDATION)
    return crew


def check_storage(settings: TuningSettings, location: str) -> None:
    """Check that workers on a cluster can share a storage, before it is made.

    :raises UserError: if they cannot
    """
    if settings.cluster is None:
        return
    if is_in_memory(location):
        raise UserError(f"storage {location!r} is in memory, which no worker on a cluster sees: name another one")
    check_reachable(ClusterAddress.parse(settings.cluster).is_on_this_machine(), location)


def n_processes(settings: TuningSettings, location: str) -> int:
    """Processes of this machine that work on a study.

    :param location: of the storage
    :raises UserError: if several are asked for, and the storage is one that a single process sees
    """
    if is_in_memory(location):
        if settings.n_jobs not in (None, 1):
            raise UserError(
                f"storage {location!r} is in memory, which one process sees: name another one, or --n-jobs 1"
            )
        return 1
    return _at_most_useful(settings, usable_cores() if settings.n_jobs is None else settings.n_jobs)


def _at_most_useful(settings: TuningSettings, n_jobs: int) -> int:
    """Workers to start: no more than there are trials and validation trainings to do."""
    bounds = [bound for bound in (settings.n_trials, settings.max_total_trials) if bound is not None]
    return min(n_jobs, max(min(bounds), settings.n_validation_trainings)) if bounds else n_jobs


def _n_submitted(settings: TuningSettings, cluster: Cluster) -> int:
    n_jobs = cluster.n_slots if settings.n_jobs is None else settings.n_jobs
    if n_jobs < 1:
        raise UserError(
            f"cluster {settings.cluster!r} has no workers: start some, or say by --n-jobs how many will come"
        )
    return _at_most_useful(settings, n_jobs)


def _process_crew(
    experiment: ExperimentManager,
    location: str,
    n_jobs: int,
    storage: HeartbeatStorage,
    display: Display,
    study_name: str,
    command: Command,
) -> ProcessCrew:
    plan = _plan(experiment, location, n_jobs, study_name, command)
    study = functools.partial(optuna.load_study, study_name=study_name, storage=storage)
    return ProcessCrew(plan, n_jobs, WORK, lambda: reap(study()), display.line)


def _cluster_crew(
    experiment: ExperimentManager,
    settings: TuningSettings,
    location: str,
    storage: HeartbeatStorage,
    display: Display,
    cluster: Cluster,
    study_name: str,
    command: Command,
) -> ClusterCrew:
    n_workers = _n_submitted(settings, cluster)
    plan = _plan(experiment, absolute_location(location), n_workers, study_name, command)
    plan = dataclasses.replace(plan, settings=_elsewhere(plan.settings))
    study = optuna.load_study(study_name=study_name, storage=storage)
    return ClusterCrew(cluster, plan, n_workers, study, command, display.line)


def _plan(experiment: ExperimentManager, location: str, n_jobs: int, study_name: str, command: Command) -> WorkerPlan:
    return WorkerPlan(
        storage=location,
        study_name=study_name,
        command=command.key,
        settings=command.settings,
        gym_packages=tuple(experiment.args.gym_packages),
        n_threads=n_threads(experiment, n_jobs),
    )


def _elsewhere(settings: TuningSettings) -> TuningSettings:
    """Settings as they are understood in any folder; the plan names the storage."""
    return dataclasses.replace(
        settings,
        storage=None,
        cluster=None,
        log_folder=str(Path(settings.log_folder).absolute()),
        optimization_log_path=_absolute(settings.optimization_log_path),
        tensorboard_log=_absolute(settings.tensorboard_log),
    )


def _absolute(folder: str | None) -> str | None:
    return str(Path(folder).absolute()) if folder else None


def n_threads(experiment: ExperimentManager, n_jobs: int) -> int | None:
    """Threads of torch in each process; None to leave the number to torch."""
    asked: int = experiment.args.num_threads
    if asked > 0:
        return max(1, asked // max(1, n_jobs))
    return default_threads(str(experiment.device))
