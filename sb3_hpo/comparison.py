"""Two configurations compared on the same validation seeds: how much better, how surely, and the verdict."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from sb3_hpo.intervals import confidence_of_higher_mean, difference_interval, mean_difference_interval
from sb3_hpo.scores import iqm, mean
from sb3_hpo.two_samples import TwoSamples

if TYPE_CHECKING:
    import numpy.typing as npt

Verdict: TypeAlias = Literal["better", "not distinguishable", "worse"]

MIN_SEEDS_FOR_A_VERDICT = 4
"""Of two equal configurations on three seeds each, one lies wholly above the other in one case of twenty."""


MIN_SEEDS_FOR_MEANS = 5
"""With four seeds each, means call one of two equal configurations better in up to 4.2 % of cases."""


MIN_SEEDS_FOR_CONFIDENCE = 2
"""The confidence allows for how few two or three seeds are: of configurations that succeed on 50 and 70 % of seeds they
take the worse one in 4 or 9 % of cases, and one that succeeds on 90 % instead of one on 35 % in 39 or 59 %
(``benchmarks/verdict_power.py --n-seeds 2 3``)."""


PROBABLY = 0.8
"""Confidence from which a configuration that is not proven better is taken all the same.

Ten seeds prove little: of a configuration that succeeds on 97 % of seeds they say "better" than one that does on 70 %
in 26 % of cases. Taken with this confidence it is in 86 %; one that succeeds on 60 % only, in 9 %, on 50 %, in 4 %
(``benchmarks/verdict_power.py``). Of two that are equal it does not matter which is taken.
"""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How a configuration compares with another one.

    :param difference: its interquartile mean less the other's
    :param ci95: 95 % bootstrap interval of the difference; None with fewer than two seeds
    :param probability_of_improvement: that a run of it scores higher than a run of the other
    :param verdict: ``better`` or ``worse`` where one of the two intervals lies wholly on one side of zero, and neither
        difference points to the other side
    :param mean_difference: its mean less the other's: here the runs that failed count
    :param mean_ci95: 95 % bootstrap interval of that difference; None with fewer than two seeds
    :param confidence: that its mean is higher; None with fewer than two seeds
    :param late_confidence: that its mean is higher over the last quarter of the trainings; None with fewer than two
        seeds, or where that is not known
    :param is_paired: whether both score high on the same seeds, so that the intervals are those of pairs
    """

    difference: float
    ci95: tuple[float, float] | None
    probability_of_improvement: float
    verdict: Verdict
    mean_difference: float | None = None
    mean_ci95: tuple[float, float] | None = None
    confidence: float | None = None
    late_confidence: float | None = None
    is_paired: bool = False

    @property
    def is_taken(self) -> bool:
        """Whether it is what to train with: better, probably better, or as good and probably steadier."""
        return self.verdict == "better" or self.is_probably_better or self.is_probably_steadier

    @property
    def is_probably_better(self) -> bool:
        """Whether it is not proven better, but better with a confidence of :data:`PROBABLY` or more."""
        return self._is_open and self.confidence is not None and self.confidence >= PROBABLY

    @property
    def is_probably_steadier(self) -> bool:
        """Whether the agents at the end leave it open, but those of the last quarter speak for it, and none against.

        Ten trainings that end at the ceiling are as good as ten others that do. Of the agents that they pass through on
        their last quarter there are six times as many.
        """
        if not self._is_open or self.is_probably_better or (self.mean_difference or 0.0) < 0.0:
            return False
        return self.late_confidence is not None and self.late_confidence >= PROBABLY

    @property
    def _is_open(self) -> bool:
        return self.verdict == "not distinguishable" and self.difference >= 0.0

    @property
    def is_settled_by_means(self) -> bool:
        """Whether the means alone distinguish the two, as where one of them fails more often."""
        return self.verdict != "not distinguishable" and self.ci95 is not None and _sign(self.ci95) == 0


def compare(
    scores: npt.ArrayLike,
    others: npt.ArrayLike,
    generator: np.random.Generator,
    late: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
) -> Comparison:
    """Compare a configuration with another one, neither of them chosen by these scores.

    The interquartile mean is what most trainings come to. Where one training in four fails it does not show that, and
    where most end at a ceiling it sees no difference at all; whoever trains once would. So the means are compared, too:
    a configuration that succeeds on 95 % of seeds is told from one that does on 60 % in 47 % of comparisons with ten
    seeds each, by interquartile means alone in 14 %. Where the two are equal, the verdict is ``better`` in up to 5 %
    of cases (``benchmarks/verdict_power.py``). Fewer than :data:`MIN_SEEDS_FOR_A_VERDICT` seeds tell nothing, and
    fewer than :data:`MIN_SEEDS_FOR_MEANS` no means.

    :param scores: one score per seed, shape ``(n_seeds,)``
    :param others: one score per seed of the other configuration, shape ``(n_other_seeds,)``; where there are as many,
        in the same order of the seeds
    :param generator: where the draws of the bootstrap come from
    :param late: mean returns over the last quarter of the trainings of both, of the shapes of the scores; they have no
        say in the verdict. None where they are not known
    """
    interval = difference_interval(scores, others, generator)
    mean_interval = mean_difference_interval(scores, others, generator)
    difference = float(iqm(scores)) - float(iqm(others))
    mean_difference = float(mean(scores)) - float(mean(others))
    n_seeds = min(np.size(scores), np.size(others))
    verdict: Verdict = "not distinguishable"
    confidence = late_confidence = None
    if n_seeds >= MIN_SEEDS_FOR_CONFIDENCE:
        confidence = confidence_of_higher_mean(scores, others, generator)
        late_confidence = None if late is None else confidence_of_higher_mean(*late, generator)
    if n_seeds >= MIN_SEEDS_FOR_A_VERDICT:
        by_mean = _sign(mean_interval) if n_seeds >= MIN_SEEDS_FOR_MEANS else 0
        verdict = _verdict((_sign(interval), by_mean), (difference, mean_difference))
    return Comparison(
        difference=difference,
        ci95=interval if n_seeds > 1 else None,
        probability_of_improvement=probability_of_improvement(scores, others),
        verdict=verdict,
        mean_difference=mean_difference,
        mean_ci95=mean_interval if n_seeds > 1 else None,
        confidence=confidence,
        late_confidence=late_confidence,
        is_paired=TwoSamples.of(scores, others).is_paired,
    )


def _sign(interval: tuple[float, float]) -> int:
    """On which side of zero an interval lies; 0 if it contains it."""
    return (interval[0] > 0.0) - (interval[1] < 0.0)


def _verdict(signs: tuple[int, int], differences: tuple[float, float]) -> Verdict:
    if 1 in signs and min(differences) >= 0.0:
        return "better"
    return "worse" if -1 in signs and max(differences) <= 0.0 else "not distinguishable"


def probability_of_improvement(scores: npt.ArrayLike, others: npt.ArrayLike) -> float:
    """The share of pairs of runs in which the first configuration scores higher, ties counting half.

    ``P(X > Y) + P(X = Y) / 2`` over all pairs: the Mann-Whitney statistic, as in Agarwal et al. 2021, section 4.3.

    :param scores: runs of the first configuration, shape ``(n_seeds,)``
    :param others: runs of the second configuration, shape ``(n_other_seeds,)``
    """
    x, y = np.asarray(scores, dtype=np.float64)[:, None], np.asarray(others, dtype=np.float64)[None, :]
    return float(np.mean((x > y) + 0.5 * (x == y)))
