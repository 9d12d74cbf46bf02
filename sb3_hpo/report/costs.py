"""Where the time and the environment steps went, and what ending trainings early saved."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sb3_hpo.report.charts import Axis, Chart, Series
from sb3_hpo.report.outcomes import COLOURS, CUT_SHORT, VALIDATION
from sb3_hpo.report.pictures import Picture, Section
from sb3_hpo.wording import count, time_spent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sb3_hpo.report.study_data import StudyData, TrialData

_TITLE = "Where time and environment steps went"
_PARTS_COLOURS = ("#1f4e8c", "#00805f", "#e0a030", "#9aa0a6", "#b8649a")
_TIME_READING = (
    "Time that workers spent, by what became of the trials that they spent it on. Workers that run side by side add "
    "up: it may be more than the time that passed."
)
_STEPS_READING = (
    "Environment steps of the trainings, by what became of the trials. Steps of evaluations are not among them, nor "
    "are those of trials that still run."
)
_NO_STEPS = "The study does not record how many environment steps its trials trained."
_PARTS_READING = (
    "The time of the search's trainings: steps of the environment with the choice of actions, gradient steps, "
    "evaluations, and reports to the storage."
)


@dataclasses.dataclass(frozen=True)
class Saved:
    """What was not trained because it was ended early.

    :param n_configurations: how many were
    :param n_timesteps: environment steps that their whole trainings would have had besides
    :param seconds: what these would have taken at the pace of each
    """

    n_configurations: int
    n_timesteps: int
    seconds: float


def saved_by_pruning(data: StudyData) -> Saved | None:
    """What pausing and pruning saved; None where the study does not record environment steps."""
    if data.n_timesteps_planned is None:
        return None
    n_timesteps, seconds, n = 0, 0.0, 0
    for configuration in data.configurations:
        reached = configuration.furthest.n_timesteps_reached
        if configuration.outcome not in CUT_SHORT or not reached:
            continue
        missing = max(0, data.n_timesteps_planned - reached)
        n, n_timesteps = n + 1, n_timesteps + missing
        trained = sum(trial.n_timesteps or 0 for trial in configuration.trials)
        seconds += missing * sum(trial.seconds for trial in configuration.trials) / max(1, trained)
    return Saved(n, n_timesteps, seconds)


def costs_section(data: StudyData) -> Section:
    """Time and environment steps by what became of them."""
    seconds = _by_outcome(data, lambda trial: trial.seconds)
    n_timesteps = _by_outcome(data, lambda trial: float(trial.n_timesteps or 0))
    parts = _parts(data)
    if not seconds:
        return Section("costs", _TITLE, [Picture("costs_time", "", "No trial has run yet.", None)])
    pictures = [
        Picture("costs_time", "Time", _TIME_READING, _chart(seconds, COLOURS, "worker time", time_spent, _time_unit)),
        Picture("costs_steps", "Environment steps", _NO_STEPS, None)
        if not n_timesteps
        else Picture(
            "costs_steps",
            "Environment steps",
            _STEPS_READING,
            _chart(n_timesteps, COLOURS, "environment steps", lambda n: f"{n:,.0f} steps", lambda _: (1.0, "")),
        ),
    ]
    if parts:
        colours = dict(zip(parts, _PARTS_COLOURS, strict=False))
        chart = _chart(parts, colours, "time in trainings", time_spent, _time_unit)
        pictures.append(Picture("costs_parts", "Inside the trainings", _PARTS_READING, chart))
    return Section("costs", _TITLE, pictures, _in_words(data, seconds, n_timesteps))


def _by_outcome(data: StudyData, amount: Callable[[TrialData], float]) -> dict[str, float]:
    total = dict.fromkeys(COLOURS, 0.0)
    for trial in data.trials:
        total[trial.outcome] += amount(trial)
    for trial in data.validations:
        total[VALIDATION] += amount(trial)
    return {outcome: value for outcome, value in total.items() if value > 0.0}


def _parts(data: StudyData) -> dict[str, float]:
    total: dict[str, float] = {}
    for trial in data.trials:
        for name, value in trial.parts.items():
            total[name] = total.get(name, 0.0) + value
    return total


def _chart(
    amounts: Mapping[str, float],
    colours: Mapping[str, str],
    what: str,
    in_words: Callable[[float], str],
    unit_of: Callable[[float], tuple[float, str]],
) -> Chart:
    whole = sum(amounts.values())
    factor, unit = unit_of(max(amounts.values()))
    rows = {float(-row): name for row, name in enumerate(amounts)}
    texts = {name: f"{name}: {in_words(value)}, {value / whole:.0%}" for name, value in amounts.items()}
    series = [
        Series("", "bars", [amounts[name] / factor], [row], colours.get(name, "#9aa0a6"), base=[0], texts=[texts[name]])
        for row, name in rows.items()
    ]
    # Labels hold the numbers: nobody should have to measure a bar.
    ticks = {row: f"{name}<br>{texts[name].partition(': ')[2]}" for row, name in rows.items()}
    limits = (-len(rows) + 0.4, 0.6)
    return Chart(series, Axis(f"{what}{unit}"), Axis("", ticks=ticks, limits=limits), height=90 + 44 * len(rows))


def _time_unit(longest: float) -> tuple[float, str]:
    for length, name in ((3_600.0, "hours"), (60.0, "minutes")):
        if longest >= 2 * length:
            return length, f" ({name})"
    return 1.0, " (seconds)"


def _in_words(data: StudyData, seconds: Mapping[str, float], n_timesteps: Mapping[str, float]) -> list[str]:
    spent = f"Workers spent {time_spent(sum(seconds.values()))} in all"
    spent += f" and trained {sum(n_timesteps.values()):,.0f} environment steps." if n_timesteps else "."
    saved = saved_by_pruning(data)
    if saved is None or not saved.n_configurations:
        return [spent]
    return [
        spent,
        f"{count(saved.n_configurations, 'configuration')} ended before the training did. Trained to the end, at the "
        f"pace of each, they would have taken another {saved.n_timesteps:,} environment steps and about "
        f"{time_spent(saved.seconds)}: that is what pausing and pruning saved.",
    ]
