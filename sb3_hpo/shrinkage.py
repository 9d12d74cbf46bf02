"""What finalists are expected to be worth, of which each has another number of scores: empirical Bayes. Pure numpy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LEAST_BETWEEN = 0.1
"""Variance between finalists is taken for a tenth of that within one at least: they are seldom all the same."""
_NO_VARIANCE = 1e-12
_STANDARD_ERRORS = 2.0


def posterior_means(scores: Mapping[str, Sequence[float]]) -> dict[str, float]:
    r"""The mean of each finalist, drawn towards the mean of all, the more so the fewer scores it has.

    A finalist's mean is taken for normal around the mean :math:`\mu` of all with variance :math:`\tau^2`, and its
    scores for normal around it with one variance :math:`\sigma^2`, since two or three seeds say little about each one's
    own. Then the posterior mean of one with :math:`n` scores of mean :math:`m` is

    .. math:: \frac{n m + k \mu}{n + k}, \qquad k = \sigma^2 / \tau^2,

    with all three estimated from the scores themselves (Efron and Morris, "Data analysis using Stein's estimator and
    its generalizations", 1975). So a finalist that was lucky once is not taken for better than one that was good four
    times.

    It is the mean, and not the interquartile mean, as a finalist that fails on one of five seeds is worse than one that
    fails on none.

    :param scores: name -> its scores, one at least each; not empty
    """
    numbers = np.array([len(values) for values in scores.values()], dtype=np.float64)
    means = np.array([np.mean(values) for values in scores.values()], dtype=np.float64)
    within = _variance_within(list(scores.values()))
    between = max(float(means.var(ddof=1)) if len(means) > 1 else 0.0, 0.0) - float(np.mean(within / numbers))
    weight = within / max(between, _LEAST_BETWEEN * within, _NO_VARIANCE)
    posterior = (numbers * means + weight * means.mean()) / (numbers + weight)
    return dict(zip(scores, posterior.tolist(), strict=True))


def mean_beyond_chance(values: Sequence[float]) -> float:
    """How far the mean is from zero at least: by what it exceeds two standard errors, and 0 where it does not.

    It is the soft threshold of Donoho and Johnstone ("Ideal spatial adaptation by wavelet shrinkage", 1994);
    ``benchmarks/README.md`` compares it with others.

    :param values: any number of them; fewer than two say nothing, which is 0
    """
    if len(values) < 2:
        return 0.0
    found = float(np.mean(values))
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return math.copysign(max(0.0, abs(found) - _STANDARD_ERRORS * error), found)


def _variance_within(scores: Sequence[Sequence[float]]) -> float:
    """Variance of the scores of one finalist around its mean; that of all where none has two."""
    n_repeats = sum(len(values) - 1 for values in scores)
    if n_repeats == 0:
        return float(np.var([values[0] for values in scores]))
    return sum(len(values) * float(np.var(values)) for values in scores) / n_repeats
