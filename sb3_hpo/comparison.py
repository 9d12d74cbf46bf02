"""Two configurations compared on the same validation seeds: how much better, how surely, and the verdict."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from sb3_hpo.intervals import difference_interval
from sb3_hpo.scores import iqm

if TYPE_CHECKING:
    import numpy.typing as npt

Verdict: TypeAlias = Literal["better", "not distinguishable", "worse"]

MIN_SEEDS_FOR_A_VERDICT = 4
"""Of two equal configurations on three seeds each, one lies wholly above the other in one case of twenty."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How a configuration compares with another one.

    :param difference: its interquartile mean less the other's
    :param ci95: 95 % stratified bootstrap interval of the difference; None with fewer than two seeds
    :param probability_of_improvement: that a run of it scores higher than a run of the other
    :param verdict: ``better`` or ``worse`` where the interval lies wholly on one side of zero
    """

    difference: float
    ci95: tuple[float, float] | None
    probability_of_improvement: float
    verdict: Verdict


def compare(scores: npt.ArrayLike, others: npt.ArrayLike, generator: np.random.Generator) -> Comparison:
    """Compare a configuration with another one, neither of them chosen by these scores.

    Where the two are equal, the verdict is ``better`` in 1 to 3 % of cases. Fewer than
    :data:`MIN_SEEDS_FOR_A_VERDICT` seeds distinguish nothing.

    :param scores: one score per seed, shape ``(n_seeds,)``
    :param others: one score per seed of the other configuration, shape ``(n_other_seeds,)``
    :param generator: where the draws of the bootstrap come from
    """
    low, high = difference_interval(scores, others, generator)
    verdict: Verdict = "not distinguishable"
    n_seeds = min(np.size(scores), np.size(others))
    if n_seeds >= MIN_SEEDS_FOR_A_VERDICT:
        verdict = "better" if low > 0.0 else "worse" if high < 0.0 else verdict
    return Comparison(
        difference=float(iqm(scores)) - float(iqm(others)),
        ci95=(low, high) if n_seeds > 1 else None,
        probability_of_improvement=probability_of_improvement(scores, others),
        verdict=verdict,
    )


def probability_of_improvement(scores: npt.ArrayLike, others: npt.ArrayLike) -> float:
    """The share of pairs of runs in which the first configuration scores higher, ties counting half.

    ``P(X > Y) + P(X = Y) / 2`` over all pairs: the Mann-Whitney statistic, as in Agarwal et al. 2021, section 4.3.

    :param scores: runs of the first configuration, shape ``(n_seeds,)``
    :param others: runs of the second configuration, shape ``(n_other_seeds,)``
    """
    x, y = np.asarray(scores, dtype=np.float64)[:, None], np.asarray(others, dtype=np.float64)[None, :]
    return float(np.mean((x > y) + 0.5 * (x == y)))
