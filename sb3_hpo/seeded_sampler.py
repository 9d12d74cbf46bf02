"""A sampler whose seed comes from the first trial that it samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.delegating_sampler import DelegatingSampler

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial


class SeededByTrial(DelegatingSampler):
    """Passes everything on to a sampler of Optuna that is made for the first trial.

    Trials have their numbers from the storage, each one once. So the workers of a study draw from seeds of their own,
    whenever and wherever they start, and one worker on a new study draws the same from the same seed.

    :param make: number of a trial -> the sampler
    """

    def __init__(self, make: Callable[[int], BaseSampler]) -> None:
        self._make = make
        self._made: BaseSampler | None = None

    @property
    def sampler(self) -> BaseSampler:
        """The sampler that draws; before the first trial one that is as it would be for trial 0."""
        return self._make(0) if self._made is None else self._made

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Make the sampler at the first trial."""
        if self._made is None:
            self._made = self._make(trial.number)
        super().before_trial(study, trial)

    def is_exhausted(self, study: optuna.Study) -> bool:
        """Whether the sampler has tried everything there is; False for one that never ends."""
        is_exhausted = getattr(self.sampler, "is_exhausted", None)
        return is_exhausted is not None and bool(is_exhausted(study))


class SeededByEachTrial(SeededByTrial):
    """Makes a sampler anew for each trial, by how many trials came before it that count.

    A search by one process that was stopped and goes on draws the same as one that was not. It suits samplers that keep
    nothing between trials but their random numbers.

    :param make: number of trials before -> the sampler
    :param counts: whether a trial counts, as one that is tried again does not
    """

    def __init__(self, make: Callable[[int], BaseSampler], counts: Callable[[FrozenTrial], bool]) -> None:
        super().__init__(make)
        self._counts = counts

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Make the sampler of this trial."""
        earlier = study.get_trials(deepcopy=False)[: trial.number]
        self._made = self._make(sum(map(self._counts, earlier)))
        self.sampler.before_trial(study, trial)
