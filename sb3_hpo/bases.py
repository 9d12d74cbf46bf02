"""The configurations that tuning starts from where the zoo has none for an environment: ``hyperparams/<algo>.yml``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

_ANY_ALGORITHM = "default"


def base_file(algo: str) -> Path:
    """The file with an algorithm's base; one that any algorithm can start from where there is none of its own."""
    package = Path(__file__).parent
    # Beside the package in a checkout, inside it once installed from a wheel.
    folder = next(path for path in (package / "hyperparams", package.parent / "hyperparams") if path.is_dir())
    own = folder / f"{algo}.yml"
    return own if own.is_file() else folder / f"{_ANY_ALGORITHM}.yml"


def policy_for(policy: str, observation_space: spaces.Space[object], model_class: type[BaseAlgorithm]) -> str:
    """The name of the policy that fits the observations.

    ``MlpPolicy`` becomes ``CnnPolicy`` for images and ``MultiInputPolicy`` for dictionaries, ``MlpLstmPolicy``
    likewise.

    :param policy: name of the policy for vectors
    :return: the policy itself where the algorithm has no other
    """
    if isinstance(observation_space, spaces.Dict):
        fitting = policy.replace("Mlp", "MultiInput", 1)
    elif isinstance(observation_space, spaces.Box) and is_image_space(observation_space):
        fitting = policy.replace("Mlp", "Cnn", 1)
    else:
        return policy
    return fitting if fitting in model_class.policy_aliases else policy
