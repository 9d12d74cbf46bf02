"""Which finalists are out of the running, for being clearly worse than the one that leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.intervals import difference_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

MIN_SEEDS_TO_ELIMINATE = 3
"""With three seeds each a finalist is out only where each of its runs is below every run of the leader."""


def survivors(scores: Mapping[str, Sequence[float]], leader: str, generator: np.random.Generator) -> list[str]:
    """The finalists that are not clearly worse than the leader.

    Clearly worse: the 95 % interval of the difference (:func:`~sb3_hpo.intervals.difference_interval`) lies below
    zero. To stop a finalist that is as good as the leader costs nothing, so the repeated looks need no correction; what
    is said about the winner in the end comes from other seeds.

    :param scores: name -> scores
    :param leader: name of the one that leads
    :param generator: where the draws of the bootstrap come from
    :return: names in their order, the leader among them, and all with fewer than :data:`MIN_SEEDS_TO_ELIMINATE` scores;
        all names where the leader has fewer
    """
    if len(scores[leader]) < MIN_SEEDS_TO_ELIMINATE:
        return list(scores)
    return [
        name
        for name, values in scores.items()
        if name == leader
        or len(values) < MIN_SEEDS_TO_ELIMINATE
        or difference_interval(values, scores[leader], generator)[1] >= 0.0
    ]
