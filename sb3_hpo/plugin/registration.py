"""Puts this project's search spaces and manager in the place of the zoo's."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import rl_zoo3.exp_manager
import rl_zoo3.train
from rl_zoo3.exp_manager import ExperimentManager
from rl_zoo3.hyperparams_opt import HYPERPARAMS_CONVERTER, HYPERPARAMS_SAMPLER

from sb3_hpo.algorithms import algorithm_names, get_algorithm
from sb3_hpo.model_kwargs import to_objects
from sb3_hpo.plugin.experiment import HpoExperimentManager

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna

    from sb3_hpo.transforms import Plain


def sample(algo: str, trial: optuna.Trial, n_actions: int, n_envs: int, additional_args: object) -> dict[str, Any]:
    """What is registered in the zoo's ``HYPERPARAMS_SAMPLER``: sample an algorithm's keyword arguments."""
    return convert(algo, get_algorithm(algo).search_space.suggest(trial))


def convert(algo: str, params: Mapping[str, Plain]) -> dict[str, Any]:
    """What is registered in the zoo's ``HYPERPARAMS_CONVERTER``: a trial's params as keyword arguments."""
    hyperparams = to_objects(get_algorithm(algo).search_space.to_hyperparams(params))
    converted: dict[str, Any] = ExperimentManager._preprocess_schedules(hyperparams)
    return converted


def activate() -> None:
    """Register the search spaces in the zoo and put this project's manager in the place of the zoo's."""
    for algo in algorithm_names():
        HYPERPARAMS_SAMPLER[algo] = functools.partial(sample, algo)
        HYPERPARAMS_CONVERTER[algo] = functools.partial(convert, algo)
    # Under `python -m rl_zoo3.train` the module that looks the manager up is __main__.
    for module in (rl_zoo3.exp_manager, rl_zoo3.train, sys.modules["__main__"]):
        if getattr(module, "ExperimentManager", None) is ExperimentManager:
            module.ExperimentManager = HpoExperimentManager  # type: ignore[attr-defined]
