"""Charts and Optuna's plots as PNG files, drawn by matplotlib."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from sb3_hpo.report.charts import Chart
from sb3_hpo.whole_files import write_whole_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from sb3_hpo.report.charts import Axis, Series
    from sb3_hpo.report.pictures import Picture

WIDTH = 900
"""Pixels of a picture's width."""
DPI = 100

_DASHES = {"solid": "-", "dash": "--", "dot": ":"}
_SYMBOLS = {"circle": "o", "diamond": "D", "x": "x"}


def write_png(picture: Picture, path: Path) -> None:
    """Draw a picture into a file.

    :raises OSError: if it cannot be written, naming ``path``; a picture that was there before is still there
    """
    write_whole_bytes(path, _png(picture))


def _png(picture: Picture) -> bytes:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    if picture.content is None:
        raise ValueError(f"picture {picture.key!r} has nothing to draw: {picture.reading}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's plots are experimental; matplotlib warns of crowded ones.
        drawn = _draw(picture.content) if isinstance(picture.content, Chart) else picture.content.matplotlib()
        figure = drawn.figure if hasattr(drawn, "figure") else drawn.flat[0].figure
        try:
            figure.set_size_inches(WIDTH / DPI, picture.content.height / DPI)
            figure.suptitle(picture.title, fontsize=11)
            content = io.BytesIO()
            figure.savefig(content, format="png", dpi=DPI, bbox_inches="tight")
        finally:
            plt.close(figure)
    return content.getvalue()


def _draw(chart: Chart) -> Any:
    from matplotlib import pyplot as plt

    _, axes = plt.subplots(layout="constrained")
    for series in chart.series:
        _draw_series(axes, series)
    _set_axis(axes, "x", chart.x)
    _set_axis(axes, "y", chart.y)
    axes.grid(color="#e6e8eb")
    axes.set_axisbelow(True)
    if any(series.name for series in chart.series):
        axes.legend(fontsize=8, ncols=4, loc="lower left", bbox_to_anchor=(0.0, 1.0), frameon=False)
    return axes


def _draw_series(axes: Any, series: Series) -> None:
    label = series.name or None
    colour = {"color": series.colour, "alpha": series.opacity}
    y = [float("nan") if value is None else value for value in series.y]
    if series.kind == "bars":
        axes.barh(list(series.y), list(series.x), left=list(series.base), height=0.6, label=label, **colour)
    elif series.kind == "band":
        axes.fill_between(series.x, y, series.upper, label=label, color=series.colour, alpha=series.opacity * 0.5, lw=0)
    elif series.kind == "line":
        x = [series.x[max(0, at - 1)] if value is None else value for at, value in enumerate(series.x)]
        axes.plot(x, y, lw=series.width, ls=_DASHES[series.dash], label=label, **colour)
    else:
        marker = "|" if series.kind == "ticks" else _SYMBOLS[series.symbol]
        axes.scatter(series.x, y, s=series.width**2 * 0.7, marker=marker, label=label, **colour)


def _set_axis(axes: Any, name: str, axis: Axis) -> None:
    setting = {"label": axis.title}
    if axis.is_log:
        setting["scale"] = "log"
    axes.set(**{f"{name}{key}": value for key, value in setting.items()})
    if axis.ticks:
        getattr(axes, f"set_{name}ticks")(list(axis.ticks), labels=list(axis.ticks.values()))
    if axis.limits is not None:
        limits = tuple(10.0**limit for limit in axis.limits) if axis.is_log else axis.limits
        getattr(axes, f"set_{name}lim")(limits)
