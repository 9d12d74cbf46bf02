"""What Optuna's Gaussian process expects along each param, by the sampler's own regressor."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna._gp.search_space import SearchSpace
from optuna.samplers import GPSampler
from optuna.trial import TrialState

from sb3_hpo.factories import build
from sb3_hpo.report.param_axis import grid_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna
    from optuna._gp.acqf import BaseAcquisitionFunc
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from sb3_hpo.scores import FloatArray

MOST_TRIALS = 1_000
"""Complete trials beyond which the process is not fitted: that takes the cube of their number."""

Z95 = 1.96
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""


@dataclasses.dataclass(frozen=True)
class Slice:
    """What the process expects along one param, the others being those of the best trial.

    :param x: values of the param as Optuna holds them inside, shape ``(n_points,)``
    :param mean: expected score, shape ``(n_points,)``
    :param low: lower limit of its 95 % band, shape ``(n_points,)``
    :param high: upper limit
    :param values: the param's value in each complete trial
    :param scores: their scores
    """

    name: str
    distribution: BaseDistribution
    x: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    values: Sequence[float]
    scores: Sequence[float]


def gaussian_slices(
    view: optuna.Study, trial: FrozenTrial, n_startup_trials: int, kwargs: Mapping[str, Any]
) -> list[Slice] | None:
    """Mean and band along each param; None as long as the sampler draws at random.

    :param view: the study as the sampler sees it
    :param trial: the trial that is to be drawn
    :param kwargs: options of the sampler, as ``--sampler-kwargs`` gives them
    :raises UserError: if the sampler does not take these options
    """
    complete = view._get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    preset = {"seed": 0, "n_startup_trials": n_startup_trials}
    sampler = build("sampler", "gp", _Fitting, kwargs, preset=preset, fixed="seed")
    space = sampler.infer_relative_search_space(view, trial)
    sampler.sample_relative(view, trial, space)
    if sampler._gprs_cache_list is None:
        return None
    return _slices(sampler, space, complete, view)


class _Fitting(GPSampler):
    """Optuna's Gaussian process, which stops once it is fitted: where it would sample is not asked."""

    def _optimize_acqf(self, acqf: BaseAcquisitionFunc, best_params: FloatArray | None) -> FloatArray:
        anywhere: FloatArray = acqf.search_space.sample_normalized_params(1, self._rng.rng)[0]
        return anywhere


def _slices(
    sampler: _Fitting, space: dict[str, BaseDistribution], complete: Sequence[FrozenTrial], view: optuna.Study
) -> list[Slice]:
    scores = np.array([trial.value for trial in complete], dtype=np.float64)
    sign = 1.0 if view.direction.name == "MAXIMIZE" else -1.0
    best = complete[int(np.argmax(sign * scores))]
    spread = max(1e-10, float(scores.std()))
    slices = []
    for name, distribution in space.items():
        x = grid_of(distribution)
        mean, deviation = _posterior(sampler, space, best, name, x)
        mean = scores.mean() + sign * spread * mean
        slices.append(
            Slice(
                name,
                distribution,
                x,
                mean,
                mean - Z95 * spread * deviation,
                mean + Z95 * spread * deviation,
                [distribution.to_internal_repr(trial.params[name]) for trial in complete],
                list(scores),
            )
        )
    return slices


def _posterior(
    sampler: _Fitting, space: dict[str, BaseDistribution], best: FrozenTrial, name: str, x: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the standardized score, each of shape ``(n_points,)``."""
    import torch

    values = [space[name].to_external_repr(value) for value in x]
    params = [{**best.params, name: value} for value in values]
    points = SearchSpace(space).get_normalized_params([best] * len(params), params)
    if sampler._gprs_cache_list is None:
        raise ValueError("the sampler has fitted nothing yet")
    with torch.no_grad():
        mean, variance = sampler._gprs_cache_list[0].posterior(torch.from_numpy(points))
    return np.asarray(mean.numpy()), np.sqrt(np.maximum(0.0, variance.numpy()))
