"""Successive elimination: which finalists stay in the running while the seeds that choose among them come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.intervals import difference_interval
from sb3_hpo.scores import iqm, mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

MIN_SEEDS_TO_ELIMINATE = 3
"""With three seeds a finalist stops only where each of its runs is below every run of the leader."""


def level(scores: Sequence[float]) -> tuple[float, float]:
    """What finalists are ranked by: the interquartile mean; in a tie the mean."""
    return float(iqm(scores)), float(mean(scores))


def survivors(scores: Mapping[str, Sequence[float]], generator: np.random.Generator) -> list[str]:
    """The finalists that are not clearly worse than the leader.

    Clearly worse: the 95 % interval of the difference (:func:`~sb3_hpo.intervals.difference_interval`) lies below
    zero. To stop a finalist that is as good as the leader costs nothing, so the repeated looks need no correction; what
    is said about the winner in the end comes from other seeds.

    :param scores: name -> scores on the same seeds
    :param generator: where the draws of the bootstrap come from
    :return: names in their order, the leader among them; all names with fewer than
        :data:`MIN_SEEDS_TO_ELIMINATE` seeds
    """
    if min(len(values) for values in scores.values()) < MIN_SEEDS_TO_ELIMINATE:
        return list(scores)
    leader = max(scores, key=lambda name: level(scores[name]))
    return [
        name
        for name, values in scores.items()
        if name == leader or difference_interval(values, scores[leader], generator)[1] >= 0.0
    ]
