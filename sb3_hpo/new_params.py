"""A sampler that proposes nothing twice, and learns once from each configuration.

On the same tuning seeds the same configuration comes out the same; see :class:`FurthestTrials` for what it learns from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
from optuna.samplers import RandomSampler

from sb3_hpo.delegating_sampler import DelegatingSampler, draw_whole
from sb3_hpo.ended_trials import EndedTrials
from sb3_hpo.furthest_trials import FurthestTrials, key_of
from sb3_hpo.trial_attributes import FIXED_PARAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from sb3_hpo.search_space import SearchSpace

MAX_DRAWS_OF_SAMPLER = 3
"""Draws after which a sampler that proposes what is known has nothing more to say, and chance takes over."""
MAX_DRAWS = 20
"""Draws after which a repetition is let pass: hardly anything new is left."""


class NewParams(DelegatingSampler):
    """Draws by a sampler of Optuna, again where the study has the params already.

    :param sampler: what learns
    :param space: what is sampled
    :param seed: seed of what is drawn at random
    """

    def __init__(self, sampler: BaseSampler, space: SearchSpace, seed: int) -> None:
        super().__init__(sampler)
        self._random = RandomSampler(seed=seed)
        self._space = space
        self._distributions = {parameter.name: parameter.distribution for parameter in space}
        self._ended = EndedTrials()
        self._known: set[frozenset[tuple[str, Any]]] = set()
        self._furthest = FurthestTrials()

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All of it: params are drawn as a whole."""
        return self._distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Params that are new, if there are any within reach."""
        study = _whole(study)
        known = self.known_params(study, trial.number)
        learned = self._furthest.of(study)
        for draw in range(MAX_DRAWS):
            sampler = self.sampler if draw < MAX_DRAWS_OF_SAMPLER else self._random
            params = draw_whole(sampler, learned, trial, self._distributions)
            if self._key_of_draw(params) not in known:
                break
        return params

    def reseed_rng(self) -> None:
        """As the sampler does, and what is drawn at random."""
        super().reseed_rng()
        self._random.reseed_rng()

    def key(self, params: Mapping[str, Any]) -> frozenset[tuple[str, Any]]:
        """What two trials have in common that try the same."""
        return key_of(params)

    def _key_of_draw(self, params: Mapping[str, Any]) -> frozenset[tuple[str, Any]]:
        """That of the params that a trial would have: some depend on others."""
        return self.key(self._space.suggest(optuna.trial.FixedTrial(dict(params))))

    def known_params(self, study: optuna.Study, number: int | None = None) -> set[frozenset[tuple[str, Any]]]:
        """The keys of what the study has, but for the trial of this number."""
        new, rest = self._ended.new_and_rest(study.get_trials(deepcopy=False))
        self._known.update(self.key(trial.params) for trial in new if trial.params)
        others = (_expected(trial) for trial in rest if trial.number != number)
        return self._known | {self.key(params) for params in others if params}


def _expected(trial: FrozenTrial) -> dict[str, Any]:
    """What a trial has, or is to have: one that waits or has just begun has what it was enqueued with."""
    return {**trial.system_attrs.get(FIXED_PARAMS, {}), **trial.params}


def _whole(study: optuna.Study) -> optuna.Study:
    """All of a study, where Optuna shows a sampler the trials of one bracket of Hyperband alone.

    A configuration that another bracket has is not new either, and what came further tells more whatever its bracket.
    """
    whole: optuna.Study = getattr(study, "_study", study)
    return whole
