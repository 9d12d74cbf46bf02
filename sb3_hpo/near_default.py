"""A sampler that, before it learns, looks around the configuration that is tuned from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.trial import TrialState

from sb3_hpo.delegating_sampler import DelegatingSampler

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

SHARE = 0.5
"""Share of the startup trials that are drawn around the default; the others are drawn from the whole space."""
KEPT = 0.7
"""Probability with which such a trial keeps a parameter of the default."""


class NearDefault(DelegatingSampler):
    """Draws a share of the startup trials with most of their params those of the default, then leaves it to a sampler.

    A configuration that people train with is no point like any other: much of what is good lies around it, and of a
    space of a dozen parameters a few dozen random points see little. That a search should begin with what is known,
    and not with it alone, is the idea of BOPrO (Souza et al., https://arxiv.org/abs/2006.14608) and of PriorBand
    (Mallik et al., https://arxiv.org/abs/2306.12370), which samples around the user's configuration, at random, and
    around the best found. Here the sampler's own model does the last of these.

    :param sampler: what learns
    :param default: params of the configuration that is tuned from
    :param n_startup_trials: trials, complete or pruned, before the sampler learns from them; infinite for one that
        never does
    :param seed: seed of what is kept
    """

    def __init__(self, sampler: BaseSampler, default: Mapping[str, Any], n_startup_trials: float, seed: int) -> None:
        super().__init__(sampler)
        self._default = dict(default)
        self._n_startup_trials = n_startup_trials
        self._generator = np.random.default_rng(seed)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What is kept of the default, the other params being drawn one by one; or what the sampler draws."""
        if is_starting(study, self._n_startup_trials) and self._generator.random() < SHARE:
            return self._around()
        return self.sampler.sample_relative(study, trial, search_space)

    def _around(self) -> dict[str, Any]:
        """What is kept, which is never all: of few params all would be kept often, and the default is tried already."""
        kept = {name: value for name, value in self._default.items() if self._generator.random() < KEPT}
        if kept and len(kept) == len(self._default):
            del kept[self._generator.choice(list(kept))]
        return kept


def is_starting(study: optuna.Study, n_startup_trials: float) -> bool:
    """Whether a study still has its startup trials to do, as Optuna's TPE counts them: complete or pruned."""
    ended = study._get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED), use_cache=True)
    return len(ended) < n_startup_trials
