"""A sampler that goes on exploring after it has begun to learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sb3_hpo.delegating_sampler import DelegatingSampler, draw_whole
from sb3_hpo.near_default import is_starting

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from sb3_hpo.search_space import SearchSpace

RANDOM_FRACTION = 0.25
"""Share of the configurations that are drawn without learning.

BOHB draws a third at random (Falkner et al. 2018, https://arxiv.org/abs/1807.01774, section 3.2). On tables of learning
curves neither a quarter nor a half makes a difference (``benchmarks/README.md``). They have four to ten parameters. Of
fourteen, in a study of DQN on CartPole, TPE drew 39 of its last 46 configurations from a corner that two of the first
trials that were trained to their end had in common.
"""


class Exploring(DelegatingSampler):
    """Draws a share of the configurations by another sampler than the one that learns.

    :param sampler: what learns
    :param explorer: what does not
    :param space: what is sampled
    :param n_startup_trials: trials, complete or pruned, before the sampler learns; they are left to it
    :param seed: seed of which configurations it is
    :param random_fraction: probability with which a configuration is drawn by the explorer
    :raises ValueError: for one that is no probability
    """

    def __init__(
        self,
        sampler: BaseSampler,
        explorer: BaseSampler,
        space: SearchSpace,
        n_startup_trials: int,
        seed: int,
        random_fraction: float = RANDOM_FRACTION,
    ) -> None:
        super().__init__(sampler)
        if not 0.0 <= random_fraction <= 1.0:
            raise ValueError(f"random_fraction is {random_fraction!r}, it must be a probability: from 0 to 1")
        self._explorer = explorer
        self._distributions = {parameter.name: parameter.distribution for parameter in space}
        self._n_startup_trials = n_startup_trials
        self._generator = np.random.default_rng(seed)
        self._random_fraction = random_fraction

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All of it: params are drawn as a whole."""
        return self._distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """All params of a configuration, drawn by the explorer or the sampler."""
        explores = not is_starting(study, self._n_startup_trials) and self._generator.random() < self._random_fraction
        return draw_whole(self._explorer if explores else self.sampler, study, trial, self._distributions)

    def reseed_rng(self) -> None:
        """As the sampler does, and the explorer."""
        super().reseed_rng()
        self._explorer.reseed_rng()
