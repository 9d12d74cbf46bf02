"""Puts this project's search spaces and manager in the place of the zoo's."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import rl_zoo3.exp_manager
import rl_zoo3.train
from rl_zoo3.exp_manager import ExperimentManager
from rl_zoo3.hyperparams_opt import HYPERPARAMS_CONVERTER, HYPERPARAMS_SAMPLER
from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise

from sb3_hpo.algorithms import algorithm_names, get_algorithm
from sb3_hpo.configuration import merge
from sb3_hpo.features import BOX_ACTIONS, HER, MLP_POLICY, N_STEP_RETURNS
from sb3_hpo.model_kwargs import to_objects
from sb3_hpo.plugin.experiment import HpoExperimentManager

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna

    from sb3_hpo.transforms import Plain


def sample(
    algo: str, trial: optuna.Trial, n_actions: int, n_envs: int, additional_args: Mapping[str, Any]
) -> dict[str, Any]:
    """What is registered in the zoo's ``HYPERPARAMS_SAMPLER``: sample an algorithm's keyword arguments.

    :param n_actions: dimensions of the action space; 0 if the actions are not continuous
    """
    features = {MLP_POLICY}
    if n_actions > 0:
        features.add(BOX_ACTIONS)
    if additional_args.get("using_her_replay_buffer"):
        features.add(HER)
    else:
        features.add(N_STEP_RETURNS)
    kwargs = convert(algo, get_algorithm(algo).search_space.for_features(frozenset(features)).suggest(trial))
    if "noise_type" in kwargs:
        noise = {"normal": NormalActionNoise, "ornstein-uhlenbeck": OrnsteinUhlenbeckActionNoise}
        sigma = kwargs.pop("noise_std") * np.ones(n_actions)
        kwargs["action_noise"] = noise[kwargs.pop("noise_type")](mean=np.zeros(n_actions), sigma=sigma)
    return kwargs


def convert(algo: str, params: Mapping[str, Plain]) -> dict[str, Any]:
    """What is registered in the zoo's ``HYPERPARAMS_CONVERTER``: a trial's params as keyword arguments.

    Action noise is left as text, as in a configuration: only the zoo knows the environment it is for.
    """
    space = get_algorithm(algo).search_space
    features = frozenset[str]().union(*(space[name].requires for name in params))
    hyperparams = to_objects(merge({}, space.for_features(features).to_hyperparams(params)))
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
