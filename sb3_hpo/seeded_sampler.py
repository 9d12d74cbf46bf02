"""A sampler whose seed comes from the first trial that it samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, TrialState


class SeededByTrial(BaseSampler):
    """Passes everything on to a sampler of Optuna that is made for the first trial.

    Trials have their numbers from the storage, each one once. So the workers of a study draw from seeds of their own,
    whenever and wherever they start, and one worker on a new study draws the same from the same seed.

    :param make: number of a trial -> the sampler
    """

    def __init__(self, make: Callable[[int], BaseSampler]) -> None:
        self._make = make
        self._sampler: BaseSampler | None = None

    @property
    def sampler(self) -> BaseSampler:
        """The sampler that draws; before the first trial one that is as it would be for trial 0."""
        return self._make(0) if self._sampler is None else self._sampler

    def reseed_rng(self) -> None:
        """What Optuna asks for between threads."""
        self.sampler.reseed_rng()

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As the sampler does."""
        return self.sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As the sampler does."""
        return self.sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """As the sampler does."""
        return self.sampler.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Make the sampler at the first trial."""
        if self._sampler is None:
            self._sampler = self._make(trial.number)
        self._sampler.before_trial(study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """As the sampler does."""
        self.sampler.after_trial(study, trial, state, values)

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
        self._sampler = self._make(sum(map(self._counts, earlier)))
        self._sampler.before_trial(study, trial)
