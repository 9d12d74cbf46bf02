"""``sb3-hpo compare`` on a real task: what it needs, checked before anything is trained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from sb3_hpo.algorithms import get_algorithm
from sb3_hpo.comparing.crew import SearchCrew, Workplace
from sb3_hpo.comparing.plan import Plan
from sb3_hpo.comparing.task_comparison import DEFAULT_MAX_INCUMBENTS, TaskComparison
from sb3_hpo.consecutive_failures import ConsecutiveFailuresError
from sb3_hpo.crew import WorkersDieError
from sb3_hpo.errors import UserError
from sb3_hpo.interruption import StopSignal
from sb3_hpo.plugin.comparing_process import SEARCH, VALIDATE
from sb3_hpo.plugin.rebuild import configured_task
from sb3_hpo.processes import prepare_processes
from sb3_hpo.space_files import edited_space, read_space_file
from sb3_hpo.storage import is_in_memory, open_storage, storage_location
from sb3_hpo.tuning import check_writable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from sb3_hpo.comparing.result import ComparisonResult
    from sb3_hpo.display import Display
    from sb3_hpo.plugin.task import ZooTask
    from sb3_hpo.search_space import SearchSpace

DEFAULT_ALGO = "dqn"
DEFAULT_ENV = "CartPole-v1"


def compare_on_task(
    args: argparse.Namespace,
    plan: Plan,
    n_jobs: int,
    display: Display,
    publish: Callable[[ComparisonResult], None],
) -> int:
    """Compare searches on a task.

    :param args: those of ``sb3-hpo compare``
    :param publish: called with what came of it
    :return: exit code: 0, or 128 plus the number of the signal that stopped it
    :raises UserError: for a mistake in what was asked for
    """
    location = storage_location(args.storage, args.log_folder)
    _check(args, location, n_jobs)
    if n_jobs > 1:
        prepare_processes(["sb3_hpo.plugin.comparing_process", "torch._dynamo"])
    comparison = _comparison(args, plan, location, n_jobs, display)
    with StopSignal() as stop:
        try:
            result = comparison.run(stop)
        except (ConsecutiveFailuresError, WorkersDieError) as error:
            sys.stderr.write(f"sb3-hpo: the comparison stops: {error}\n")
            return 1
    if result is not None:
        publish(result)
    return stop.exit_code


def _check(args: argparse.Namespace, location: str, n_jobs: int) -> None:
    if is_in_memory(location) and n_jobs > 1:
        raise UserError(f"storage {location!r} is in memory, which one process sees: name another one, or --n-jobs 1")
    if args.max_incumbents is not None and args.max_incumbents < 2:
        raise UserError(
            f"--max-incumbents is {args.max_incumbents}, it must be at least 2: the first one and the last one"
        )
    if args.n_timesteps is not None and args.n_timesteps < 1:
        raise UserError(f"--n-timesteps is {args.n_timesteps}, it must be at least 1")
    check_writable(Path(args.log_folder))


def _comparison(args: argparse.Namespace, plan: Plan, location: str, n_jobs: int, display: Display) -> TaskComparison:
    gym_packages = tuple(args.gym_packages or ())
    task = configured_task(
        args.algo or DEFAULT_ALGO, args.env or DEFAULT_ENV, gym_packages, args.n_timesteps, args.log_folder
    )
    torch.set_num_threads(1)
    workplace = Workplace(location, gym_packages, args.log_folder)
    return TaskComparison(
        task,
        _space(task, args.search_space),
        plan,
        open_storage(location),
        args.study_name or _name(task, plan),
        display,
        args.log_folder,
        DEFAULT_MAX_INCUMBENTS if args.max_incumbents is None else args.max_incumbents,
        None if n_jobs == 1 else SearchCrew(workplace, n_jobs, SEARCH, VALIDATE),
    )


def _space(task: ZooTask, file: str | None) -> SearchSpace:
    algorithm = get_algorithm(task.algo)
    space = algorithm.search_space
    if file is not None:
        space = edited_space(task.algo, algorithm, read_space_file(file), f"search space {file!r}")
    return space.for_features(task.features)


def _name(task: ZooTask, plan: Plan) -> str:
    """What the same command finds again, and another one does not."""
    n_timesteps = int(task.configuration["n_timesteps"])
    name = f"compare_{task.algo}_{task.env_id.replace('/', '-')}_{n_timesteps}_{plan.pruner}_seed-{plan.seed}"
    if plan.grid_points is not None:
        name += f"_{plan.grid_points}-points"
    for option in ("n_evaluations", "n_eval_episodes"):
        number = getattr(plan, option)
        if number != getattr(Plan, option):
            name += f"_{number}-{option.removeprefix('n_').replace('_', '-')}"
    return name
