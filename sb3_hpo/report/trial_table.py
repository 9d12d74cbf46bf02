"""The table of trials, as rows of plain values that the page's script shows and sorts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sb3_hpo.report.study_data import StudyData, TrialData

_HEADINGS = (
    "trial",
    "configuration (its first trial)",
    "outcome",
    "score (mean return)",
    "last evaluation (mean return)",
    "environment steps",
    "time (s)",
    "began",
    "remarks",
)


def table_of(data: StudyData) -> dict[str, Any]:
    """``headings``, and ``rows`` with as many values each; numbers are numbers, and what is unknown is None."""
    params = list(dict.fromkeys(name for trial in data.trials for name in trial.params))
    return {
        "headings": [*_HEADINGS, *params],
        "rows": [[*_fixed(trial), *(_value(trial.params.get(name)) for name in params)] for trial in data.trials],
    }


def _fixed(trial: TrialData) -> list[Any]:
    return [
        trial.number,
        trial.configuration,
        trial.outcome,
        _rounded(trial.value),
        _rounded(trial.last_return),
        trial.n_timesteps,
        round(trial.seconds, 1),
        None if trial.started is None else trial.started.strftime("%Y-%m-%d %H:%M:%S"),
        _remarks(trial),
    ]


def _remarks(trial: TrialData) -> str:
    goes_on = "" if trial.continues is None else f"goes on with trial {trial.continues}"
    return "; ".join(text for text in (trial.origin, goes_on, trial.reason) if text)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _value(value: Any) -> float | int | str | None:
    """A param's value: floats to four digits, which is more than anybody compares by eye.

    Those that are not finite are text: JSON has no number for them.
    """
    if isinstance(value, float) and math.isfinite(value):
        return float(f"{value:.4g}")
    return value if value is None or (isinstance(value, int) and not isinstance(value, bool)) else str(value)
