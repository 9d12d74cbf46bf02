"""When the search has to end so that validation has its time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sb3_hpo.ceiling import Ceiling
from sb3_hpo.choice_size import CHOOSING_SHARE, choice_size, kept_for_choosing
from sb3_hpo.comparison import MIN_SEEDS_FOR_MEANS
from sb3_hpo.promoting import n_finals
from sb3_hpo.training_seconds import TrainingSeconds

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from sb3_hpo.affordable import ValidationTime
    from sb3_hpo.choice_size import ChoiceSize
    from sb3_hpo.interruption import Deadline
    from sb3_hpo.settings import TuningSettings

MAX_VALIDATION_SHARE = 0.5
"""Largest share of a command's time that is kept back for validation."""

MAX_VALIDATION_SHARE_AT_CEILING = 0.75
"""The same once the search has come to a ceiling."""

MAX_CHOOSING_SHARE_AT_CEILING = 0.35
"""Largest share that is then kept back to choose among the finalists; before, it is :data:`CHOOSING_SHARE`."""

FEW_CHOOSING = 6
"""Trainings on selection seeds without which validation would choose hardly better than the search."""

MAX_CLOSING_SHARE = 0.25
"""Largest share of it that is kept back to train finalists to the end, where trials pause."""


class SearchClock:
    """When the search must end so that validation has its time: asked at every step of a training.

    Validation trains the finalists on selection seeds, then the best of them and the default on validation seeds;
    what that takes is estimated by what the default and the best trial so far took. It gets that much time, but no more
    than :data:`MAX_VALIDATION_SHARE` of it; somewhat more once the scores tell nothing more (:class:`Ceiling`).

    Before that, where trials pause, finalists are trained to the end.

    :param n_workers: workers that share the trainings
    """

    def __init__(self, settings: TuningSettings, deadline: Deadline, n_workers: int = 1) -> None:
        self._deadline = deadline
        self._n_seeds = settings.n_validation_seeds
        self._settings = settings
        self._size = choice_size(settings, 0.0)
        self._n_choosing = settings.n_selection_trainings
        self._n_workers = max(1, n_workers)
        self._seconds_in_all = deadline.seconds_left or 0.0
        self._longest_reserve = MAX_VALIDATION_SHARE * self._seconds_in_all
        self._reserve = self._longest_reserve if settings.n_validation_trainings else 0.0
        # A final trains its tuning seeds one after the other.
        self._n_closing_trainings = math.ceil(n_finals(settings) / self._n_workers) * settings.n_seeds
        self._longest_closing = MAX_CLOSING_SHARE * self._seconds_in_all
        self._closing = self._longest_closing
        self._seconds = TrainingSeconds()
        self._ceiling = Ceiling(settings.n_finals)
        self.ended_at_ceiling = False
        """Whether it was found to be over at a ceiling; what ends afterwards changes the estimates."""

    @property
    def validation_time(self) -> ValidationTime | None:
        """What validation has time for; None where nothing limits it: no time, or no validation.

        The seeds that a verdict by means takes, and before that :data:`FEW_CHOOSING` trainings to choose among the
        finalists.
        """
        if not self._longest_reserve or not self._n_seeds:
            return None
        n_seeds = min(self._n_seeds, MIN_SEEDS_FOR_MEANS)
        n_choosing = min(self._n_choosing, FEW_CHOOSING)
        return {
            "seconds": self._longest_reserve * self._n_workers,
            "n_default_trainings": n_seeds,
            "n_finalist_trainings": n_seeds + n_choosing,
        }

    @property
    def is_over(self) -> bool:
        """Whether the rest of the time belongs to validation."""
        left = self._deadline.seconds_left
        is_over = left is not None and left <= self._reserve
        self.ended_at_ceiling |= is_over and self.is_at_ceiling
        return is_over

    @property
    def choice_size(self) -> ChoiceSize | None:
        """The choice that it has kept time for; None where something else than time or a ceiling ended the search."""
        return self._size if self.is_over or self.ended_at_ceiling else None

    @property
    def is_closing(self) -> bool:
        """Whether what is left is just enough to train finalists to the end."""
        left = self._deadline.seconds_left
        return left is not None and left <= self._reserve + self._closing

    @property
    def is_at_ceiling(self) -> bool:
        """Whether time is limited, and the scores leave it to the selection seeds to tell the finalists apart."""
        return bool(self._seconds_in_all and self._n_choosing) and self._ceiling.is_reached

    @property
    def seconds_left(self) -> float | None:
        """Seconds of search left; None without a limit."""
        left = self._deadline.seconds_left
        return None if left is None else max(0.0, left - self._reserve)

    def learn_from(self, trial: FrozenTrial) -> None:
        """Set aside as much time as validation takes if the best trial so far is the one that wins."""
        self._ceiling.learn_from(trial)
        self._seconds.learn_from(trial)
        default, best = self._seconds.of_default, self._seconds.of_best
        if default is None or best is None:
            return
        judging = self._n_seeds * (best + default) / self._n_workers
        longest = self._longest_reserve
        if self.is_at_ceiling:
            longest = MAX_VALIDATION_SHARE_AT_CEILING * self._seconds_in_all
        self._reserve = min(longest, self._choosing(best / self._n_workers, judging) + judging)
        self._closing = min(self._longest_closing, self._n_closing_trainings * best)

    def _choosing(self, seconds: float, judging: float) -> float:
        """Seconds to choose among the finalists.

        :param seconds: that one training takes of the time
        :param judging: seconds that the comparison with the default takes
        """
        share = MAX_CHOOSING_SHARE_AT_CEILING if self.is_at_ceiling else CHOOSING_SHARE
        if not seconds:
            return 0.0
        n_trainings = (self._seconds_in_all - judging) / seconds
        self._size = choice_size(self._settings, n_trainings, share)
        return kept_for_choosing(self._size, self._seconds_in_all / seconds, share) * seconds
