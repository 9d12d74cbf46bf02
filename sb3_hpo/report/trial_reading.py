"""A trial of a storage as plain values. What is missing there, or of another kind than it should be, is left out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sb3_hpo.promotion import CONTINUES
from sb3_hpo.report.outcomes import COMPLETE, FAILED, RUNNING, STOPPED_FOR_COST, outcome_of
from sb3_hpo.report.plain import finite, listed, mapping, numbers, whole
from sb3_hpo.report.study_data import Curve, TrialData
from sb3_hpo.trial_attributes import (
    COSTLY,
    FAILURE,
    N_TIMESTEPS,
    ORIGIN,
    RUNS,
    SECONDS_BY_PART,
    STOPPED_TRAINING,
    TAKEN_OVER_FROM,
    WORKER,
)

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Collection

    from optuna.trial import FrozenTrial


def read_trial(
    trial: FrozenTrial,
    configuration: int,
    continued: Collection[int],
    now: datetime.datetime,
    shown: Callable[[str], str],
) -> TrialData:
    """A trial as plain values.

    :param configuration: number of the first trial with the same params
    :param continued: numbers of the paused trials that another one goes on with
    :param now: until when a trial that runs has run
    :param shown: takes passwords out of a text
    """
    runs, outcome = _runs(trial), outcome_of(trial, continued)
    paid = [*runs, *_stopped(trial)]
    started = trial.datetime_start
    ended = now if outcome == RUNNING else trial.datetime_complete
    return TrialData(
        number=trial.number,
        configuration=configuration,
        outcome=outcome,
        value=finite(trial.value) if outcome == COMPLETE else None,
        params=dict(trial.params),
        curves=_curves(trial, runs),
        n_timesteps=_n_timesteps(trial, paid),
        n_timesteps_reached=sum(whole(run.get("n_timesteps")) or 0 for run in runs),
        started=started,
        ended=ended,
        seconds=max(0.0, (ended - started).total_seconds()) if started is not None and ended is not None else 0.0,
        parts=_parts([run for run in paid if TAKEN_OVER_FROM not in run]),
        worker=_worker(trial.user_attrs.get(WORKER)),
        continues=whole(trial.user_attrs.get(CONTINUES)),
        reason=shown(_reason(trial, runs, outcome)),
        origin=shown(str(trial.user_attrs.get(ORIGIN, ""))),
    )


def _runs(trial: FrozenTrial) -> list[Mapping[str, Any]]:
    return [run for run in listed(trial.user_attrs.get(RUNS)) if isinstance(run, Mapping)]


def _stopped(trial: FrozenTrial) -> list[Mapping[str, Any]]:
    """A training on a further seed that was stopped, if there was one: it has cost something."""
    stopped = trial.user_attrs.get(STOPPED_TRAINING)
    return [stopped] if isinstance(stopped, Mapping) else []


def _curves(trial: FrozenTrial, runs: list[Mapping[str, Any]]) -> list[Curve]:
    """Those of the trainings; what was reported while they run, and where they are not recorded."""
    curves = [_curve(run) for run in runs]
    if any(curve.returns for curve in curves):
        return [curve for curve in curves if curve.returns]
    reports = [(step, value) for step, value in sorted(trial.intermediate_values.items()) if math.isfinite(value)]
    return [Curve([float(step) for step, _ in reports], [value for _, value in reports])] if reports else []


def _curve(run: Mapping[str, Any]) -> Curve:
    means = [sum(each) / len(each) for each in map(numbers, listed(run.get("returns"))) if each]
    steps = numbers(run.get("timesteps"))
    n = min(len(steps), len(means))
    return Curve(steps[:n], means[:n])


def _n_timesteps(trial: FrozenTrial, runs: list[Mapping[str, Any]]) -> int | None:
    of_validation = whole(trial.user_attrs.get(N_TIMESTEPS))
    if of_validation is not None:
        return of_validation
    known = [n for n in map(_own_timesteps, runs) if n is not None]
    return sum(known) if known else None


def _own_timesteps(run: Mapping[str, Any]) -> int | None:
    """As :func:`sb3_hpo.trial_attributes.own_timesteps`, of a training that anybody may have written."""
    n = whole(run.get("n_timesteps"))
    if n is None:
        return None
    return 0 if TAKEN_OVER_FROM in run else n - (whole(run.get("resumed_at")) or 0)


def _parts(runs: list[Mapping[str, Any]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for run in runs:
        for name, value in mapping(run.get(SECONDS_BY_PART)).items():
            total[str(name)] = total.get(str(name), 0.0) + (finite(value) or 0.0)
    return total


def _worker(stored: object) -> str | None:
    if not isinstance(stored, Mapping):
        return None
    return f"{stored.get('host', 'unknown host')}, process {stored.get('pid', 'unknown')}"


def _reason(trial: FrozenTrial, runs: list[Mapping[str, Any]], outcome: str) -> str:
    if outcome == STOPPED_FOR_COST:
        return next(str(run[COSTLY]) for run in runs if COSTLY in run)
    if FAILURE in trial.user_attrs:
        return str(trial.user_attrs[FAILURE])
    return "without a recorded reason" if outcome == FAILED else ""
