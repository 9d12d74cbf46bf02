"""From learning curves to a score, and from the scores of several seeds to one. Pure numpy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sb3_hpo.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

FloatArray = npt.NDArray[np.float64]

LAST_FRACTION = 0.1
MIN_LAST_EVALUATIONS = 3
LOWER_QUANTILE = 0.25


def carry_forward(curves: Sequence[Sequence[float]], n_evaluations: int = 0) -> FloatArray:
    """Curves of different lengths as one array: a shorter one keeps its last value to the end.

    :param curves: mean evaluation returns, one sequence per seed, none of them empty
    :param n_evaluations: evaluations of a whole training, where all curves may have ended before
    :return: shape ``(n_seeds, n_evaluations)``, or as long as the longest curve where that is more
    """
    longest = max(n_evaluations, *(len(curve) for curve in curves))
    return np.asarray([[*curve, *[curve[-1]] * (longest - len(curve))] for curve in curves], dtype=np.float64)


def learning_curves(runs: Sequence[Mapping[str, Any]]) -> FloatArray:
    """Mean returns of a trial's evaluations, shape ``(n_seeds, n_evaluations)``, from its attribute ``runs``.

    A training that ended early keeps its last value to the end of its whole length.
    """
    curves = [[float(np.mean(returns)) for returns in run["returns"]] for run in runs]
    return carry_forward(curves, max(run.get("n_evaluations", 0) for run in runs))


def last(curves: FloatArray) -> FloatArray:
    """The last evaluation: ``curves[:, -1]``. What the zoo scores by; one evaluation is mostly luck.

    :param curves: mean evaluation returns, shape ``(n_seeds, n_evaluations)``
    :return: shape ``(n_seeds,)``
    """
    _check_has_evaluations(curves)
    final: FloatArray = curves[:, -1].copy()
    return final


def mean_last(curves: FloatArray) -> FloatArray:
    """The mean of the last ``max(3, ceil(n_evaluations / 10))`` evaluations (or of all, where there are fewer).

    One evaluation is a few noisy episodes of a policy that may be about to collapse; its neighbours say how much
    of it was luck. Of ten of 30 random configurations of DQN on CartPole the one with the highest such mean has 430 on
    other seeds, by the last evaluation alone 416, by the best one 373 (``benchmarks/what_predicts.py``).

    :param curves: mean evaluation returns, shape ``(n_seeds, n_evaluations)``
    :return: shape ``(n_seeds,)``
    """
    _check_has_evaluations(curves)
    n_last = max(MIN_LAST_EVALUATIONS, math.ceil(LAST_FRACTION * curves.shape[1]))
    return _mean(curves[:, -n_last:], axis=1)


def auc(curves: FloatArray) -> FloatArray:
    """The mean of all evaluations: the area under the learning curve over its length. It rewards learning fast.

    :param curves: mean evaluation returns, evenly spaced, shape ``(n_seeds, n_evaluations)``
    :return: shape ``(n_seeds,)``
    """
    _check_has_evaluations(curves)
    return _mean(curves, axis=1)


def best(curves: FloatArray) -> FloatArray:
    """The best evaluation: ``max(curves)``. A maximum over noise, so above what the agent is worth.

    :param curves: mean evaluation returns, shape ``(n_seeds, n_evaluations)``
    :return: shape ``(n_seeds,)``
    """
    _check_has_evaluations(curves)
    highest: FloatArray = curves.max(axis=1)
    return highest


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
    return _mean(np.take(ordered, np.arange(n // 4, n - n // 4), axis=axis), axis=axis)


def mean(scores: npt.ArrayLike, axis: int = -1) -> FloatArray:
    """The mean over the runs: every run counts, also the one that failed.

    :param scores: scores, of any shape
    :param axis: the axis that the runs are on
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.shape[axis] == 0:
        raise ValueError("scores is empty: it has no mean")
    return _mean(values, axis=axis)


def lower_quantile(scores: npt.ArrayLike, axis: int = -1) -> FloatArray:
    """The lower quartile over the runs: what three runs in four reach. It asks for reliability.

    Linear interpolation between the order statistics (Hyndman and Fan 1996, definition 7).

    :param scores: scores, of any shape
    :param axis: the axis that the runs are on
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.shape[axis] == 0:
        raise ValueError("scores is empty: it has no quantile")
    quantile: FloatArray = np.asarray(np.quantile(values, LOWER_QUANTILE, axis=axis))
    return quantile


SCORES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "last": last,
    "mean-last": mean_last,
    "auc": auc,
    "best": best,
}
"""Name -> from learning curves, shape ``(n_seeds, n_evaluations)``, to a score for each seed, ``(n_seeds,)``."""

AGGREGATES: dict[str, Callable[[npt.ArrayLike], FloatArray]] = {
    "iqm": iqm,
    "mean": mean,
    "lower-quantile": lower_quantile,
}
"""Name -> from the scores of the seeds, shape ``(n_seeds,)``, to one."""


def score_curves(curves: FloatArray, score: str, aggregate: str) -> float:
    """The score of a configuration: its learning curves scored one by one, then aggregated over the seeds.

    :param curves: mean evaluation returns, shape ``(n_seeds, n_evaluations)``
    :param score: one of :data:`SCORES`
    :param aggregate: one of :data:`AGGREGATES`
    :raises UserError: for an unknown name
    """
    check_name("score", score, SCORES)
    check_name("aggregate", aggregate, AGGREGATES)
    return float(AGGREGATES[aggregate](SCORES[score](curves)))


def score_training(run: Mapping[str, Any], score: str) -> float:
    """The score of one training, an element of a trial's attribute ``runs``.

    :param score: one of :data:`SCORES`
    """
    return float(SCORES[score](learning_curves([run]))[0])


def check_name(kind: str, name: str, known: Iterable[str]) -> None:
    """Check the name of a score or an aggregate.

    :raises UserError: for an unknown name
    """
    if name not in known:
        raise unknown_name(kind, name, known)


def _check_has_evaluations(curves: FloatArray) -> None:
    if curves.shape[1] == 0:
        raise ValueError("curves has no evaluations: nothing to score")


def _mean(values: FloatArray, axis: int) -> FloatArray:
    """The mean, never outside the values by rounding: the mean of equal values is that value."""
    clipped: FloatArray = np.clip(values.mean(axis=axis), values.min(axis=axis), values.max(axis=axis))
    return clipped
