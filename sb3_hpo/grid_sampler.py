"""The points of a grid, tried one after the other.

Optuna's ``GridSampler`` holds the whole product in memory, which a large space does not fit into, takes a point whose
trial was interrupted for done, and knows no parameters that apply under conditions. This one counts instead.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler

from sb3_hpo.errors import UserError
from sb3_hpo.trial_attributes import FIXED_PARAMS, POINT, TrialInterruptedError, was_interrupted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, TrialState

    from sb3_hpo.grid import Grid
    from sb3_hpo.transforms import Plain


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
