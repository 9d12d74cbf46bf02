"""A sampler that passes everything on to another one: what others build upon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, TrialState


class DelegatingSampler(BaseSampler):
    """Does what a sampler of Optuna does; a subclass does something of it otherwise.

    :param sampler: what draws
    """

    def __init__(self, sampler: BaseSampler) -> None:
        self._sampler = sampler

    @property
    def sampler(self) -> BaseSampler:
        """What draws."""
        return self._sampler

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
        """As the sampler does."""
        self.sampler.before_trial(study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """As the sampler does."""
        self.sampler.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """As the sampler does."""
        self.sampler.reseed_rng()


def draw_whole(
    sampler: BaseSampler, study: optuna.Study, trial: FrozenTrial, distributions: Mapping[str, BaseDistribution]
) -> dict[str, Any]:
    """All params of a configuration at once.

    :param distributions: what is sampled, by name
    """
    params = sampler.sample_relative(study, trial, sampler.infer_relative_search_space(study, trial))
    for name, distribution in distributions.items():
        if name not in params:
            params[name] = sampler.sample_independent(study, trial, name, distribution)
    return params
