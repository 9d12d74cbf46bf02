"""Parameter and SearchSpace: one declaration for sampling, conversion, its inverse, the grid and the table."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from sb3_hpo.errors import UserError, unknown_name
from sb3_hpo.transforms import Identity, OutsideSpaceError, Plain, Transform

if TYPE_CHECKING:
    import optuna

_ROUNDING = 1e-9
"""Relative distance from a bound that counts as rounding: 1 - 0.9999 is not quite 0.0001 in floating point."""


class Unset(enum.Enum):
    """Says that there is no value; None would be one."""

    UNSET = enum.auto()


UNSET = Unset.UNSET


@dataclasses.dataclass(frozen=True)
class SameAs:
    """A default that is another argument's value: ARS uses all its directions, ``n_delta``, unless told ``n_top``.

    :param argument: name of the other argument
    :param default: SB3's own default of the other argument
    """

    argument: str
    default: object


@dataclasses.dataclass(frozen=True)
class Budget:
    """What a configuration has to fit.

    :param n_timesteps: environment steps of one training
    :param n_envs: training environments
    :param max_episode_steps: steps after which an episode ends at the latest; None if unknown or never
    """

    n_timesteps: int
    n_envs: int = 1
    max_episode_steps: int | None = None


Fit: TypeAlias = Callable[[Mapping[str, Any], Budget], dict[str, Any]]
"""Changes the arguments of a whole configuration that cannot fit a budget, and only those. Pure."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One hyperparameter of a search space.

    :param name: Optuna's name of the parameter
    :param distribution: what it is sampled from; its range never depends on another parameter
    :param argument: SB3's constructor argument; ``policy_kwargs.net_arch`` is an entry of ``policy_kwargs``
    :param source: where the range comes from (paper, issue, zoo file)
    :param default: SB3's own default of the argument, used where a configuration does not name it
    :param transform: the map from the sampled value to the argument and back
    :param when: values of parameters declared before under which this one applies; empty for always
    :param otherwise: the parameter's value where ``when`` says that it does not apply; :data:`UNSET` to leave the
        argument as the configuration tuned from has it
    :param requires: features of the task (:mod:`sb3_hpo.features`) without which the parameter does not exist
    :param widened: what it is sampled from instead on a task with a feature, by feature
    """

    name: str
    distribution: BaseDistribution
    argument: str
    source: str
    default: object
    transform: Transform = dataclasses.field(default_factory=Identity)
    when: Mapping[str, Sequence[Plain]] = dataclasses.field(default_factory=dict)
    otherwise: Plain | Literal[Unset.UNSET] = UNSET
    requires: frozenset[str] = frozenset()
    widened: Mapping[str, BaseDistribution] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.source.strip():
            raise UserError(f"parameter {self.name!r} has no source: say where its range comes from")

    def for_features(self, features: frozenset[str]) -> Parameter:
        """The parameter with its range for a task with these features."""
        for feature, distribution in self.widened.items():
            if feature in features:
                return dataclasses.replace(self, distribution=distribution, widened={})
        return self

    def suggest(self, trial: optuna.trial.BaseTrial) -> Plain:
        """Sample a value in a trial."""
        d = self.distribution
        if isinstance(d, FloatDistribution):
            return trial.suggest_float(self.name, d.low, d.high, step=d.step, log=d.log)
        if isinstance(d, IntDistribution):
            return trial.suggest_int(self.name, d.low, d.high, step=d.step, log=d.log)
        if isinstance(d, CategoricalDistribution):
            choice: Plain = trial.suggest_categorical(self.name, d.choices)
            return choice
        raise TypeError(f"parameter {self.name!r}: distribution {d!r} is of no kind that Optuna samples")

    def applies(self, params: Mapping[str, Plain]) -> bool:
        """Whether the parameter is part of a configuration with these values of the parameters before it."""
        return all(other in params and params[other] in allowed for other, allowed in self.when.items())

    def inside(self, value: Plain) -> Plain:
        """The value itself if it is in range, rounded onto a bound that it misses by floating-point rounding.

        :raises OutsideSpaceError: if the value is out of range
        """
        d = self.distribution
        if isinstance(d, CategoricalDistribution):
            for choice in d.choices:
                if _is_same(value, choice):
                    return choice
        elif isinstance(d, (FloatDistribution, IntDistribution)) and isinstance(value, (int, float)):
            on_range = _onto_range(value, d)
            if on_range is not None:
                return on_range
        raise OutsideSpaceError(f"{self.name} {value!r} is outside {describe_range(d)}")

    def grid(self, n_points: int) -> list[Plain]:
        """At most ``n_points`` values that cover the range evenly on its scale; all choices of a categorical."""
        d = self.distribution
        if isinstance(d, CategoricalDistribution):
            return list(d.choices)
        if not isinstance(d, (FloatDistribution, IntDistribution)):
            raise TypeError(f"parameter {self.name!r}: no grid over {d!r}")
        spaced = np.geomspace if d.log else np.linspace
        points = spaced(d.low, d.high, n_points).tolist()
        if d.step is not None:
            points = [d.low + d.step * round((point - d.low) / d.step) for point in points]
        kind = int if isinstance(d, IntDistribution) else float
        return list(dict.fromkeys(kind(min(max(point, d.low), d.high)) for point in points))


@dataclasses.dataclass(frozen=True)
class SearchSpace:
    """The hyperparameters of one algorithm that are tuned, in the order in which they are sampled.

    Two vocabularies: ``params`` are the values Optuna samples, by parameter name; ``hyperparams`` are SB3's
    arguments as the zoo's YAML writes them, plain values with nested mappings for ``policy_kwargs``.

    :param parameters: the hyperparameters; one that depends on another comes after it
    :param fit: what makes a configuration fit its budget, applied in order
    """

    parameters: tuple[Parameter, ...]
    fit: tuple[Fit, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        arguments: set[str] = set()
        for parameter in self.parameters:
            if parameter.name in seen:
                raise UserError(f"parameter {parameter.name!r} is declared twice")
            for other in parameter.when:
                if other not in seen:
                    raise UserError(f"parameter {parameter.name!r} depends on {other!r}: declare that one before it")
            referred = getattr(parameter.transform, "argument", None)
            if referred is not None and referred not in arguments:
                raise UserError(
                    f"parameter {parameter.name!r} is relative to {referred!r}, which no parameter before it sets: "
                    "declare one, or leave this one out too"
                )
            seen.add(parameter.name)
            arguments.add(parameter.argument)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def __getitem__(self, name: str) -> Parameter:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise unknown_name("parameter", name, [parameter.name for parameter in self.parameters])

    @property
    def features(self) -> frozenset[str]:
        """All features of a task that make a difference."""
        return frozenset().union(*(parameter.requires.union(parameter.widened) for parameter in self.parameters))

    def for_features(self, features: frozenset[str]) -> SearchSpace:
        """The space for a task with these features: without what requires others, or depends on what does.

        The space itself, before this, is for telling what there is; it is not for sampling.
        """
        kept: dict[str, Parameter] = {}
        for parameter in self.parameters:
            if parameter.requires <= features and all(other in kept for other in parameter.when):
                kept[parameter.name] = parameter.for_features(features)
        return dataclasses.replace(self, parameters=tuple(kept.values()))

    def fitted(self, configuration: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        """The configuration with what cannot fit the budget made to fit; equal to it if all fits already."""
        fitted = dict(configuration)
        for fit in self.fit:
            fitted = fit(fitted, budget)
        return fitted

    def suggest(self, trial: optuna.trial.BaseTrial) -> dict[str, Plain]:
        """Sample a configuration in a trial: its ``params``."""
        params: dict[str, Plain] = {}
        for parameter in self.parameters:
            if parameter.applies(params):
                params[parameter.name] = parameter.suggest(trial)
        return params

    def to_hyperparams(self, params: Mapping[str, Plain]) -> dict[str, Any]:
        """The hyperparameters that ``params`` stand for, as the zoo's YAML writes them.

        :raises UserError: if a parameter is missing, unknown, or out of its range
        """
        for name in params:
            self[name]
        hyperparams: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.applies(params):
                if parameter.name not in params:
                    raise UserError(f"parameter {parameter.name!r} is missing from {dict(params)!r}")
                value = parameter.inside(params[parameter.name])
            elif parameter.otherwise is UNSET:
                continue
            else:
                value = parameter.otherwise
            set_argument(hyperparams, parameter.argument, parameter.transform.forward(value, hyperparams))
        return hyperparams

    def to_params(self, hyperparams: Mapping[str, Any]) -> dict[str, Plain]:
        """The ``params`` that give a configuration: the inverse of :meth:`to_hyperparams`.

        Exact, but for the rounding of ``1 - x`` in floating point. Arguments that the configuration does not
        name count as SB3's defaults; those that the space does not tune are passed over.

        :raises OutsideSpaceError: if the configuration lies outside the space
        """
        params: dict[str, Plain] = {}
        gathered: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.applies(params):
                value = params[parameter.name] = _sampled_value(parameter, hyperparams, gathered)
            elif parameter.otherwise is UNSET:
                continue
            else:
                value = _fixed_value(parameter, parameter.otherwise, hyperparams, gathered)
            set_argument(gathered, parameter.argument, parameter.transform.forward(value, gathered))
        return params


def set_argument(hyperparams: dict[str, Any], argument: str, value: object) -> None:
    """Set an argument by its dotted name, making the mappings in between."""
    *path, last = argument.split(".")
    for key in path:
        hyperparams = hyperparams.setdefault(key, {})
    hyperparams[last] = value


def get_argument(hyperparams: Mapping[str, Any], argument: str, default: object) -> object:
    """An argument by its dotted name, or the default where the configuration does not name it."""
    value: object = hyperparams
    for key in argument.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return default
        value = value[key]
    return value


def describe_range(distribution: BaseDistribution) -> str:
    """A range in words, as the table of a search space prints it."""
    if isinstance(distribution, CategoricalDistribution):
        return ", ".join(str(choice) for choice in distribution.choices)
    if isinstance(distribution, (FloatDistribution, IntDistribution)):
        return f"{distribution.low:g} to {distribution.high:g}"
    return repr(distribution)


def _sampled_value(parameter: Parameter, hyperparams: Mapping[str, Any], gathered: Mapping[str, Any]) -> Plain:
    argument = _argument_of(parameter, hyperparams)
    try:
        return parameter.inside(parameter.transform.backward(argument, gathered))
    except OutsideSpaceError as error:
        raise OutsideSpaceError(f"{parameter.argument} = {argument!r} is outside the space: {error}") from None


def _fixed_value(
    parameter: Parameter, value: Plain, hyperparams: Mapping[str, Any], gathered: Mapping[str, Any]
) -> Plain:
    argument = _argument_of(parameter, hyperparams)
    if parameter.transform.backward(argument, gathered) != value:
        fixed = parameter.transform.forward(value, gathered)
        raise OutsideSpaceError(
            f"{parameter.argument} = {argument!r} is outside the space: with {dict(gathered)!r} it is {fixed!r}"
        )
    return value


def _argument_of(parameter: Parameter, hyperparams: Mapping[str, Any]) -> object:
    default = parameter.default
    if isinstance(default, SameAs):
        default = get_argument(hyperparams, default.argument, default.default)
    return get_argument(hyperparams, parameter.argument, default)


def _is_same(value: Plain, choice: Plain) -> bool:
    if isinstance(value, float) and isinstance(choice, (int, float)):
        return math.isclose(value, choice, rel_tol=_ROUNDING)
    return value == choice


def _onto_range(value: float, d: FloatDistribution | IntDistribution) -> int | float | None:
    if isinstance(value, bool) or not math.isfinite(value):
        return None
    for bound in (d.low, d.high):
        if math.isclose(value, bound, rel_tol=_ROUNDING):
            return bound
    if not d.low <= value <= d.high:
        return None
    if d.step is not None and not _is_whole((value - d.low) / d.step):
        return None
    return int(value) if isinstance(d, IntDistribution) else float(value)


def _is_whole(value: float) -> bool:
    return math.isclose(value, round(value), abs_tol=_ROUNDING)
