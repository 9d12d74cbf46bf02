"""From the zoo's arguments and a configuration file to a tuning that is ready to run: all checks come here."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import optuna

from sb3_hpo._version import __version__
from sb3_hpo.algorithms import get_algorithm
from sb3_hpo.configuration import from_zoo
from sb3_hpo.dashboard import check_storage as check_dashboard_storage
from sb3_hpo.display import Display
from sb3_hpo.errors import UserError, one_line
from sb3_hpo.plugin.arguments import BEGAN, GIVEN_OPTIONS, given_options, to_settings, zoo_parser
from sb3_hpo.plugin.conf_files import check_conf_file, read_conf_file
from sb3_hpo.plugin.shortening import check_shortening, length_for_the_time
from sb3_hpo.plugin.task import ZooTask
from sb3_hpo.plugin.workforces import check_storage, prepare_crew
from sb3_hpo.pruners import check_pruner
from sb3_hpo.samplers import check_sampler
from sb3_hpo.settings import THRESHOLD, TuningSettings
from sb3_hpo.space_files import edited_space, read_space_file
from sb3_hpo.storage import open_storage, storage_location, study_names
from sb3_hpo.study_callbacks import load_callbacks
from sb3_hpo.study_description import read_description, storable, stored_choices, stored_space
from sb3_hpo.tracking import check_installed
from sb3_hpo.tuning import Tuning, check_writable

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from rl_zoo3.exp_manager import ExperimentManager


HPO_KEY = "hpo"
"""Where this project's options stand in ``-params`` and in a configuration file: ``hpo:dict(n_seeds=3)``."""

SPACE_KEY = "search_space"
"""Option that changes the search space: the path of a file, or the content of one."""

ENV_KWARGS = "env_kwargs"
"""Arguments of the environment, in a configuration as in the zoo's files, and in the arguments of a study."""


def prepare_tuning(experiment: ExperimentManager, hpo_params: object) -> Tuning:
    """A tuning of what the zoo was asked to optimize, with everything checked that can be without training.

    :param experiment: the zoo's manager
    :param hpo_params: what ``-params`` gives under :data:`HPO_KEY`
    :raises UserError: for the first thing that is wrong
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    _check_zoo_options(experiment)
    algorithm = get_algorithm(experiment.algo)
    options = _Options.read(experiment, hpo_params)
    settings = options.settings()
    _check_named(settings)
    check_shortening(settings)
    configuration = _base_configuration(experiment)
    space, origin = options.space()
    if space is not None:
        edited_space(experiment.algo, algorithm, space, origin)
    task = ZooTask(experiment, configuration)
    task.check()

    location = storage_location(settings.storage, settings.log_folder)
    check_storage(settings, location)
    if settings.dashboard:
        check_dashboard_storage(location)
    storage = open_storage(location)
    settings = _with_threshold(options.settings(stored_choices(storage, settings.study_name)), task)
    experiment.n_timesteps = settings.n_timesteps or int(configuration["n_timesteps"])
    configuration["n_timesteps"] = experiment.n_timesteps
    if space is None:
        space, origin = stored_space(storage, settings.study_name, task.algo), f"study {settings.study_name!r}"
        if space == storable(algorithm.search_space.for_features(task.features)):
            space = None
    search_space = algorithm.search_space
    if space is not None:
        search_space = edited_space(experiment.algo, algorithm, space, origin)
    for_task = search_space.for_features(task.features)
    display = Display()
    _keep_as_made(configuration, storage, settings.study_name, display)
    display.line(
        f"sb3-hpo {__version__} is active: search space {experiment.algo} ({len(for_task)} parameters), "
        f"sampler {settings.sampler}, pruner {settings.pruner}",
        "bold",
    )
    if settings.shorten and settings.study_name not in study_names(storage):
        experiment.n_timesteps = length_for_the_time(experiment, task, settings, location, display)
        configuration["n_timesteps"] = experiment.n_timesteps
    make_crew = prepare_crew(experiment, settings, location, storage, display)
    began: float | None = getattr(experiment.args, BEGAN, None)
    return Tuning(task, for_task, settings, storage, display, make_crew, began)


@dataclasses.dataclass(frozen=True)
class _Options:
    """What was given of the project's own options, and where, the weakest first."""

    sources: tuple[tuple[str, object], ...]

    @classmethod
    def read(cls, experiment: ExperimentManager, hpo_params: object) -> _Options:
        given: Mapping[str, object] | None = getattr(experiment.args, GIVEN_OPTIONS, None)
        if given is None:
            given = given_options(zoo_parser(), sys.argv[1:])
        settings = {**to_settings(given), "seed": experiment.seed}
        if given.get(SPACE_KEY) is not None:
            settings[SPACE_KEY] = given[SPACE_KEY]
        return cls(
            (
                (f"the hpo block of {experiment.config}", _hpo_block(experiment.args.conf_file)),
                ("the options", settings),
                ("-params hpo", hpo_params),
            )
        )

    def settings(self, stored: Mapping[str, object] | None = None) -> TuningSettings:
        """The settings; ``stored`` holds those of a study to go on with, which need not be repeated."""
        without_space = [
            (origin, {k: v for k, v in source.items() if k != SPACE_KEY} if isinstance(source, Mapping) else source)
            for origin, source in self.sources
        ]
        return TuningSettings.from_mappings(("the study", stored or {}), *without_space)

    def space(self) -> tuple[object, str]:
        """What changes the search space and where it was given; None if nothing does."""
        for origin, source in reversed(self.sources):
            content = source.get(SPACE_KEY) if isinstance(source, Mapping) else None
            if isinstance(content, str):
                return read_space_file(content), f"search space {content!r}"
            if content is not None:
                return content, f"{SPACE_KEY} in {origin}"
        return None, ""


