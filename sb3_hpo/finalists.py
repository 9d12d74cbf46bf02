"""Which trials of the search go to validation."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.gaussian_process import posterior_mean
from sb3_hpo.trial_attributes import HYPERPARAMS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sb3_hpo.scores import FloatArray
    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.transforms import Plain

_MIDDLE = 0.5
"""Where a parameter counts that a trial does not have."""


def choose_finalists(
    trials: Sequence[FrozenTrial],
    space: SearchSpace,
    n_finalists: int,
    of_default: Collection[str] = (),
) -> list[FrozenTrial]:
    """The complete trials that are most worth a validation, each configuration once, the default left out.

    Half of them, rounded up, are those of the best score. One seed and a few episodes are luck in part, so the rest
    are those that a Gaussian process over all trials expects most of: their neighbours did well, too. On learning
    curves of real trainings both orders lead to equally good winners; where noise is as large as the differences
    between configurations, the mixture leads to better ones than the scores alone, and where single trainings fail
    for no reason, to better ones than the process alone.

    Where returns have a ceiling many scores are equal. Of equal scores the one comes first whose reports had the higher
    mean: it was there sooner, and did not fall back. Of ten of 30 random configurations of DQN on CartPole the one that
    is first has 449 on other seeds, by the scores alone 430 (difference 18.5, 95 % interval -4.0 to 46.1,
    ``benchmarks/what_predicts.py``).

    :param trials: trials of one study; those that are not complete are passed over
    :param n_finalists: how many to choose; fewer where there are not as many
    :param of_default: keys of the configuration that was tuned from, which needs no place
    :return: those of the best score first, then those that are expected most of
    """
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    if not complete:
        return []
    scores = np.asarray([trial.value for trial in complete], dtype=np.float64)
    points = np.stack([unit_point(trial.params, space) for trial in complete])
    eligible = _first_of_each(complete, of_default)
    by_score = [i for i in _descending(scores, [_mean_report(trial) for trial in complete]) if i in eligible]
    by_expectation = [i for i in _descending(posterior_mean(points, scores)) if i in eligible]
    order = dict.fromkeys([*by_score[: math.ceil(n_finalists / 2)], *by_expectation])
    return [complete[i] for i in list(order)[:n_finalists]]


def key_of_trial(trial: FrozenTrial) -> str:
    """What a trial trains, as text: different params may stand for one configuration, made to fit the budget."""
    return configuration_key(trial.user_attrs.get(HYPERPARAMS, trial.params))


def configuration_key(configuration: Mapping[str, Any]) -> str:
    """A configuration, in the zoo's notation, as text."""
    return json.dumps(configuration, sort_keys=True)


def unit_point(params: Mapping[str, Plain], space: SearchSpace) -> FloatArray:
    """A configuration as a point of the unit cube: numbers on their scale, choices one by one.

    Two choices of a categorical parameter are as far apart as the two ends of a range. A parameter that the
    configuration does not have lies in the middle.

    :return: shape ``(n_dimensions,)``
    """
    coordinates: list[float] = []
    for parameter in space:
        missing = parameter.name not in params
        coordinates.extend(_coordinates(parameter.distribution, params.get(parameter.name), missing=missing))
    return np.asarray(coordinates, dtype=np.float64)


def _first_of_each(trials: Sequence[FrozenTrial], of_default: Collection[str]) -> set[int]:
    """Indices of the trials that neither repeat an earlier one with a score as good nor the default."""
    best: dict[str, int] = {}
    for i, trial in enumerate(trials):
        key = key_of_trial(trial)
        if key in of_default:
            continue
        if key not in best or (trial.value or 0.0) > (trials[best[key]].value or 0.0):
            best[key] = i
    return set(best.values())


def _coordinates(distribution: BaseDistribution, value: Plain, *, missing: bool) -> list[float]:
    if isinstance(distribution, CategoricalDistribution):
        return [0.0 if missing or value != choice else math.sqrt(0.5) for choice in distribution.choices]
    if missing:
        return [_MIDDLE]
    if not isinstance(distribution, (FloatDistribution, IntDistribution)) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} of distribution {distribution!r} is no number")
    low, high, number = float(distribution.low), float(distribution.high), float(value)
    if low == high:
        return [_MIDDLE]
    if distribution.log:
        low, high, number = math.log(low), math.log(high), math.log(number)
    return [(number - low) / (high - low)]


def _mean_report(trial: FrozenTrial) -> float:
    """The mean of what a trial reported; its score where it reported nothing."""
    return float(np.mean(list(trial.intermediate_values.values()) or [trial.value or 0.0]))


def _descending(values: FloatArray, in_a_tie: Sequence[float] = ()) -> list[int]:
    """Indices from the highest value to the lowest; of equal ones the higher in a tie, then in their order.

    :param in_a_tie: a number for each value, or none
    """
    second = -np.asarray(in_a_tie or [0.0] * len(values), dtype=np.float64)
    return [int(i) for i in np.lexsort((second, -values))]
