"""A learning rate that falls to zero: tried first, and drawn more often than a constant one.

What a training ends with is what counts, and an agent that still learns at full rate may be good at one evaluation and
lost at the next. Of that the search sees little: its trainings are mostly stopped long before the rate has fallen. So
that a falling one may be steadier at the end is not left to be found out. One configuration of DQN solved CartPole on
6 of 6 seeds with a rate that falls, on 4 of them with the constant one; for the zoo's default it made no difference on
12 (``benchmarks/README.md``). Of what the zoo trains PPO, A2C, SAC and TQC with, a third has one that falls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sb3_hpo.delegating_sampler import DelegatingSampler
from sb3_hpo.transforms import CONSTANT, LINEAR, Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.transforms import Plain

SHARE = 0.75
"""Share of the configurations drawn at random whose learning rate falls."""


def schedules_of_rate(space: SearchSpace) -> frozenset[str]:
    """Names of the parameters that say whether the learning rate is constant or falls; none where one is ruled out."""
    return frozenset(
        parameter.name
        for parameter in space
        if isinstance(parameter.transform, Schedule)
        and parameter.transform.argument == "learning_rate"
        and {CONSTANT, LINEAR} == set(getattr(parameter.distribution, "choices", ()))
    )


def with_falling_rate(params: Mapping[str, Plain], space: SearchSpace) -> dict[str, Plain] | None:
    """The same params with a learning rate that falls; None where it falls already, or must not."""
    falling = {name: LINEAR for name in schedules_of_rate(space) if params.get(name) == CONSTANT}
    return {**params, **falling} if falling else None


class FallingRate(DelegatingSampler):
    """Draws the schedule of the learning rate where a sampler would leave it to chance.

    :param sampler: what draws all else
    :param names: the parameters that say which schedule it is
    :param seed: seed of what is drawn
    """

    def __init__(self, sampler: BaseSampler, names: frozenset[str], seed: int) -> None:
        super().__init__(sampler)
        self._names = names
        self._generator = np.random.default_rng(seed)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The schedule; other parameters as the sampler does."""
        if param_name in self._names:
            return LINEAR if self._generator.random() < SHARE else CONSTANT
        return super().sample_independent(study, trial, param_name, param_distribution)
