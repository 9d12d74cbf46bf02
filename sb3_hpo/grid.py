"""Grids: every combination of some values of each parameter, counted and numbered, and never listed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from sb3_hpo.errors import UserError, unknown_name
from sb3_hpo.parameter import step_value
from sb3_hpo.transforms import OutsideSpaceError
from sb3_hpo.wording import count, long_duration

if TYPE_CHECKING:
    from sb3_hpo.parameter import Parameter
    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.transforms import Plain

DEFAULT_POINTS = 3
"""Values of a numeric parameter for which a user gives no other number."""

_ASSUMED_SECONDS = 600
"""What a training is taken to last where none has been timed yet: ten minutes."""


class Grid:
    """Every combination of some values of each parameter. Points have numbers from 0 on.

    Parameters that do not apply are left out, so that no configuration comes twice.

    :param space: the search space
    :param values: the values of each parameter, by name
    """

    def __init__(self, space: SearchSpace, values: Mapping[str, Sequence[Plain]]) -> None:
        self._parameters = list(space)
        self._values = values
        # Values of these decide which parameters apply.
        self._deciding = {other for parameter in space for other in parameter.when}
        self._counts: dict[tuple[int, tuple[tuple[str, Plain], ...]], int] = {}

    @property
    def n_points(self) -> int:
        """Number of points."""
        return self._count(0, {})

    @property
    def shape(self) -> dict[str, int]:
        """Number of values of each parameter."""
        return {parameter.name: len(self._values[parameter.name]) for parameter in self._parameters}

    def point(self, number: int) -> dict[str, Plain]:
        """The params of a point."""
        params: dict[str, Plain] = {}
        for i, parameter in enumerate(self._parameters):
            if not parameter.applies(params):
                continue
            for value in self._values[parameter.name]:
                n_below = self._count(i + 1, {**params, parameter.name: value})
                if number < n_below:
                    params[parameter.name] = value
                    break
                number -= n_below
        return params

    def number_of(self, params: Mapping[str, Plain]) -> int | None:
        """The number of the point with these params; None if they are no point of the grid."""
        number = 0
        applied: dict[str, Plain] = {}
        for i, parameter in enumerate(self._parameters):
            if not parameter.applies(applied):
                continue
            values = self._values[parameter.name]
            if parameter.name not in params or params[parameter.name] not in values:
                return None
            for value in values[: values.index(params[parameter.name])]:
                number += self._count(i + 1, {**applied, parameter.name: value})
            applied[parameter.name] = params[parameter.name]
        return number if applied == params else None

    def _count(self, i: int, params: Mapping[str, Plain]) -> int:
        """Number of combinations of the parameters from the ``i``-th on, given those before it."""
        key = i, tuple((name, value) for name, value in params.items() if name in self._deciding)
        if key not in self._counts:
            self._counts[key] = self._count_anew(i, dict(key[1]))
        return self._counts[key]

    def _count_anew(self, i: int, decided: dict[str, Plain]) -> int:
        if i == len(self._parameters):
            return 1
        parameter = self._parameters[i]
        if not parameter.applies(decided):
            return self._count(i + 1, decided)
        values = self._values[parameter.name]
        if parameter.name not in self._deciding:
            return len(values) * self._count(i + 1, decided)
        return sum(self._count(i + 1, {**decided, parameter.name: value}) for value in values)


def grid_of(space: SearchSpace, points: int | Mapping[str, int | Sequence[Plain]] = DEFAULT_POINTS) -> Grid:
    """A grid over a search space.

    :param points: number of values of each numeric parameter, evenly spaced on its scale, both ends included; or such
        numbers, or the values themselves, by parameter name. Categorical parameters have all their choices
    :raises UserError: for a parameter without bounds, an unknown name, or values outside a range
    """
    chosen = points if isinstance(points, Mapping) else {}
    for name in chosen:
        if name not in {parameter.name for parameter in space}:
            raise unknown_name("parameter in points", name, [parameter.name for parameter in space])
    otherwise = DEFAULT_POINTS if isinstance(points, Mapping) else points
    return Grid(space, {p.name: _values(p, chosen.get(p.name, otherwise)) for p in space})


def grid_of_everything(space: SearchSpace) -> Grid:
    """The grid of all values that a search space has.

    :raises UserError: if it has infinitely many
    """
    endless = [p.name for p in space if not _is_finite(p.distribution)]
    if endless:
        raise UserError(
            f"sampler 'brute-force' tries every value there is, which has no end for {', '.join(endless)}: "
            "take --sampler grid"
        )
    return Grid(space, {p.name: _all_values(p.distribution) for p in space})


def grid_cost(n_points: int, seconds_per_training: float) -> str:
    """How long a grid takes, its trainings one after the other: ``"190,258 years"``."""
    return long_duration(n_points * seconds_per_training)


def describe(name: str, grid: Grid, n_seeds: int, n_timesteps: int, seconds_per_training: float | None) -> str:
    """The size of a grid and what it would take, in one line.

    :param name: name of the sampler
    :param n_seeds: trainings of one point
    :param n_timesteps: environment steps of one training
    :param seconds_per_training: what a training of the study took so far, None before the first
    """
    n_trainings = grid.n_points * n_seeds
    known = seconds_per_training is not None
    seconds = seconds_per_training if seconds_per_training is not None else _ASSUMED_SECONDS
    pace = "as the ones so far took" if known else "if it took that long"
    shape = ", ".join(f"{name} {n}" for name, n in grid.shape.items())
    return (
        f"sampler {name}: {count(grid.n_points, 'point')} ({shape}), {count(n_trainings, 'training')} of "
        f"{n_timesteps:,} environment steps: {grid_cost(n_trainings, seconds)} at {long_duration(seconds)} a training, "
        f"{pace}"
    )


def _values(parameter: Parameter, points: object) -> Sequence[Plain]:
    if isinstance(points, (list, tuple)):
        return _given_values(parameter, points)
    if isinstance(points, bool) or not isinstance(points, int) or points < 2:
        raise UserError(f"points of {parameter.name} is {points!r}, it must be a number from 2 on, or a list of values")
    d = parameter.distribution
    is_bounded = isinstance(d, CategoricalDistribution) or (
        isinstance(d, (FloatDistribution, IntDistribution)) and math.isfinite(d.low) and math.isfinite(d.high)
    )
    if not is_bounded:
        raise UserError(
            f"there is no grid over parameter {parameter.name!r}, whose range has no bounds ({d!r}): give its values, "
            f"--sampler-kwargs 'points: {{{parameter.name}: [...]}}', or take another sampler"
        )
    return parameter.grid(points)


def _given_values(parameter: Parameter, values: Sequence[Any]) -> list[Plain]:
    try:
        inside = list(dict.fromkeys(parameter.inside(value) for value in values))
    except OutsideSpaceError as error:
        raise UserError(f"points of {error}") from None
    if not inside:
        raise UserError(f"points of {parameter.name} is {values!r}, it must have at least one value")
    return inside


def _is_finite(d: BaseDistribution) -> bool:
    if isinstance(d, CategoricalDistribution):
        return True
    return isinstance(d, (FloatDistribution, IntDistribution)) and d.step is not None and math.isfinite(d.high - d.low)


def _all_values(d: BaseDistribution) -> Sequence[Plain]:
    if isinstance(d, CategoricalDistribution):
        return list(d.choices)
    if isinstance(d, IntDistribution):
        return range(d.low, d.high + 1, d.step)
    if isinstance(d, FloatDistribution) and d.step is not None:
        return _steps(d.low, d.high, d.step)
    raise TypeError(f"{d!r} has no end")


def _steps(low: float, high: float, step: float) -> list[float]:
    """The values from ``low`` to ``high``, both included, as Optuna's ``BruteForceSampler`` enumerates them."""
    n_steps = int((Decimal(str(high)) - Decimal(str(low))) // Decimal(str(step)))
    return [float(step_value(low, step, i)) for i in range(n_steps + 1)]
