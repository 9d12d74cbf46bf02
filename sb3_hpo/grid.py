"""Grids: every combination of some values of each parameter, counted, numbered, and tried one after the other.

Optuna's ``GridSampler`` holds the whole product in memory, which a large space does not fit into, takes a point whose
trial was interrupted for done, and knows no parameters that apply under conditions. This one counts instead.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler

from sb3_hpo.errors import UserError, unknown_name
from sb3_hpo.transforms import OutsideSpaceError
from sb3_hpo.trial_attributes import FIXED_PARAMS, POINT, TrialInterruptedError, was_interrupted
from sb3_hpo.wording import count, long_duration

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial, TrialState

    from sb3_hpo.search_space import Parameter, SearchSpace
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


class GridSampler(BaseSampler):
    """Tries every point of a grid once, in an order that the seed fixes.

    The ``k``-th trial of a study that samples tries the ``k``-th point of that order, which the numbers of the trials
    alone decide: any number of processes share a grid without a word, and a study goes on where it was left. Points
    that enqueued trials try are left to them. When the order is through, those of trials that were interrupted come
    again. It stops the study when every point is done or being tried; a trial that began too late is interrupted.

    :param grid: the points
    :param seed: of the order; the same in every process that works on the study
    """

    def __init__(self, grid: Grid, seed: int) -> None:
        self._grid = grid
        self._n_points = grid.n_points
        generator = np.random.default_rng(seed)
        self._start, stride = (int.from_bytes(generator.bytes(64), "big") % self._n_points for _ in range(2))
        # An order without a list of it: steps of a length that shares no factor with the number of points.
        while math.gcd(stride, self._n_points) != 1:
            stride += 1
        self._stride = stride

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Decide on the trial's point."""
        if FIXED_PARAMS in trial.system_attrs or POINT in trial.system_attrs:
            return
        number = self._number(_all_trials(study), trial.number)
        if number is not None:
            study._storage.set_trial_system_attr(trial._trial_id, POINT, self._grid.point(number))

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing: parameters take their values one by one."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing: parameters take their values one by one."""
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of a parameter at the trial's point.

        :raises TrialInterruptedError: if another process took the last point while the trial began
        :raises UserError: for an enqueued trial that leaves out the parameter
        """
        point = trial.system_attrs.get(POINT, {})
        if not point and FIXED_PARAMS not in trial.system_attrs:
            raise TrialInterruptedError("every point of the grid is done or being tried")
        if param_name not in point:
            raise UserError(f"trial {trial.number} has no value of {param_name!r}: give every parameter of the grid")
        return point[param_name]

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Stop the study when no point is left."""
        if self.is_exhausted(study):
            # With ask and tell there is nothing to stop.
            with contextlib.suppress(RuntimeError):
                study.stop()

    def is_exhausted(self, study: optuna.Study) -> bool:
        """Whether every point is done, being tried, or waiting to be tried by an enqueued trial."""
        return is_exhausted(self._grid, _all_trials(study))

    def _number(self, trials: Sequence[FrozenTrial], trial_number: int) -> int | None:
        """The number of the point for a trial; None if none is left."""
        first_round = self._first_round(trials)
        if trial_number in first_round:
            return first_round[trial_number]
        others = [trial for trial in trials if trial.number != trial_number]
        taken = _taken(self._grid, others) | {
            first_round[trial.number] for trial in others if _is_undecided(trial) and trial.number in first_round
        }
        left = [number for number in range(self._n_points) if number not in taken]
        # Trials that begin at the same time have different numbers, and so take different points.
        return left[trial_number % len(left)] if left else None

    def _first_round(self, trials: Sequence[FrozenTrial]) -> dict[int, int]:
        """The points of the trials that sample, by the trials' numbers, until the order is through."""
        points: dict[int, int] = {}
        enqueued: set[int | None] = set()
        place = 0
        for trial in sorted(trials, key=lambda t: t.number):
            if FIXED_PARAMS in trial.system_attrs:
                enqueued.add(self._grid.number_of(trial.system_attrs[FIXED_PARAMS]))
                continue
            while place < self._n_points and self._at(place) in enqueued:
                place += 1
            if place == self._n_points:
                break
            points[trial.number] = self._at(place)
            place += 1
        return points

    def _at(self, place: int) -> int:
        return (self._start + place * self._stride) % self._n_points


def is_exhausted(grid: Grid, trials: Sequence[FrozenTrial]) -> bool:
    """Whether some trials leave no point of a grid to be tried."""
    if len(trials) < grid.n_points:
        return False
    n_undecided = sum(map(_is_undecided, trials))
    return len(_taken(grid, trials)) + n_undecided >= grid.n_points


def _is_undecided(trial: FrozenTrial) -> bool:
    """Whether a trial has begun but its point is not in the storage yet."""
    attrs = trial.system_attrs
    return not trial.state.is_finished() and not trial.params and POINT not in attrs and FIXED_PARAMS not in attrs


def _taken(grid: Grid, trials: Sequence[FrozenTrial]) -> set[int]:
    """Points that are done, being tried or enqueued. One whose trial was interrupted is none of these."""
    numbers = (grid.number_of(_params(trial)) for trial in trials if not was_interrupted(trial))
    return {number for number in numbers if number is not None}


def _params(trial: FrozenTrial) -> Mapping[str, Plain]:
    attrs = trial.system_attrs
    params: Mapping[str, Plain] = trial.params or attrs.get(POINT) or attrs.get(FIXED_PARAMS) or {}
    return params if trial.state.is_finished() else attrs.get(POINT) or attrs.get(FIXED_PARAMS) or params


def _all_trials(study: optuna.Study) -> list[FrozenTrial]:
    # Asked of the storage: the study that Hyperband shows to a sampler hides the trials of its other brackets.
    return study._storage.get_all_trials(study._study_id, deepcopy=False)


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
        return [d.low + d.step * i for i in range(round((d.high - d.low) / d.step) + 1)]
    raise TypeError(f"{d!r} has no end")
