"""Who worked on what when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.report.charts import GAP, Axis, Chart, Series
from sb3_hpo.report.outcomes import COLOURS, VALIDATION
from sb3_hpo.report.pictures import Picture, Section
from sb3_hpo.wording import time_spent

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sb3_hpo.report.study_data import StudyData, TrialData

_TITLE = "Workers"
_READING = (
    "A row is a worker process, a stretch of it a trial in the colour of what became of it, or a training of the "
    "validation. What is empty between them was spent on sampling, on waiting for others, or on nothing."
)
_WITHOUT_WORKERS = (
    "The study does not record who ran a trial: a trial stands in the first row that was free when it began, so that "
    "the rows show how many ran side by side. Colour says what became of it."
)

_ROW_HEIGHT = 34
_MOST_HEIGHT = 900


def workers_section(data: StudyData) -> Section:
    """The timeline of the workers."""
    ran = [(trial, trial.outcome) for trial in data.trials]
    ran += [(trial, VALIDATION) for trial in data.validations]
    ran = [(trial, kind) for trial, kind in ran if trial.started is not None and trial.ended is not None]
    if not ran:
        return Section("workers", _TITLE, [Picture("workers", "", "No trial has run yet.", None)])
    rows = rows_of([trial for trial, _ in ran])
    n_rows = max(row for row in rows.values()) + 1
    names = {row: name for trial, _ in ran if (name := trial.worker) and (row := rows[id(trial)]) is not None}
    labels = {float(-row): names.get(row, f"row {row + 1}") for row in range(n_rows)}
    chart = Chart(
        [
            _spans(kind, [trial for trial, other in ran if other == kind], rows, n_rows)
            for kind in COLOURS
            if kind in {k for _, k in ran}
        ],
        Axis("time of day"),
        Axis("", ticks=labels, limits=(-n_rows + 0.4, 0.6)),
        height=min(_MOST_HEIGHT, 150 + _ROW_HEIGHT * n_rows),
    )
    reading = _READING if names else _WITHOUT_WORKERS
    return Section("workers", _TITLE, [Picture("workers", "", reading, chart)])


def rows_of(trials: Sequence[TrialData]) -> dict[int, int]:
    """``id`` of a trial -> its row: that of its worker, or the first one that is free where none is recorded."""
    rows: dict[int, int] = {}
    of_worker: dict[str, int] = {}
    free_from: list[datetime.datetime] = []
    for trial in sorted(trials, key=lambda trial: (trial.started or trial.ended, trial.number)):
        if trial.started is None or trial.ended is None:
            continue
        if trial.worker is None:
            row = next((at for at, end in enumerate(free_from) if end <= trial.started), len(free_from))
        else:
            row = of_worker.setdefault(trial.worker, len(of_worker))
        free_from += [trial.started] * (row + 1 - len(free_from))
        free_from[row] = max(free_from[row], trial.ended)
        rows[id(trial)] = row
    return rows


def _spans(kind: str, trials: Sequence[TrialData], rows: dict[int, int], n_rows: int) -> Series:
    x: list[datetime.datetime | None] = []
    y: list[float | None] = []
    texts: list[str] = []
    for trial in trials:
        what = "training" if kind == VALIDATION else "trial"
        text = f"{what} {trial.number}, {kind}: {time_spent(trial.seconds)}"
        x += [trial.started, trial.ended, GAP]
        y += [-rows[id(trial)], -rows[id(trial)], GAP]
        texts += [text, text, ""]
    width = max(3.0, min(14.0, (_MOST_HEIGHT - 130) / n_rows - 4))
    return Series(kind, "line", x, y, COLOURS[kind], texts=texts, width=width)
