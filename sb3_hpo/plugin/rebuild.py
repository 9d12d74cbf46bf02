"""The task of a study, rebuilt from what is kept in the study alone."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

from sb3_hpo.algorithms import get_algorithm
from sb3_hpo.configuration import from_zoo, merge, to_zoo
from sb3_hpo.errors import UserError
from sb3_hpo.plugin.arguments import zoo_parser
from sb3_hpo.plugin.experiment import HpoExperimentManager, stock_hyperparams
from sb3_hpo.plugin.task import ZooTask
from sb3_hpo.registered import check_registered
from sb3_hpo.space_files import edited_space
from sb3_hpo.study_description import storable
from sb3_hpo.trust import check_modules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.study_description import StudyDescription


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
    check_registered(description.algo, description.env, gym_packages)
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


def rebuild_space(description: StudyDescription, task: ZooTask) -> SearchSpace:
    """The search space of a study, as it is for its task."""
    algorithm = get_algorithm(description.algo)
    own = algorithm.search_space.for_features(task.features)
    if description.search_space is None or description.search_space == storable(own):
        # That of an installed package, which may name arguments that a class takes without listing them.
        return own
    return edited_space(description.algo, algorithm, description.search_space, "the study").for_features(task.features)


def rebuild_stock_task(
    algo: str, env_id: str, gym_packages: Sequence[str], n_timesteps: int | None, log_folder: str
) -> ZooTask:
    """The task of a study that the stock zoo made: the zoo keeps none of it.

    :param n_timesteps: environment steps of a training; None for those of the configuration
    :raises UserError: if the algorithm or the environment is unknown, or the model cannot be built
    """
    return configured_task(algo, env_id, gym_packages, n_timesteps, log_folder)


def configured_task(
    algo: str, env_id: str, gym_packages: Sequence[str], n_timesteps: int | None, log_folder: str
) -> ZooTask:
    """An algorithm on an environment, with the configuration that the zoo, or else this project, has for it.

    :param gym_packages: modules that may be imported
    :param n_timesteps: environment steps of a training; None for those of the configuration
    :raises UserError: if the algorithm or the environment is unknown, or the model cannot be built
    """
    check_registered(algo, env_id, gym_packages)
    args = zoo_parser().parse_args([])
    args.algo, args.env, args.log_folder, args.gym_packages = algo, env_id, log_folder, list(gym_packages)
    experiment = HpoExperimentManager(
        args, algo, env_id, log_folder, n_timesteps=n_timesteps or 0, optimize_hyperparameters=True, verbose=0
    )
    with contextlib.redirect_stdout(io.StringIO()):
        _, hyperparams = experiment.read_hyperparameters()
    configuration = from_zoo(hyperparams)
    configuration["n_timesteps"] = n_timesteps or int(configuration["n_timesteps"])
    task = ZooTask(experiment, configuration)
    task.check()
    return task


def stock_configuration(task: ZooTask, params: Mapping[str, Any]) -> dict[str, Any]:
    """What the stock zoo trains for the params of one of its trials, in the zoo's notation."""
    noise_free = {"noise_type": None} if "noise_type" in params and params["noise_type"] is None else {}
    changes = {**from_zoo(stock_hyperparams(task.algo, params)), **noise_free}
    # The zoo replaces what is nested as a whole.
    base = {key: value for key, value in task.configuration.items() if key not in changes}
    return to_zoo(merge(base, changes))
