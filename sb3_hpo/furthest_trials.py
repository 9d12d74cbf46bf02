"""A study as a sampler learns most from it: of each configuration the one trial that came furthest."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import TrialState

from sb3_hpo.ended_trials import EndedTrials

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from optuna.trial import FrozenTrial

MOST_LEARNED_FROM = 1_000
"""Configurations that a sampler learns from. TPE's arithmetic grows with them: 0.17 s for 1,000, 1.3 s for 10,000."""
BEST_LEARNED_FROM = 100
"""Those of them that are the best of all, however old; the others are the latest. TPE calls 25 good at most."""

_MOST_FIRST = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)

_Key = frozenset[tuple[str, Any]]


class FurthestTrials:
    """Keeps of each configuration of a study the trial that came furthest, and in a large study the most telling ones.

    A training that was promoted three times is four trials with the same params. To a sampler they are four times the
    same piece of knowledge: one good configuration fills the good ones that it draws from, the more so the further it
    came. What it had reached at a lower rung says nothing more either, once it came to a higher one.

    Beyond :data:`MOST_LEARNED_FROM` configurations it is the best and the latest ones. To TPE the best are the good
    trials, and those it compares with are described as well by the latest of them as by all.
    """

    def __init__(self) -> None:
        self._ended = EndedTrials()
        self._furthest: dict[_Key, FrozenTrial] = {}

    def of(self, study: optuna.Study) -> optuna.Study:
        """The study with these trials in the place of all of them; everything else is the study's own."""
        return _StudyOfTheFurthest(study, self)

    def among(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """The trials that came furthest, by number; those that have no params yet are among them.

        :param trials: all trials of the study, by number
        """
        new, rest = self._ended.new_and_rest(trials)
        _keep_furthest(self._furthest, new)
        furthest = dict(self._furthest)
        _keep_furthest(furthest, rest)
        without = [trial for trial in rest if not trial.params]
        return sorted([*_most_telling(list(furthest.values())), *without], key=lambda trial: trial.number)


class _StudyOfTheFurthest(optuna.Study):
    """Samplers of Optuna read trials by ``_get_trials`` alone."""

    def __init__(self, study: optuna.Study, furthest: FurthestTrials) -> None:
        vars(self).update(vars(study))
        self._furthest = furthest

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,
    ) -> list[FrozenTrial]:
        trials = self._furthest.among(super()._get_trials(deepcopy=False, use_cache=use_cache))
        wanted = [trial for trial in trials if states is None or trial.state in states]
        return copy.deepcopy(wanted) if deepcopy else wanted


def key_of(params: Mapping[str, Any]) -> _Key:
    """What two trials have in common that try the same configuration."""
    return frozenset(params.items())


def _keep_furthest(furthest: dict[_Key, FrozenTrial], trials: Iterable[FrozenTrial]) -> None:
    for trial in trials:
        if trial.params:
            key = key_of(trial.params)
            best = furthest.get(key)
            if best is None or _how_far(trial) >= _how_far(best):
                furthest[key] = trial


def _most_telling(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    if len(trials) <= MOST_LEARNED_FROM:
        return trials
    by_worth = sorted(trials, key=_worth)
    latest = sorted(by_worth[:-BEST_LEARNED_FROM], key=lambda trial: trial.number)
    return [*by_worth[-BEST_LEARNED_FROM:], *latest[BEST_LEARNED_FROM - MOST_LEARNED_FROM :]]


def _worth(trial: FrozenTrial) -> tuple[int, int, float]:
    """As TPE ranks trials: complete ones by value, then pruned ones by how far they came, and by what they reported."""
    kind, step = _how_far(trial)
    if trial.state == TrialState.COMPLETE:
        return kind, 0, _or_worst(trial.value)
    return kind, step, _or_worst(trial.intermediate_values.get(step))


def _or_worst(value: float | None) -> float:
    return -math.inf if value is None or math.isnan(value) else value


def _how_far(trial: FrozenTrial) -> tuple[int, int]:
    kind = len(_MOST_FIRST) - _MOST_FIRST.index(trial.state) if trial.state in _MOST_FIRST else 0
    return kind, -1 if trial.last_step is None else trial.last_step
