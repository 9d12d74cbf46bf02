"""Name -> Optuna sampler.

A package adds its own by naming it in its ``pyproject.toml``::

    [project.entry-points."sb3_hpo.samplers"]
    my_sampler = "my_package.samplers:MySampler"

A subclass of Optuna's ``BaseSampler``, or a function that returns one. Its keyword arguments are what
``--sampler-kwargs`` may give; ``seed`` and ``n_startup_trials`` are given to it where it has them.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import inspect
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler

from sb3_hpo.errors import UserError, unknown_name
from sb3_hpo.exploring import RANDOM_FRACTION, Exploring
from sb3_hpo.factories import build, check_keywords, keywords_of, load_factory, names_in
from sb3_hpo.falling_rate import FallingRate, schedules_of_rate
from sb3_hpo.grid import DEFAULT_POINTS, Grid, grid_of, grid_of_everything
from sb3_hpo.grid_sampler import GridSampler, is_exhausted
from sb3_hpo.near_default import NearDefault
from sb3_hpo.new_params import NewParams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sb3_hpo.search_space import SearchSpace

ENTRY_POINT_GROUP = "sb3_hpo.samplers"

N_CANDIDATES = 4
"""Configurations that TPE draws like the good ones, of which it proposes the one that is most unlike the others.

Optuna draws 24. Of 14 parameters, in a study of DQN on CartPole, the best of 24 had the network of the first three
configurations that came to their end in 98 to 100 % of 60 proposals, the best of 4 in 85 %. On tables of learning
curves, with four to ten parameters, both find the same (``benchmarks/README.md``).
"""

_KIND = "sampler"


@dataclasses.dataclass(frozen=True)
class SamplingContext:
    """What a sampler is made for.

    :param space: the search space
    :param seed: seed of what this process draws, other than that of every other process and command on the study
    :param study_seed: the same for everyone who works on the study: of a sequence that they share
    :param n_startup_trials: trials before a sampler that learns starts to learn from them
    :param default: params of the configuration that is tuned from; None if it lies outside the space
    """

    space: SearchSpace
    seed: int
    study_seed: int
    n_startup_trials: int
    default: Mapping[str, Any] | None = None


def sampler_names() -> list[str]:
    """Names of all samplers: this project's, then those of installed packages."""
    return list(dict.fromkeys([*SAMPLERS, *names_in(ENTRY_POINT_GROUP)]))


def create_sampler(name: str, context: SamplingContext, kwargs: Mapping[str, Any] | None = None) -> BaseSampler:
    """The Optuna sampler of that name.

    :param name: one of :func:`sampler_names`
    :param kwargs: keyword arguments of Optuna's class, by Optuna's names; for ``grid`` those of
        :func:`sb3_hpo.grid.grid_of`
    :raises UserError: for an unknown name, an unknown option, a value that the sampler does not take, and a sampler
        that cannot work on this search space or is not installed
    """
    check_sampler(name)
    if name in SAMPLERS:
        return SAMPLERS[name](context, kwargs or {})
    make = load_factory(_KIND, name, ENTRY_POINT_GROUP, BaseSampler)
    sampler = _build(name, make, context, kwargs or {})
    if not isinstance(sampler, BaseSampler):
        raise UserError(f"sampler {name!r} made {sampler!r}, it must be a sampler of Optuna")
    return sampler


def check_sampler(name: str) -> None:
    """Check a sampler's name.

    :raises UserError: for an unknown name
    """
    names = sampler_names()
    if name not in names:
        raise unknown_name(_KIND, name, names)


def exhaustive_grid(name: str, space: SearchSpace, kwargs: Mapping[str, Any]) -> Grid | None:
    """All points that a sampler tries before it ends by itself; None for one that never ends.

    :raises UserError: if there is no end to them
    """
    if name == "grid":
        check_keywords(_KIND, name, _points, kwargs)
        return grid_of(space, **kwargs)
    return grid_of_everything(space) if name == "brute-force" else None


def _points(points: int | dict[str, Any] = DEFAULT_POINTS) -> None:
    """The options of a grid, as a signature to check against."""


def _build(
    name: str,
    make: Callable[..., BaseSampler],
    context: SamplingContext,
    kwargs: Mapping[str, Any],
    **preset: Any,
) -> BaseSampler:
    ours = {"seed": context.seed, "n_startup_trials": context.n_startup_trials, **preset}
    known = keywords_of(make)
    preset = {key: value for key, value in ours.items() if key in known}
    return build(_KIND, name, make, kwargs, preset=preset, fixed="seed")


