"""How many finalists, seeds and trainings choose the winner: more where the search was large."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sb3_hpo.validation_plan import N_AHEAD

if TYPE_CHECKING:
    from sb3_hpo.settings import TuningSettings

CHOOSING_SHARE = 0.2
"""Share of the trainings of search and choice together that choose among the finalists, where that is more than asked.

A search that goes on for long finds ever more configurations that are lucky on its one seed. Of 200 trainings some 15
to 30 % are best spent on the finalists, with more of them and more seeds in proportion
(``benchmarks/choice_sizes.py``).
"""
LARGEST_FACTOR = 4.0
"""Beyond four times as many of each, nothing is gained that the simulation shows."""
FEWEST = 2 * N_AHEAD
"""Trainings below which nothing is kept back: on PPO on Enduro a search of ten trainings needs them all."""


@dataclasses.dataclass(frozen=True)
class ChoiceSize:
    """What there is to choose by.

    :param n_finalists: trials that compete, where so many were trained to the end
    :param n_seeds: selection seeds that one of them gets at most
    :param n_trainings: trainings on them at most
    """

    n_finalists: int
    n_seeds: int
    n_trainings: int


def choice_size(settings: TuningSettings, n_trainings: float, share: float = CHOOSING_SHARE) -> ChoiceSize:
    """What was asked for, or all of it multiplied so that a share of the trainings chooses.

    Nothing is multiplied where a number of finalists was asked for.

    :param n_trainings: whole trainings that search and choice take together, in environment steps or in time
    :param share: the share of them that may choose
    """
    asked = settings.n_selection_trainings
    factor = 1.0
    if asked and settings.n_finalists is None:
        factor = min(LARGEST_FACTOR, max(1.0, share * n_trainings / asked))
    return ChoiceSize(
        round(factor * settings.n_usual_finalists), round(factor * settings.n_selection_seeds), round(factor * asked)
    )


def kept_for_choosing(size: ChoiceSize, n_trainings: float, share: float = CHOOSING_SHARE) -> int:
    """Trainings to keep back for a choice: all of them, or what fits into its share, two at a time.

    :param n_trainings: whole trainings that there is time for
    """
    most = int(share * n_trainings)
    if size.n_trainings <= most:
        return size.n_trainings
    most -= most % N_AHEAD
    return most if most >= FEWEST else 0


def choice_size_after(settings: TuningSettings, n_searched: float) -> ChoiceSize:
    """What was asked for, or more of it after a large search.

    :param n_searched: whole trainings that the search has taken, in environment steps
    """
    return choice_size(settings, n_searched / (1.0 - CHOOSING_SHARE))
