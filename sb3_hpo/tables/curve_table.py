"""A table of real learning curves in the place of trainings: its columns are the search space, its rows the trainings.

A table is an ``.npz`` file of ``mean_reward``, shape ``(n_configurations, n_seeds, n_evaluations)``, NaN where a run
ended early, ``seeds``, shape ``(n_seeds,)``, and a column of shape ``(n_configurations,)`` for each hyperparameter. It
may have ``final_reward``, shape ``(n_configurations, n_seeds)``: what the agents at the end of the trainings are worth,
by more episodes than an evaluation has. Without it that is the mean of the last tenth of the evaluations. It may have
``seconds``, of the shape of ``mean_reward``: when each evaluation was, since the start of its training.

Where the columns span a full grid, a parameter is the place of its value in the order of the values. Otherwise a
parameter is a number between the smallest and the largest value, and what is sampled stands for the nearest
configuration. Text is a choice.
"""

from __future__ import annotations

import dataclasses
import math
import zipfile
import zlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from sb3_hpo.errors import one_line
from sb3_hpo.finalists import unit_point
from sb3_hpo.parameter import Parameter
from sb3_hpo.scores import FloatArray, mean, mean_last
from sb3_hpo.search_space import SearchSpace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sb3_hpo.transforms import Plain

Column = npt.NDArray[Any]
"""Values of a hyperparameter: numbers or text."""

_OTHERS = ("mean_reward", "seeds", "seconds", "final_reward")
"""Arrays of a table that are no hyperparameters."""


@dataclasses.dataclass(frozen=True)
class CurveTable:
    """Learning curves of every configuration.

    :param columns: the values of each hyperparameter, shape ``(n_configurations,)`` each
    :param curves: mean evaluation returns, shape ``(n_configurations, n_seeds, n_evaluations)``, without gaps
    :param final: what the agents at the end are worth, shape ``(n_configurations, n_seeds)``
    :param seconds: time of each evaluation since the start of its training, of the shape of ``curves``; None where the
        table does not say. A run that ended early takes no time from then on
    """

    columns: Mapping[str, Column]
    curves: FloatArray
    final: FloatArray
    seconds: FloatArray | None = None

    @classmethod
    def read(cls, path: Path) -> CurveTable:
        """Read a table.

        :raises ValueError: if the file is no table
        """
        arrays = _arrays(path)
        rewards = arrays.get("mean_reward")
        if rewards is None or rewards.ndim != 3 or not rewards.size or np.isnan(rewards).all():
            raise ValueError(f"{path}: a table has an array 'mean_reward' (n_configurations, n_seeds, n_evaluations)")
        curves = carried_forward(rewards.astype(np.float64))
        last_tenth = np.asarray([mean_last(seeds) for seeds in curves])
        final = arrays["final_reward"].astype(np.float64) if "final_reward" in arrays else last_tenth
        columns = {name: values for name, values in arrays.items() if name not in _OTHERS}
        if not columns or any(values.shape != curves.shape[:1] for values in columns.values()):
            raise ValueError(f"{path}: every other array of a table is a column of {len(curves)} values")
        return cls(columns, curves, final, _seconds(arrays, curves.shape))

    @property
    def n_seeds(self) -> int:
        """Trainings of each configuration."""
        return int(self.curves.shape[1])

    @property
    def n_evaluations(self) -> int:
        """Evaluations of one training: its cost."""
        return int(self.curves.shape[2])

    @cached_property
    def truth(self) -> FloatArray:
        """What each configuration is worth, shape ``(n_configurations,)``.

        The mean over all its seeds of what their agents are worth.
        """
        return np.asarray(mean(self.final))

    @cached_property
    def regret(self) -> FloatArray:
        """How far each configuration is from the best, as a share of the range between the worst and the best."""
        regret: FloatArray = (self.truth.max() - self.truth) / max(float(np.ptp(self.truth)), 1e-12)
        return regret

    @cached_property
    def is_grid(self) -> bool:
        """Whether the columns span a full grid: a configuration for every combination of their values."""
        return math.prod(len(np.unique(values)) for values in self.columns.values()) == len(self.curves)

    @cached_property
    def space(self) -> SearchSpace:
        """The columns as a search space."""
        return SearchSpace(
            tuple(
                Parameter(name, _distribution(values, is_grid=self.is_grid), name, "the table", None)
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
    def _points(self) -> FloatArray:
        return np.stack([unit_point(self.params(i), self.space) for i in range(len(self.curves))])


def _arrays(path: Path) -> dict[str, Column]:
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.lib.npyio.NpzFile):
                return {name: loaded[name] for name in loaded.files}
    except ValueError:
        # NumPy takes whatever it does not know for a pickle, and advises to load it unsafely.
        raise ValueError(f"{path} is no .npz file of plain arrays: what it holds is never unpickled") from None
    except (EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is no .npz file of plain arrays: {one_line(error)}") from None
    raise ValueError(f"{path} is no .npz file: a table has several arrays")


def _seconds(arrays: Mapping[str, Column], shape: tuple[int, ...]) -> FloatArray | None:
    if "seconds" not in arrays or arrays["seconds"].shape != shape or np.isnan(arrays["seconds"]).all():
        return None
    return carried_forward(arrays["seconds"].astype(np.float64), otherwise=0.0)


def carried_forward(curves: FloatArray, otherwise: float | None = None) -> FloatArray:
    """Curves in which the last value of a run that ended early goes on to the end.

    :param otherwise: the value of a run without any evaluation; None for the worst value of the table
    """
    filled = curves.copy()
    for i in range(1, filled.shape[2]):
        missing = np.isnan(filled[:, :, i])
        filled[:, :, i][missing] = filled[:, :, i - 1][missing]
    return np.where(np.isnan(filled), np.nanmin(curves) if otherwise is None else otherwise, filled)


def _distribution(values: Column, *, is_grid: bool) -> BaseDistribution:
    if values.dtype.kind in "USb":
        return CategoricalDistribution(np.unique(values).tolist())
    if is_grid:
        return IntDistribution(0, len(np.unique(values)) - 1)
    return FloatDistribution(float(values.min()), float(values.max()))


def _param(values: Column, index: int, distribution: BaseDistribution) -> Plain:
    if isinstance(distribution, IntDistribution):
        return int(np.searchsorted(np.unique(values), values[index]))
    value: Plain = values[index].item()
    return float(value) if isinstance(distribution, FloatDistribution) and value is not None else value
