"""What TPE makes of a study: the density of the good trials and that of the rest, by Optuna's own estimators.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011, section 4; Watanabe, "Tree-Structured
Parzen Estimator: Understanding Its Algorithm Components", 2023 (https://arxiv.org/abs/2304.11127).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.samplers._tpe.probability_distributions import _MixtureOfProductDistribution

from sb3_hpo.factories import build
from sb3_hpo.report.param_axis import grid_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator
    from optuna.trial import FrozenTrial

    from sb3_hpo.scores import FloatArray


@dataclasses.dataclass(frozen=True)
class Densities:
    """The two densities of one param, where 1 is a param that is drawn evenly (on its own scale).

    :param x: values of the param as Optuna holds them inside: an index for a choice, shape ``(n_points,)``
    :param good: l(x), of the good trials, shape ``(n_points,)``
    :param rest: g(x), of the others, shape ``(n_points,)``
    :param good_values: the param's value in each good trial
    :param rest_values: the same of the others
    """

    name: str
    distribution: BaseDistribution
    x: FloatArray
    good: FloatArray
    rest: FloatArray
    good_values: Sequence[float]
    rest_values: Sequence[float]

    @property
    def ratio(self) -> FloatArray:
        """l(x) / g(x): the higher, the rather TPE proposes the value."""
        return self.good / np.maximum(self.rest, 1e-12)


@dataclasses.dataclass(frozen=True)
class Surrogate:
    """What TPE would draw the next trial from.

    :param good: the good trials
    :param rest: the others
    """

    densities: Sequence[Densities]
    good: Sequence[FrozenTrial]
    rest: Sequence[FrozenTrial]


def tpe_surrogate(
    view: optuna.Study,
    trial: FrozenTrial,
    distributions: Mapping[str, BaseDistribution],
    n_startup_trials: int,
    kwargs: Mapping[str, Any],
) -> Surrogate | None:
    """The densities that TPE draws a trial from; None as long as it draws evenly.

    :param view: the study as the sampler sees it
    :param trial: the trial that is to be drawn
    :param distributions: all params that have been sampled
    :param kwargs: options of the sampler, as ``--sampler-kwargs`` gives them
    :raises UserError: if the sampler does not take these options
    """
    preset = {"seed": 0, "n_startup_trials": n_startup_trials}
    sampler = build("sampler", "tpe", _Recording, kwargs, preset=preset, fixed="seed")
    drawn = sampler.sample_relative(view, trial, sampler.infer_relative_search_space(view, trial))
    for name, distribution in distributions.items():
        if name not in drawn and not distribution.single():
            sampler.sample_independent(view, trial, name, distribution)
    if not sampler.recorded:
        return None
    pairs = sampler.pairs()
    return Surrogate([one for pair in pairs for one in _densities(*pair)], pairs[0][0].trials, pairs[0][1].trials)


@dataclasses.dataclass(frozen=True)
class _Built:
    """An estimator that the sampler has built, and what of."""

    estimator: _ParzenEstimator
    search_space: dict[str, BaseDistribution]
    observations: dict[str, Any]
    trials: list[FrozenTrial]


class _Recording(TPESampler):
    """TPE that keeps the estimators which it draws from."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.recorded: list[_Built] = []

    def pairs(self) -> list[tuple[_Built, _Built]]:
        """The estimators of the good trials and of the rest, for each group of params that is drawn together."""
        return list(zip(self.recorded[::2], self.recorded[1::2], strict=True))

    def _build_parzen_estimator(
        self,
        study: optuna.Study,
        search_space: dict[str, BaseDistribution],
        trials: list[FrozenTrial],
        handle_below: bool,
    ) -> _ParzenEstimator:
        estimator = super()._build_parzen_estimator(study, search_space, trials, handle_below)
        observations = self._get_internal_repr(trials, search_space, study)
        self.recorded.append(_Built(estimator, search_space, observations, trials))
        return estimator


def _densities(good: _Built, rest: _Built) -> list[Densities]:
    return [
        Densities(
            name,
            distribution,
            x=(x := grid_of(distribution)),
            good=_marginal(good, at, distribution, x),
            rest=_marginal(rest, at, distribution, x),
            good_values=list(good.observations[name]),
            rest_values=list(rest.observations[name]),
        )
        for at, (name, distribution) in enumerate(good.search_space.items())
    ]


def _marginal(built: _Built, at: int, distribution: BaseDistribution, x: FloatArray) -> FloatArray:
    """The density of one param, the others summed over; the estimator is a mixture of products, so that it is exact."""
    mixture = built.estimator._mixture_distribution
    one = _MixtureOfProductDistribution(mixture.weights, [mixture.distributions[at]])
    density: FloatArray = np.exp(one.log_pdf(x[:, None])) * _evenness(distribution, x)
    return density


def _evenness(distribution: BaseDistribution, x: FloatArray) -> FloatArray | float:
    """One over the density, or the probability, of each value of a param that is drawn evenly on its own scale."""
    if isinstance(distribution, CategoricalDistribution):
        return float(len(distribution.choices))
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        raise TypeError(f"distribution {distribution!r} is of no kind that Optuna samples")
    half = 0.0 if distribution.step is None else distribution.step / 2
    low, high = distribution.low - half, distribution.high + half
    if distribution.step is None:
        return float(np.log(high / low) if distribution.log else high - low)
    if distribution.log:
        evenness: FloatArray = np.log(high / low) / np.log((x + half) / (x - half))
        return evenness
    return (high - low) / distribution.step
