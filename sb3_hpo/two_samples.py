"""The scores of two configurations, drawn from again and again: each for itself, or seed by seed.

A seed fixes more than a training: also the episodes that judge its agent. Where some are harder for all, as in
Pendulum, whose return is mostly a matter of how the pendulum hangs at first, two configurations differ by little on
each seed, and the seeds by much. Drawn apart, the seeds hide the difference. So where one configuration's scores rise
with the other's, beyond chance, seeds are drawn in pairs.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtr

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from sb3_hpo.scores import FloatArray

MIN_SEEDS_TO_PAIR = 5
"""Of four seeds each drawn in pairs, an equal configuration is called better in 6 % of cases."""
PAIRING_LEVEL = 0.05
"""Seeds of which none is easier than another for both are taken for such in so many cases."""


@dataclasses.dataclass(frozen=True)
class TwoSamples:
    """Scores of two configurations, in an order that does not depend on which one was named first.

    :param first: one score per seed, shape ``(n_seeds,)``
    :param second: one score per seed of the other configuration, shape ``(n_other_seeds,)``; where seeds are drawn in
        pairs, in the order of ``first``
    :param is_turned: whether ``first`` is the configuration that was named second
    :param is_paired: whether seeds are drawn in pairs
    """

    first: FloatArray
    second: FloatArray
    is_turned: bool
    is_paired: bool

    @classmethod
    def of(cls, scores: npt.ArrayLike, others: npt.ArrayLike) -> TwoSamples:
        """Scores of two configurations, on the same seeds in the same order where there are as many of both.

        :raises ValueError: for scores that are not one per seed
        """
        values, other_values = one_score_per_seed(scores), one_score_per_seed(others)
        if do_seeds_matter(values, other_values):
            pairs = sorted(zip(values.tolist(), other_values.tolist(), strict=True))
            turned = sorted(zip(other_values.tolist(), values.tolist(), strict=True))
            first, second = np.asarray(max(pairs, turned)).T
            return cls(first, second, is_turned=pairs < turned, is_paired=True)
        first, second = np.sort(values), np.sort(other_values)
        is_turned = first.tolist() < second.tolist()
        return cls(*((second, first) if is_turned else (first, second)), is_turned=is_turned, is_paired=False)

    @property
    def is_symmetric(self) -> bool:
        """Whether the two have the same scores, so that nothing may point to either of them."""
        if not self.is_paired:
            return np.array_equal(self.first, self.second)
        pairs = list(zip(self.first.tolist(), self.second.tolist(), strict=True))
        return pairs == sorted((second, first) for first, second in pairs)

    @property
    def n_fewest(self) -> int:
        """Scores of the configuration that has fewer."""
        return min(self.first.size, self.second.size)

    @property
    def degrees_of_freedom(self) -> int:
        """Of Student's distribution: pairs, or scores of both, less what their means take."""
        return self.n_fewest - 1 if self.is_paired else self.first.size + self.second.size - 2

    def resampled(
        self, statistic: Callable[[npt.ArrayLike], FloatArray], generator: np.random.Generator, n_resamples: int
    ) -> tuple[FloatArray, FloatArray]:
        """A statistic of both, of each resample, shape ``(n_resamples,)`` each.

        :param statistic: of the last axis
        """
        drawn = _draw(self.first, generator, n_resamples)
        others_drawn = drawn if self.is_paired else _draw(self.second, generator, n_resamples)
        return statistic(self.first[drawn]), statistic(self.second[others_drawn])


def do_seeds_matter(scores: FloatArray, others: FloatArray) -> bool:
    """Whether one configuration scores higher on the seeds on which the other does, beyond chance.

    Spearman's rank correlation is above zero at the level :data:`PAIRING_LEVEL`, by Student's distribution with two
    degrees of freedom fewer than there are seeds (Kendall and Stuart, "The Advanced Theory of Statistics" 2, 1973,
    sections 31.18 and 31.19). To look before choosing costs little: where seeds do not matter an equal configuration is
    called better in 2.7 % of comparisons instead of 2.4 % (``benchmarks/verdict_power.py``).

    :param scores: one score per seed
    :param others: the same of the other configuration, in the order of the seeds
    """
    n = scores.size
    if n != others.size or n < MIN_SEEDS_TO_PAIR or not np.ptp(scores) or not np.ptp(others):
        return False
    correlation = float(np.corrcoef(_ranks(scores), _ranks(others))[0, 1])
    unexplained = max(1.0 - correlation**2, np.finfo(np.float64).eps)
    return float(stdtr(n - 2, -correlation * math.sqrt((n - 2) / unexplained))) <= PAIRING_LEVEL


def one_score_per_seed(scores: npt.ArrayLike) -> FloatArray:
    """Scores as an array of shape ``(n_seeds,)``.

    :raises ValueError: if there is none, or they have another shape
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"scores has shape {values.shape}, it must be (n_seeds,) with at least one seed")
    return values


def _draw(values: FloatArray, generator: np.random.Generator, n_resamples: int) -> np.ndarray:
    return generator.integers(values.size, size=(n_resamples, values.size))


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks from 1 on; equal values share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: FloatArray = (np.cumsum(counts) - 0.5 * (counts - 1))[places]
    return ranks
