"""What a seed adds to the scores of all that are trained on it, where finalists have different seeds. No Optuna."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

_CONFIDENCE = 0.99
"""Of each seed that adds nothing, that nothing is taken off.

With 0.95 something is lost where no seed adds anything, and hardly more is won where seeds do
(``benchmarks/README.md``).
"""


def less_seed_effects(scores: Mapping[str, Sequence[float]], reference: int) -> dict[str, list[float]]:
    """The scores, those on later seeds less what these add beyond chance to what a training scores on the first one.

    Who leads is trained on seeds that the others are not trained on. Where these happen to be hard, as those of
    Pendulum are on which it hangs down at first, it seems to have fallen behind. What they add is estimated by the
    two-way model, a finalist's worth plus a seed's effect, with least squares (Scheffe, "The Analysis of Variance",
    1959, chapter 4). The seeds of most environments add nothing, so only what exceeds the 99 % interval of none is
    taken off. ``benchmarks/choosing.py`` compares it with taking nothing off.

    :param scores: finalist -> its scores, on the same seeds in the same order, of which each has the first few
    :param reference: place of the seed, counted from 0, that the later ones are compared with; the seeds before it,
        which chose the finalists, stay as they are
    """
    effects = _beyond_chance(scores, reference)
    return {name: [score - effects[seed] for seed, score in enumerate(values)] for name, values in scores.items()}


def _beyond_chance(scores: Mapping[str, Sequence[float]], reference: int) -> npt.NDArray[np.float64]:
    """What each seed adds to the scores, 0 up to the one at the place ``reference``."""
    n_seeds = max(map(len, scores.values()), default=0)
    found = np.zeros(n_seeds)
    if n_seeds <= reference + 1:
        return found
    design = _design([len(values) for values in scores.values()], reference)
    values = np.concatenate([np.asarray(values, dtype=np.float64) for values in scores.values()])
    n_free = len(values) - design.shape[1]
    if n_free < 1 or np.linalg.matrix_rank(design) < design.shape[1]:
        return found
    estimate = np.linalg.lstsq(design, values, rcond=None)[0]
    variance = np.sum((values - design @ estimate) ** 2) / n_free
    errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
    n_later = n_seeds - reference - 1
    later, error = estimate[-n_later:], errors[-n_later:]
    by_chance = stdtrit(n_free, (1.0 + _CONFIDENCE) / 2.0) * error
    found[reference + 1 :] = np.sign(later) * np.maximum(0.0, np.abs(later) - by_chance)
    return found


def _design(numbers: Sequence[int], reference: int) -> npt.NDArray[np.float64]:
    """A row for each score; columns for the finalists, then for all seeds but the reference.

    :param numbers: of scores that each finalist has
    """
    finalists = np.repeat(np.eye(len(numbers)), numbers, axis=0)
    seeds = np.delete(np.eye(max(numbers)), reference, axis=1)
    return np.hstack([finalists, np.concatenate([seeds[:number] for number in numbers])])
