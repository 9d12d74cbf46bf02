"""The task of a study, rebuilt from what is kept in the study alone."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import gymnasium as gym

from sb3_hpo.algorithms import get_algorithm
from sb3_hpo.configuration import from_zoo
from sb3_hpo.errors import UserError, one_line, unknown_name
from sb3_hpo.plugin.arguments import zoo_parser
from sb3_hpo.plugin.experiment import HpoExperimentManager
from sb3_hpo.plugin.task import ZooTask
from sb3_hpo.trust import check_modules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sb3_hpo.study import StudyDescription

PLUGIN = "sb3_hpo.plugin"


def rebuild_task(description: StudyDescription, gym_packages: Sequence[str], log_folder: str) -> ZooTask:
    """The task that a study is about, ready for training.

    :param gym_packages: modules that the user allows to be imported; nothing else that the study names is
    :raises UserError: if the study needs a module that was not allowed, or the environment or model cannot be built
    """
    arguments = description.arguments
    missing = [module for module in arguments["gym_packages"] if module not in gym_packages]
    if missing:
        raise UserError(
            f"the study imports {', '.join(missing)}: if you trust it, give --gym-packages {' '.join(missing)}"
        )
    import_packages(gym_packages)
    if description.env not in gym.registry:
        raise unknown_name("environment", description.env, list(gym.registry))
    get_algorithm(description.algo)
    check_modules(description.configuration, gym_packages, "the study")

    args = zoo_parser().parse_args([])
    args.algo, args.env, args.log_folder = description.algo, description.env, log_folder
    for name in ("env_kwargs", "eval_env_kwargs", "vec_env", "gym_packages", "device"):
        setattr(args, name, arguments[name])
    experiment = HpoExperimentManager(
        args,
        description.algo,
        description.env,
        log_folder,
        n_timesteps=description.n_timesteps,
        env_kwargs=args.env_kwargs,
        eval_env_kwargs=args.eval_env_kwargs,
        optimize_hyperparameters=True,
        vec_env_type=args.vec_env,
        device=args.device,
        verbose=0,
    )
    task = ZooTask(experiment, from_zoo(description.configuration))
    task.check()
    return task


def import_packages(modules: Sequence[str]) -> None:
    """Import the modules of ``--gym-packages``.

    :raises UserError: if one cannot be imported
    """
    for module in modules:
        _import(module)


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"--gym-packages {module!r} cannot be imported: {one_line(error)}") from error