def _check_zoo_options(experiment: ExperimentManager) -> None:
    if experiment.continue_training:
        raise UserError(f"--trained-agent {experiment.trained_agent!r} cannot be tuned: leave it out when optimizing")


def _check_named(settings: TuningSettings) -> None:
    """Check that what the settings name is there: sampler, pruner, packages, callbacks and folders to write in."""
    check_sampler(settings.sampler)
    check_pruner(settings.pruner)
    check_installed(settings)
    load_callbacks(settings.callback)
    check_writable(Path(settings.log_folder))
    if settings.tensorboard_log:
        check_writable(Path(settings.tensorboard_log), "--tensorboard-log")


def _with_threshold(settings: TuningSettings, task: ZooTask) -> TuningSettings:
    """Settings with the mean return that the environment's own threshold stands for."""
    if settings.stop_at != THRESHOLD:
        return settings
    if task.reward_threshold is None:
        raise UserError(
            f"stop_at is {THRESHOLD!r}, but environment {task.env_id!r} has no reward_threshold: "
            "give a mean return by --stop-at"
        )
    return dataclasses.replace(settings, stop_at=float(task.reward_threshold))


def _base_configuration(experiment: ExperimentManager) -> dict[str, Any]:
    env_id = experiment.env_name.gym_id
    if experiment.args.conf_file is not None:
        check_conf_file(experiment.args.conf_file, env_id, is_atari=experiment._is_atari)
    try:
        _, hyperparams = experiment.read_hyperparameters()
    except gym.error.Error as error:
        raise UserError(f"environment {env_id!r} cannot be made: {one_line(error)}") from None
    except ValueError as error:
        raise UserError(f"{error}: add an entry for it, or one named 'default'") from None
    # The zoo leaves those of the command line beside the configuration, where no file would hold them.
    given = {ENV_KWARGS: experiment.env_kwargs} if experiment.env_kwargs else {}
    configuration = from_zoo({**hyperparams, **given})
    if "n_timesteps" not in configuration and experiment.n_timesteps <= 0:
        raise UserError(f"{experiment.config} names no n_timesteps: give -n STEPS")
    configuration.setdefault("n_timesteps", experiment.n_timesteps)
    return configuration


def _keep_as_made(
    configuration: dict[str, Any], storage: BaseStorage, study_name: str | None, display: Display
) -> None:
    """Leave out :data:`ENV_KWARGS` where the study to go on with has them in its arguments alone, as older ones do.

    Its trials and its workers have them from there.
    """
    if study_name is None or study_name not in study_names(storage):
        return
    stored = read_description(optuna.load_study(study_name=study_name, storage=storage), study_name)
    given = configuration.get(ENV_KWARGS)
    if given is None or ENV_KWARGS in stored.configuration or stored.arguments.get(ENV_KWARGS) != given:
        return
    del configuration[ENV_KWARGS]
    display.line(
        f"study {study_name!r} is older than configurations that hold --env-kwargs: give them again wherever you train "
        "with its best.yml or one of its trials"
    )


def _hpo_block(config: str | None) -> object:
    if config is None or not config.endswith((".yml", ".yaml")):
        return {}
    block = read_conf_file(config).get(HPO_KEY, {})
    if not isinstance(block, Mapping):
        return block
    # YAML 1.1 takes the word yes for true, as a key too.
    return {"yes" if key is True else key: value for key, value in block.items()}
