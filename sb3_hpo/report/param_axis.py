"""The values of a param along an axis, as Optuna holds them inside: a choice is its index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sb3_hpo.report.charts import Axis

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from sb3_hpo.scores import FloatArray

N_POINTS = 161
"""Points of a curve over a continuous param; of one with steps, as many at most."""

_LONGEST_LABEL = 24


def grid_of(distribution: BaseDistribution) -> FloatArray:
    """Values all over the range of a param, shape ``(n_points,)``."""
    if isinstance(distribution, CategoricalDistribution):
        return np.arange(len(distribution.choices), dtype=np.float64)
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        raise TypeError(f"distribution {distribution!r} is of no kind that Optuna samples")
    low, high = float(distribution.low), float(distribution.high)
    values = np.geomspace(low, high, N_POINTS) if distribution.log else np.linspace(low, high, N_POINTS)
    if distribution.step is None:
        return np.clip(values, low, high)
    steps = np.round((values - low) / distribution.step)
    return np.asarray(np.unique(np.clip(low + steps * distribution.step, low, high)))


def axis_of(name: str, distribution: BaseDistribution) -> Axis:
    """The axis of a param; choices are written out."""
    if isinstance(distribution, CategoricalDistribution):
        labels = {float(at): _label(choice) for at, choice in enumerate(distribution.choices)}
        return Axis(name, ticks=labels, limits=(-0.5, len(labels) - 0.5))
    is_log = bool(getattr(distribution, "log", False))
    return Axis(name, is_log=is_log)


def is_choice(distribution: BaseDistribution) -> bool:
    """Whether the values of a param have no order."""
    return isinstance(distribution, CategoricalDistribution)


def _label(choice: object) -> str:
    text = str(choice)
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"
