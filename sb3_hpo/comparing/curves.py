"""Best-so-far curves: what the incumbents of several repetitions are truly worth, with an interval. Pure numpy."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from sb3_hpo.intervals import bootstrap_interval
from sb3_hpo.scores import FloatArray, iqm
from sb3_hpo.seeds import bootstrap_generator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sb3_hpo.comparing.traces import Trace

N_POINTS = 100
"""Points of a curve, evenly spaced: about so many."""

Axis: TypeAlias = Literal["steps", "seconds"]
"""What is spent: environment steps (of a table: evaluations), or seconds."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """The interquartile mean over repetitions of what the best so far is truly worth; arrays of the same length.

    :param x: what was spent, from where on every repetition has a best
    :param center: interquartile mean
    :param low: lower end of its 95 % bootstrap interval
    :param high: upper end
    """

    x: FloatArray
    center: FloatArray
    low: FloatArray
    high: FloatArray


def best_so_far(
    traces: Sequence[Trace], truth: Mapping[str, float], axis: Axis, end: float, n_points: int = N_POINTS
) -> Curve:
    """The curve of one sampler.

    A search that has ended keeps its best. The interval says how far the repetitions scatter, and with them what one
    search may bring; that a true score is a mean over a few seeds is in it as far as the repetitions found different
    configurations.

    :param traces: of its repetitions; those that found nothing are left out
    :param truth: true score of each incumbent, by key
    :param end: where the curve ends
    """
    found = [trace for trace in traces if trace.incumbents]
    if not found:
        return Curve(*(np.empty(0) for _ in range(4)))
    x = np.linspace(0.0, end, n_points + 1)[1:]
    values = np.stack([_values(trace, truth, axis, x) for trace in found])
    x, values = x[~np.isnan(values).any(axis=0)], values[:, ~np.isnan(values).any(axis=0)]
    center, low, high = _summaries(values)
    return Curve(x, center, low, high)


def finals(traces: Sequence[Trace], truth: Mapping[str, float]) -> list[float]:
    """What the last incumbent of each repetition is truly worth; nothing for those without one."""
    return [truth[trace.incumbents[-1].key] for trace in traces if trace.incumbents]


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % bootstrap interval of the interquartile mean; None for fewer than two values, which say nothing of it."""
    return bootstrap_interval(values, bootstrap_generator(0)) if len(values) > 1 else None


def first_at_least(curve: Curve, level: float) -> float | None:
    """What had been spent when a curve first was at a level; None if it never is."""
    reached = np.flatnonzero(curve.center >= level)
    return float(curve.x[reached[0]]) if reached.size else None


def _values(trace: Trace, truth: Mapping[str, float], axis: Axis, x: FloatArray) -> FloatArray:
    """True score of the incumbent at each point; NaN before the first one."""
    since = np.asarray([getattr(incumbent, axis) for incumbent in trace.incumbents])
    scores = np.asarray([math.nan, *(truth[incumbent.key] for incumbent in trace.incumbents)])
    # What ended a rounding error after a point had ended by then.
    values: FloatArray = scores[np.searchsorted(since, x * (1 + 1e-9), side="right")]
    return values


def _summaries(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Interquartile mean and both ends of its interval for each column, shape ``(n_repetitions, n_points)``."""
    known: dict[tuple[float, ...], tuple[float, float, float]] = {}
    rows = []
    for column in values.T:
        key = tuple(np.sort(column).tolist())
        if key not in known:
            middle = float(iqm(column))
            known[key] = middle, *(interval(column.tolist()) or (middle, middle))
        rows.append(known[key])
    center, low, high = np.asarray(rows, dtype=np.float64).reshape(-1, 3).T
    return center, low, high
