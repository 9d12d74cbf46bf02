"""From learning curves to a score, and from scores to what can be said about them. Pure numpy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray = npt.NDArray[np.float64]

LAST_FRACTION = 0.1
MIN_LAST_EVALUATIONS = 3


def carry_forward(curves: Sequence[Sequence[float]]) -> FloatArray:
    """Curves of different lengths as one array: a shorter one keeps its last value to the end.

    :param curves: mean evaluation returns, one sequence per seed, none of them empty
    :return: shape ``(n_seeds, n_evaluations)``
    """
    longest = max(len(curve) for curve in curves)
    return np.asarray([[*curve, *[curve[-1]] * (longest - len(curve))] for curve in curves], dtype=np.float64)


def mean_last(curves: FloatArray) -> FloatArray:
    """The mean of the last tenth of the evaluations, at least three (or all, where there are fewer).

    One evaluation is a few noisy episodes of a policy that may be about to collapse; its neighbours say how much
    of it was luck.

    :param curves: mean evaluation returns, shape ``(n_seeds, n_evaluations)``
    :return: shape ``(n_seeds,)``
    """
    n_evaluations = curves.shape[1]
    if n_evaluations == 0:
        raise ValueError("curves has no evaluations: nothing to score")
    n_last = max(MIN_LAST_EVALUATIONS, math.ceil(LAST_FRACTION * n_evaluations))
    last: FloatArray = curves[:, -n_last:].mean(axis=1)
    return last


def iqm(scores: npt.ArrayLike, axis: int = -1) -> FloatArray:
    """The interquartile mean: the mean of what is left when the lowest and the highest quarter are cut off.

    Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", NeurIPS 2021
    (https://arxiv.org/abs/2108.13264). As there, ``floor(n / 4)`` values are cut off at either end.

    :param scores: scores, of any shape
    :param axis: the axis that the runs are on
    """
    ordered = np.sort(np.asarray(scores, dtype=np.float64), axis=axis)
    n = ordered.shape[axis]
    if n == 0:
        raise ValueError("scores is empty: it has no interquartile mean")
    middle = np.take(ordered, np.arange(n // 4, n - n // 4), axis=axis)
    mean: FloatArray = middle.mean(axis=axis)
    return mean


def bootstrap_interval(
    scores: npt.ArrayLike,
    generator: np.random.Generator,
    confidence: float = 0.95,
    n_resamples: int = 10_000,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the interquartile mean of the scores of one configuration.

    The stratified bootstrap of Agarwal et al. 2021 for a single task: runs are drawn with replacement.

    :param scores: one score per seed, shape ``(n_seeds,)``
    :param generator: where the draws come from; the same generator state and scores give the same interval
    :return: lower and upper end
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"scores has shape {values.shape}, it must be (n_seeds,) with at least one seed")
    draws = generator.integers(values.size, size=(n_resamples, values.size))
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(iqm(values[draws]), [tail, 1.0 - tail])
    return float(low), float(high)
