"""The learning curves of all configurations, coloured by what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.report.charts import GAP, Axis, Chart, Series
from sb3_hpo.report.outcomes import COLOURS, COMPLETE
from sb3_hpo.report.pictures import Picture, Section
from sb3_hpo.report.telling import most_telling
from sb3_hpo.wording import count, one_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sb3_hpo.report.study_data import ConfigurationData, StudyData

MOST_DRAWN = 1_000
"""Configurations whose curves are drawn."""

_TITLE = "Learning curves"
_READING = (
    "One line is the training of a configuration on one seed: its mean return at each evaluation. Colour says what "
    "became of the configuration; a click on an entry of the legend hides or shows it. Lines that end early were "
    "paused, stopped or failed there. A training that paused and went on is one line, however many trials it took."
)


def curves_section(data: StudyData) -> Section:
    """The learning curves."""
    with_curves = [one for one in data.configurations if one.furthest.curves]
    if not with_curves:
        return Section("curves", _TITLE, [Picture("curves", "", "No trial has reported an evaluation yet.", None)])
    drawn = most_telling(
        with_curves, MOST_DRAWN, lambda one: _worth(one, data.is_maximized), lambda one: one.furthest.number
    )
    text = []
    if len(drawn) < len(with_curves):
        text.append(f"Drawn are {len(drawn):,} of {count(len(with_curves), 'configuration')}: the best and the latest.")
    series = [
        one
        for outcome in reversed(COLOURS)
        if (one := _of_outcome(outcome, [c for c in drawn if c.outcome == outcome])).x
    ]
    chart = Chart(series, Axis(_unit(data.step)), Axis("mean return of an evaluation"), height=440)
    return Section("curves", _TITLE, [Picture("curves", "", _READING, chart)], text)


def _unit(step: str) -> str:
    return step if step.endswith("s") else f"{step} (its number)"


def _worth(configuration: ConfigurationData, is_maximized: bool) -> float:
    trial = configuration.furthest
    value = trial.value if trial.value is not None else trial.last_return
    return float("-inf") if value is None else value if is_maximized else -value


def _of_outcome(outcome: str, configurations: Sequence[ConfigurationData]) -> Series:
    """All curves of one outcome as one line with gaps: a thousand lines of their own would be slow to draw."""
    x: list[float | None] = []
    y: list[float | None] = []
    texts: list[str] = []
    for configuration in configurations:
        trial = configuration.furthest
        for curve in trial.curves:
            x += [*curve.steps, GAP]
            y += [round(value, 3) for value in curve.returns]
            y.append(GAP)
            ends = f"trial {trial.number}, {outcome}"
            texts += [
                f"{ends}: {one_decimal(value)} at {step:,.0f}"
                for step, value in zip(curve.steps, curve.returns, strict=True)
            ]
            texts.append("")
    is_faint = len(configurations) > 100
    return Series(
        f"{outcome} ({len(configurations):,})",
        "line",
        x,
        y,
        COLOURS[outcome],
        texts=texts,
        width=1.0 if is_faint else 2.0 if outcome == COMPLETE else 1.3,
        opacity=0.35 if is_faint else 0.85,
    )
