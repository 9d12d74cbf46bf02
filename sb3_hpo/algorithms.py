"""The registry: algorithm name -> model class and search space, filled from entry points.

A package makes its algorithm tunable by naming an :class:`Algorithm` in its own ``pyproject.toml``, exactly as
this project does for its own::

    [project.entry-points."sb3_hpo.algorithms"]
    my_algo = "my_package.tuning:ALGORITHM"
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import TYPE_CHECKING

from sb3_hpo.entry_points import entry_points
from sb3_hpo.errors import UserError, unknown_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from stable_baselines3.common.base_class import BaseAlgorithm

    from sb3_hpo.search_space import SearchSpace

ENTRY_POINT_GROUP = "sb3_hpo.algorithms"


@dataclasses.dataclass(frozen=True)
class Algorithm:
    """An algorithm that can be tuned.

    :param model: the model class, or ``"module:Class"``, imported only when the algorithm is used
    :param search_space: its hyperparameters
    """

    model: str | type[BaseAlgorithm]
    search_space: SearchSpace

    @property
    def model_class(self) -> type[BaseAlgorithm]:
        """The model class itself."""
        if not isinstance(self.model, str):
            return self.model
        module, _, name = self.model.partition(":")
        loaded: type[BaseAlgorithm] = getattr(importlib.import_module(module), name)
        return loaded


def algorithm_names() -> list[str]:
    """Names of all algorithms that installed packages make tunable, sorted."""
    return sorted(_entry_points())


def get_algorithm(name: str) -> Algorithm:
    """The algorithm of that name.

    :raises UserError: if no installed package declares it, or its declaration cannot be loaded
    """
    points = _entry_points()
    if name not in points:
        raise unknown_name("algorithm", name, points)
    point = points[name]
    try:
        algorithm = point.load()
    except (ImportError, AttributeError) as error:
        raise UserError(f"algorithm {name!r} cannot be loaded from {point.value!r}: {error}") from error
    if not isinstance(algorithm, Algorithm):
        raise UserError(f"algorithm {name!r}: {point.value!r} is {algorithm!r}, it must be an sb3_hpo.Algorithm")
    return algorithm


def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
