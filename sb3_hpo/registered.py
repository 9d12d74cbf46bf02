"""Whether what a command names is there: packages to import, the algorithm, the environment."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import gymnasium as gym

from sb3_hpo.algorithms import get_algorithm
from sb3_hpo.errors import UserError, one_line, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence


def check_registered(algo: str, env_id: str, gym_packages: Sequence[str]) -> None:
    """Import the packages that register environments, then look the algorithm and the environment up.

    :param gym_packages: modules of ``--gym-packages``: those that the user allows to be imported
    :raises UserError: for the first that is not there, with the nearest name where there is one
    """
    get_algorithm(algo)
    try:
        for module in gym_packages:
            importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"--gym-packages {' '.join(gym_packages)} cannot be imported: {one_line(error)}") from error
    if env_id not in gym.registry:
        raise unknown_name("environment", env_id, list(gym.registry))
