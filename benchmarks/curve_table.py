"""A table of real learning curves in the place of trainings: its columns are the search space, its rows the trainings.

A table is an ``.npz`` file of ``mean_reward``, shape ``(n_configurations, n_seeds, n_evaluations)``, NaN where a run
ended early, ``seeds``, shape ``(n_seeds,)``, and a column of shape ``(n_configurations,)`` for each hyperparameter;
``seconds`` is not read. It may have ``final_reward``, shape ``(n_configurations, n_seeds)``: what the agents at the
end of the trainings are worth, by more episodes than an evaluation has. Without it that is the mean of the last tenth
of the evaluations.

Where the columns span a full grid, a parameter is the place of its value in the order of the values. Otherwise a
parameter is a number between the smallest and the largest value, and what is sampled stands for the nearest
configuration. Text is a choice.
"""

from __future__ import annotations

import dataclasses
import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from sb3_hpo.finalists import unit_point
from sb3_hpo.scores import mean, mean_last
from sb3_hpo.search_space import Parameter, SearchSpace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sb3_hpo.transforms import Plain

_OTHERS = ("mean_reward", "seeds", "seconds", "final_reward")
"""Arrays of a table that are no hyperparameters."""


@dataclasses.dataclass(frozen=True)
class CurveTable:
    """Learning curves of every configuration.

    :param columns: the values of each hyperparameter, shape ``(n_configurations,)`` each
    :param curves: mean evaluation returns, shape ``(n_configurations, n_seeds, n_evaluations)``, without gaps
    :param final: what the agents at the end are worth, shape ``(n_configurations, n_seeds)``
    """

    columns: Mapping[str, np.ndarray]
    curves: np.ndarray
    final: np.ndarray

    @classmethod
    def read(cls, path: Path) -> CurveTable:
        """Read a table.

        :raises ValueError: if the file is no table
        """
        with np.load(path, allow_pickle=False) as arrays:
            if "mean_reward" not in arrays or arrays["mean_reward"].ndim != 3:
                raise ValueError(
                    f"{path}: a table has an array 'mean_reward' (n_configurations, n_seeds, n_evaluations)"
                )
            curves = carried_forward(arrays["mean_reward"].astype(np.float64))
            last_tenth = np.asarray([mean_last(seeds) for seeds in curves])
            final = arrays["final_reward"].astype(np.float64) if "final_reward" in arrays else last_tenth
            columns = {name: arrays[name] for name in arrays.files if name not in _OTHERS}
        if not columns or any(values.shape != curves.shape[:1] for values in columns.values()):
            raise ValueError(f"{path}: every other array of a table is a column of {len(curves)} values")
        return cls(columns, curves, final)

    @property
    def n_seeds(self) -> int:
        """Trainings of each configuration."""
        return int(self.curves.shape[1])

    @property
    def n_evaluations(self) -> int:
        """Evaluations of one training: its cost."""
        return int(self.curves.shape[2])

    @cached_property
    def truth(self) -> np.ndarray:
        """What each configuration is worth, shape ``(n_configurations,)``.

        The mean over all its seeds of what their agents are worth.
        """
        return np.asarray(mean(self.final))

    @cached_property
    def regret(self) -> np.ndarray:
        """How far each configuration is from the best, as a share of the range between the worst and the best."""
        return (self.truth.max() - self.truth) / max(float(np.ptp(self.truth)), 1e-12)

    @cached_property
    def space(self) -> SearchSpace:
        """The columns as a search space."""
        is_grid = math.prod(len(np.unique(values)) for values in self.columns.values()) == len(self.curves)
        return SearchSpace(
            tuple(
                Parameter(name, _distribution(values, is_grid=is_grid), name, "the table", None)
                for name, values in self.columns.items()
                if len(np.unique(values)) > 1
            )
        )

    def index(self, params: Mapping[str, Plain]) -> int:
        """The configuration that is nearest to what was sampled, in the unit cube of the search space."""
        key = tuple(params[parameter.name] for parameter in self.space)
        if key not in self._nearest:
            distances = ((self._points - unit_point(params, self.space)) ** 2).sum(axis=1)
            self._nearest[key] = int(distances.argmin())
        return self._nearest[key]

    def params(self, index: int) -> dict[str, Plain]:
        """The params that stand for a configuration."""
        return {p.name: _param(self.columns[p.name], index, p.distribution) for p in self.space}

    @cached_property
    def _nearest(self) -> dict[tuple[Plain, ...], int]:
        return {}

    @cached_property
    def _points(self) -> np.ndarray:
        return np.stack([unit_point(self.params(i), self.space) for i in range(len(self.curves))])


def carried_forward(curves: np.ndarray) -> np.ndarray:
    """Curves in which the last value of a run that ended early goes on to the end.

    A run without any evaluation is worth the worst value of the table.
    """
    filled = curves.copy()
    for i in range(1, filled.shape[2]):
        missing = np.isnan(filled[:, :, i])
        filled[:, :, i][missing] = filled[:, :, i - 1][missing]
    return np.where(np.isnan(filled), np.nanmin(curves), filled)


def _distribution(values: np.ndarray, *, is_grid: bool) -> BaseDistribution:
    if values.dtype.kind in "USb":
        return CategoricalDistribution(np.unique(values).tolist())
    if is_grid:
        return IntDistribution(0, len(np.unique(values)) - 1)
    return FloatDistribution(float(values.min()), float(values.max()))


def _param(values: np.ndarray, index: int, distribution: BaseDistribution) -> Plain:
    if isinstance(distribution, IntDistribution):
        return int(np.searchsorted(np.unique(values), values[index]))
    value: Plain = values[index].item()
    return float(value) if isinstance(distribution, FloatDistribution) and value is not None else value
