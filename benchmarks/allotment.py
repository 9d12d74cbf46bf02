"""Which finalist gets the next seed: seeds go where they decide most. Pure numpy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sb3_hpo.scores import iqm, mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def level(scores: Sequence[float]) -> tuple[float, float]:
    """What finalists are ranked by: the interquartile mean; in a tie the mean."""
    return float(iqm(scores)), float(mean(scores))


def next_in_line(scores: Mapping[str, Sequence[float]]) -> list[str]:
    r"""The finalists in the order in which they should get the next seed.

    By the upper confidence bound :math:`m_i + s / \sqrt{n_i}` of what they are worth (Auer, Cesa-Bianchi and Fischer,
    "Finite-time Analysis of the Multiarmed Bandit Problem", 2002), with one spread ``s`` of the trainings of a finalist
    around its mean, since two or three seeds say little about each finalist's own. So seeds go to those that could
    still turn out best, and none to one that is clearly behind.

    :param scores: name -> scores of its trainings, at least one each
    """
    spread = _spread(scores)
    bound = {name: level(values)[0] + spread / math.sqrt(len(values)) for name, values in scores.items()}
    return sorted(scores, key=lambda name: -bound[name])


def _spread(scores: Mapping[str, Sequence[float]]) -> float:
    """Standard deviation of trainings of one finalist; that of all where none has two."""
    n_repeats = sum(len(values) - 1 for values in scores.values())
    if n_repeats == 0:
        return float(np.std([values[0] for values in scores.values()]))
    return math.sqrt(sum(len(values) * float(np.var(values)) for values in scores.values()) / n_repeats)