def _grid(context: SamplingContext, kwargs: Mapping[str, Any]) -> BaseSampler:
    grid = exhaustive_grid("grid", context.space, kwargs)
    if grid is None:
        raise TypeError("a grid has points")
    return GridSampler(grid, context.study_seed)


def _qmc(context: SamplingContext, kwargs: Mapping[str, Any]) -> BaseSampler:
    # The points follow from the seed and a counter in the study: one seed for all is one sequence without gaps.
    return _build("qmc", optuna.samplers.QMCSampler, context, kwargs, seed=context.study_seed, scramble=True)


def _cmaes(context: SamplingContext, kwargs: Mapping[str, Any]) -> BaseSampler:
    if importlib.util.find_spec("cmaes") is None:
        raise UserError("sampler 'cmaes' needs a package that is not installed: pip install 'sb3-hpo[cmaes]'")
    numeric = [p.name for p in context.space if not isinstance(p.distribution, CategoricalDistribution)]
    if len(numeric) < 2:
        raise UserError(
            f"sampler 'cmaes' samples two numeric parameters or more together, this space has {len(numeric)}: "
            "take another sampler"
        )
    return _build("cmaes", optuna.samplers.CmaEsSampler, context, kwargs)


class _BruteForceSampler(optuna.samplers.BruteForceSampler):
    """Optuna's, which can say before a first trial that nothing is left to try."""

    def __init__(self, grid: Grid, seed: int, avoid_premature_stop: bool = False) -> None:
        super().__init__(seed=seed, avoid_premature_stop=avoid_premature_stop)
        self._grid = grid

    def is_exhausted(self, study: optuna.Study) -> bool:
        """Whether every combination of values is done or being tried."""
        return is_exhausted(self._grid, study.get_trials(deepcopy=False))


def _brute_force(context: SamplingContext, kwargs: Mapping[str, Any]) -> BaseSampler:
    check_keywords(_KIND, "brute-force", optuna.samplers.BruteForceSampler, kwargs, fixed="seed")
    make = functools.partial(_BruteForceSampler, grid_of_everything(context.space))
    return _build("brute-force", make, context, kwargs)


class _ExploringTPE:
    """Makes Optuna's TPE, which leaves a share of the configurations to chance; it takes the options of both."""

    def __init__(self, context: SamplingContext) -> None:
        self._context = context
        share = inspect.signature(Exploring).parameters["random_fraction"]
        of_optuna = inspect.signature(optuna.samplers.TPESampler).parameters.values()
        self.__signature__ = inspect.Signature([*of_optuna, share.replace(kind=inspect.Parameter.KEYWORD_ONLY)])

    def __call__(
        self, random_fraction: float = RANDOM_FRACTION, n_ei_candidates: int = N_CANDIDATES, **options: Any
    ) -> BaseSampler:
        if n_ei_candidates < 1:
            raise ValueError(f"n_ei_candidates is {n_ei_candidates!r}, it must be at least 1")
        default, n_startup_trials, seed = self._context.default, options["n_startup_trials"], options["seed"]
        seeds = np.random.default_rng(seed).integers(2**31, size=4).tolist()
        sampler: BaseSampler = optuna.samplers.TPESampler(n_ei_candidates=n_ei_candidates, **options)
        explorer: BaseSampler = optuna.samplers.RandomSampler(seed=seeds[0])
        if schedules := schedules_of_rate(self._context.space):
            sampler = FallingRate(sampler, schedules, n_startup_trials, seeds[2])
            explorer = FallingRate(explorer, schedules, math.inf, seeds[3])
        if default is not None:
            default = {name: value for name, value in default.items() if name not in schedules}
            sampler = NearDefault(sampler, default, n_startup_trials, seed)
            explorer = NearDefault(explorer, default, math.inf, seeds[0])
        return Exploring(sampler, explorer, self._context.space, n_startup_trials, seeds[1], random_fraction)


def _tpe(context: SamplingContext, kwargs: Mapping[str, Any]) -> BaseSampler:
    return NewParams(_build("tpe", _ExploringTPE(context), context, kwargs), context.space, context.seed)


# TPE is multivariate and with constant liar by default since Optuna 5.
SAMPLERS: dict[str, Callable[[SamplingContext, Mapping[str, Any]], BaseSampler]] = {
    "tpe": _tpe,
    "random": functools.partial(_build, "random", optuna.samplers.RandomSampler),
    "qmc": _qmc,
    "gp": functools.partial(_build, "gp", optuna.samplers.GPSampler),
    "cmaes": _cmaes,
    "grid": _grid,
    "brute-force": _brute_force,
}
