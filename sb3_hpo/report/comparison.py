"""The winner beside the default on seeds that the search never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.report.charts import GAP, Axis, Chart, Series
from sb3_hpo.report.pictures import Picture, Section
from sb3_hpo.wording import count, one_decimal

if TYPE_CHECKING:
    from sb3_hpo.report.study_data import Candidate, StudyData

DEFAULT_COLOUR = "#6b7280"
FINALIST_COLOUR = "#1f4e8c"
INTERVAL_COLOUR = "#b3261e"

_ROW_HEIGHT = 55
_SPREAD = 0.22
"""How far the points of a row lie apart, as a share of a row."""

_READING = (
    "Each point is one training with a seed that the search never saw: the mean return of the agent that came out. The "
    "diamond is the interquartile mean (IQM) of a row, the line through it its 95 % interval. Rows whose intervals lie "
    "apart differ; where they overlap, the verdict above says whether the difference is clear of zero."
)
_OF_SELECTION = " Pale points are of the seeds that chose among the finalists: they judge nothing."


def comparison_section(data: StudyData) -> Section:
    """Winner, default and the other finalists."""
    verdict = data.verdict
    shown = [] if verdict is None else [c for c in verdict.candidates if c.scores or c.selection_scores]
    if verdict is None or not shown:
        return Section("comparison", "Winner and default on fresh seeds", [_nothing(data)])
    reading = _READING + (_OF_SELECTION if any(candidate.selection_scores for candidate in shown) else "")
    text = [
        f"{count(len(verdict.seeds), 'validation seed')} judged what is compared with the default, and the default."
    ]
    if verdict.selection_seeds:
        n_seeds = count(len(verdict.selection_seeds), "other seed")
        text.append(f"It was chosen among the finalists on up to {n_seeds} each: those that led got more of them.")
    picture = Picture("comparison", "", reading, _chart(shown))
    return Section("comparison", "Winner and default on fresh seeds", [picture], text)


def _nothing(data: StudyData) -> Picture:
    n_done = sum(trial.value is not None for trial in data.validations)
    if data.validations:
        why = (
            f"Validation has finished {count(n_done, 'training')} and has not come to a verdict yet: "
            "make the report again when it has."
        )
    else:
        why = "Nothing was trained on fresh seeds yet. sb3-hpo validate does that for any study that has trials."
    return Picture("comparison", "", why, None)


def _chart(candidates: list[Candidate]) -> Chart:
    rows = {float(-row): candidate for row, candidate in enumerate(candidates)}
    series = [one for row, candidate in rows.items() for one in _row(row, candidate)]
    series += _intervals(rows)
    return Chart(
        series,
        Axis("mean return of a trained agent"),
        Axis("", ticks={row: candidate.name for row, candidate in rows.items()}, limits=(-len(rows) + 0.4, 0.6)),
        height=110 + _ROW_HEIGHT * len(rows),
    )


def _row(row: float, candidate: Candidate) -> list[Series]:
    colour = DEFAULT_COLOUR if candidate.is_default else FINALIST_COLOUR
    points = []
    for scores, what, opacity in (
        (candidate.selection_scores, "selection seed", 0.3),
        (candidate.scores, "validation seed", 0.85),
    ):
        texts = [f"{candidate.name}, {what} {at}: {one_decimal(score)}" for at, score in enumerate(scores, start=1)]
        y = [row + _SPREAD * ((at % 3) - 1) for at in range(len(scores))]
        points.append(Series("", "points", scores, y, colour, texts=texts, width=9, opacity=opacity))
    return [one for one in points if one.x]


def _intervals(rows: dict[float, Candidate]) -> list[Series]:
    x: list[float | None] = []
    y: list[float | None] = []
    for row, candidate in rows.items():
        if candidate.ci95 is not None:
            x += [*candidate.ci95, GAP]
            y += [row, row, GAP]
    means = [(row, candidate.iqm) for row, candidate in rows.items() if candidate.iqm is not None]
    texts = [f"{rows[row].name}: IQM {one_decimal(mean)}" for row, mean in means]
    iqm = [mean for _, mean in means]
    diamonds = Series(
        "IQM", "points", iqm, [row for row, _ in means], INTERVAL_COLOUR, texts=texts, width=13, symbol="diamond"
    )
    return [*([Series("95 % interval", "line", x, y, INTERVAL_COLOUR, width=3)] if x else []), diamonds]
