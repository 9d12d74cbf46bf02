"""A learning rate that falls to zero: tried first, drawn more often than a constant one, and judged at the end alone.

What a training ends with is what counts, and an agent that still learns at full rate may be good at one evaluation and
lost at the next. Of that the search sees little: its trainings are mostly stopped long before the rate has fallen. So
that a falling one may be steadier at the end is not left to be found out. Which is better depends on the rest: one
configuration of DQN solved CartPole on 6 of 6 seeds with a rate that falls, on 4 of them with the constant one; nine
others on 20 and 21 of 36 (``benchmarks/README.md``). Of 22 random ones with a rate that falls 6 were among the best
quarter, of 8 with a constant one 2. Of what the zoo trains PPO, A2C, SAC and TQC with, a third has one that falls.

Nor may a sampler learn the schedule from trainings that were stopped early, whose rates hardly differ yet: in a run of
DQN on CartPole the first trials that came far happened to have a constant rate, and so had 33 of the last 37
configurations; none with a falling rate was ever trained to its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.trial import TrialState

from sb3_hpo.delegating_sampler import DelegatingSampler
from sb3_hpo.near_default import is_starting
from sb3_hpo.transforms import CONSTANT, LINEAR, Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.transforms import Plain

SHARE = 0.75
"""Share of the configurations whose learning rate falls, before complete trials tell which is better."""
GOOD = 0.25
"""Share of the complete trials that are called good."""
PRIOR_TRIALS = 4
"""Complete trials of a schedule that weigh as much as the assumption that both are equally often good."""


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
    """Draws the schedule of the learning rate in the place of a sampler, by what trials that came to their end say.

    :param sampler: what draws all else
    :param names: the parameters that say which schedule it is
    :param n_startup_trials: trials, complete or pruned, before it learns; infinite for one that never does
    :param seed: seed of what is drawn
    """

    def __init__(self, sampler: BaseSampler, names: frozenset[str], n_startup_trials: float, seed: int) -> None:
        super().__init__(sampler)
        self._names = names
        self._n_startup_trials = n_startup_trials
        self._generator = np.random.default_rng(seed)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As the sampler does, without the schedule."""
        space = self.sampler.infer_relative_search_space(study, trial)
        return {name: distribution for name, distribution in space.items() if name not in self._names}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The schedule; other parameters as the sampler does."""
        if param_name in self._names:
            return LINEAR if self._generator.random() < self._share(study, param_name) else CONSTANT
        return super().sample_independent(study, trial, param_name, param_distribution)

    def _share(self, study: optuna.Study, name: str) -> float:
        if is_starting(study, self._n_startup_trials):
            return SHARE
        complete = study._get_trials(deepcopy=False, states=(TrialState.COMPLETE,), use_cache=True)
        return share_of_falling(name, complete)


def share_of_falling(name: str, complete: Sequence[FrozenTrial]) -> float:
    """How many of the next configurations shall have a learning rate that falls.

    The odds are those of :data:`SHARE`, times how often a complete trial with a falling rate is a good one, against
    one with a constant rate. That is TPE's ratio of good to all trials (Bergstra et al. 2011), drawn by in proportion:
    to take the higher one always would go by chance where a dozen trials are all there is.

    :param name: the parameter that says which schedule it is
    :param complete: trials that came to the end of their training, the higher their value the better
    """
    whole = [trial for trial in complete if name in trial.params]
    ended = [(trial.params[name], trial.value) for trial in whole if trial.value is not None]
    if not ended:
        return SHARE
    least = float(np.quantile([value for _, value in ended], 1.0 - GOOD, method="higher"))
    of_all = sum(value >= least for _, value in ended) / len(ended)

    def good_share(schedule: str) -> float:
        of_it = [value >= least for its_schedule, value in ended if its_schedule == schedule]
        return (sum(of_it) + PRIOR_TRIALS * of_all) / (len(of_it) + PRIOR_TRIALS)

    falling, constant = SHARE * good_share(LINEAR), (1.0 - SHARE) * good_share(CONSTANT)
    return falling / (falling + constant)
