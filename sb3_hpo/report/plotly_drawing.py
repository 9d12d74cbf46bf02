"""Charts and Optuna's plots as figures of Plotly, in one style."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from sb3_hpo.report.charts import Chart

if TYPE_CHECKING:
    from sb3_hpo.report.charts import Axis, Series
    from sb3_hpo.report.pictures import OptunaPlot

GRID = "#e6e8eb"
_TAG = re.compile(r"<(?!br>|extra></extra>|/extra>|b>|/b>)")
"""The beginning of every tag but those that lay out what is shown under the pointer."""

BAR_WIDTH = 0.6
"""Share of its row that a bar fills."""
FONT = {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13, "color": "#24292f"}


def figure_json(content: Chart | OptunaPlot) -> str:
    """A picture as the JSON that Plotly's JavaScript draws, with nothing in it that ends a script of HTML."""
    import plotly.graph_objects as go

    figure = go.Figure(_traces(content), _axes(content)) if isinstance(content, Chart) else content.plotly()
    figure.update_layout(
        template="none",
        title=None,
        autosize=True,
        width=None,
        height=content.height,
        font=FONT,
        margin={"l": 56, "r": 16, "t": 28, "b": 48, "pad": 2},
        paper_bgcolor="white",
        plot_bgcolor="white",
        hoverlabel={"align": "left"},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
    )
    figure.update_traces(cliponaxis=False, selector={"type": "bar"})  # The numbers at their ends.
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        axis.update(gridcolor=GRID, zerolinecolor=GRID, automargin=True, title_standoff=10)
        if axis.type == "log":
            axis.update(exponentformat="power")  # Not 10µ.
    content_of_figure = _without_markup(json.loads(figure.to_json()))
    return safe_in_script(json.dumps(content_of_figure, allow_nan=False, separators=(",", ":")))


def _without_markup(content: Any) -> Any:
    """Plotly makes links of tags in a text; what comes from a study is to be shown as it is."""
    if isinstance(content, str):
        return _TAG.sub("&lt;", content) if "<" in content else content
    if isinstance(content, dict):
        return {key: _without_markup(value) for key, value in content.items()}
    return [_without_markup(value) for value in content] if isinstance(content, list) else content


def safe_in_script(text: str) -> str:
    """JSON that stands between the tags of a script: it can neither end it nor begin a comment."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _traces(chart: Chart) -> list[dict[str, Any]]:
    return [trace for series in chart.series for trace in _traces_of(series)]


def _traces_of(series: Series) -> list[dict[str, Any]]:
    common = {
        "name": series.name,
        "showlegend": bool(series.name),
        "opacity": series.opacity,
        "x": list(series.x),
        "y": list(series.y),
        "hovertemplate": "%{text}<extra></extra>" if series.texts else None,
        "text": list(series.texts) or None,
    }
    if series.kind == "bars":
        bars = {"type": "bar", "orientation": "h", "marker": {"color": series.colour}, "textposition": "none"}
        return [{**common, **bars, "base": list(series.base), "width": BAR_WIDTH}]
    if series.kind == "band":
        return _band(series, common)
    if series.kind == "line":
        line = {"color": series.colour, "width": series.width, "dash": series.dash}
        return [{**common, "type": "scatter", "mode": "lines", "line": line, "connectgaps": False}]
    symbol = "line-ns-open" if series.kind == "ticks" else series.symbol
    marker = {"color": series.colour, "size": series.width, "symbol": symbol}
    return [{**common, "type": "scatter", "mode": "markers", "marker": marker}]


def _band(series: Series, common: dict[str, Any]) -> list[dict[str, Any]]:
    edge = {"type": "scatter", "mode": "lines", "line": {"width": 0, "color": series.colour}, "hoverinfo": "skip"}
    lower = {**common, **edge, "showlegend": False}
    return [lower, {**common, **edge, "y": list(series.upper), "fill": "tonexty"}]


def _axes(chart: Chart) -> dict[str, Any]:
    return {
        "xaxis": _axis(chart.x),
        "yaxis": _axis(chart.y),
        "barmode": "overlay",
        "hovermode": "closest",
    }


def _axis(axis: Axis) -> dict[str, Any]:
    content: dict[str, Any] = {"title": {"text": axis.title}}
    if axis.is_log:
        content |= {"type": "log"}
    if axis.ticks:
        content |= {"tickmode": "array", "tickvals": list(axis.ticks), "ticktext": list(axis.ticks.values())}
    if axis.limits is not None:
        content |= {"range": list(axis.limits), "autorange": False}
    return content
