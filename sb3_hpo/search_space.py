"""SearchSpace: one declaration for sampling, conversion, its inverse, the grid and the table."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from sb3_hpo.errors import UserError, unknown_name
from sb3_hpo.parameter import UNSET, Parameter, SameAs
from sb3_hpo.transforms import OutsideSpaceError, Plain

if TYPE_CHECKING:
    import optuna


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
