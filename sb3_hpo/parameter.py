"""Parameter: one hyperparameter of a search space, its range, where that comes from, and what SB3 calls it."""

from __future__ import annotations

import dataclasses
import enum
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from sb3_hpo.errors import UserError
from sb3_hpo.transforms import Identity, OutsideSpaceError, Plain, Transform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
            points = [float(step_value(d.low, d.step, round((point - d.low) / d.step))) for point in points]
        kind = int if isinstance(d, IntDistribution) else float
        return list(dict.fromkeys(kind(min(max(point, d.low), d.high)) for point in points))


def step_value(low: float, step: float, index: int) -> Decimal:
    """The value so many steps above the lowest, as Optuna's samplers enumerate them.

    Decimals, because a value of a grid is one of the sampler's only if it is equal to the last digit:
    ``0.1 + 2 * 0.1`` is 0.30000000000000004.
    """
    return Decimal(str(low)) + index * Decimal(str(step))


def describe_range(distribution: BaseDistribution) -> str:
    """A range in words, as the table of a search space prints it."""
    if isinstance(distribution, CategoricalDistribution):
        return ", ".join(str(choice) for choice in distribution.choices)
    if isinstance(distribution, (FloatDistribution, IntDistribution)):
        return f"{distribution.low:g} to {distribution.high:g}"
    return repr(distribution)


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
