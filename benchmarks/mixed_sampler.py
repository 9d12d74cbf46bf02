"""A sampler made of others: now and then at random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import RandomSampler

from sb3_hpo.delegating_sampler import DelegatingSampler

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial


class MixedSampler(DelegatingSampler):
    """Draws a share of the configurations at random, the others by a sampler.

    :param sampler: what learns
    :param distributions: what is sampled
    :param random_share: probability with which a configuration is drawn at random
    :param seed: seed of what is drawn at random
    """

    def __init__(
        self,
        sampler: BaseSampler,
        distributions: Mapping[str, BaseDistribution],
        random_share: float,
        seed: int,
    ) -> None:
        super().__init__(sampler)
        self._random = RandomSampler(seed=seed)
        self._distributions = dict(distributions)
        self._random_share = random_share
        self._generator = np.random.default_rng(seed)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All of it: a configuration is drawn as a whole."""
        return self._distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """A configuration as a whole."""
        is_random = self._generator.random() < self._random_share
        return self._draw(self._random if is_random else self.sampler, study, trial)

    def _draw(self, sampler: BaseSampler, study: optuna.Study, trial: FrozenTrial) -> dict[str, Any]:
        relative = sampler.infer_relative_search_space(study, trial)
        params = sampler.sample_relative(study, trial, relative)
        for name, distribution in self._distributions.items():
            if name not in params:
                params[name] = sampler.sample_independent(study, trial, name, distribution)
        return params
