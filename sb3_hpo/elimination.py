"""Which finalists are out of the running, for being clearly worse than the one that leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.intervals import difference_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

MIN_SEEDS_TO_ELIMINATE = 3
"""With three seeds each a finalist is out only where each of its runs is below every run of the leader."""


def is_clearly_worse(scores: Sequence[float], leader: Sequence[float], generator: np.random.Generator) -> bool:
    """Whether the 95 % interval of the difference to the leader lies below zero.

    The interval is that of :func:`~sb3_hpo.intervals.difference_interval`. To stop a finalist that is as good as the
    leader costs nothing, so the repeated looks need no correction; what is said about the winner in the end comes from
    other seeds.

    :param scores: scores of a finalist
    :param leader: scores of the one that leads; either may have more than the other
    :param generator: where the draws of the bootstrap come from
    :return: False where one of the two has fewer than :data:`MIN_SEEDS_TO_ELIMINATE` scores
    """
    if min(len(scores), len(leader)) < MIN_SEEDS_TO_ELIMINATE:
        return False
    return difference_interval(scores, leader, generator)[1] < 0.0
