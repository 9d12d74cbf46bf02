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
_AXIS = re.compile(r"[xy]axis\d*")
FONT = {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13, "color": "#24292f"}

LAYOUT: dict[str, Any] = {
    "autosize": True,
    "font": FONT,
    "margin": {"l": 56, "r": 16, "t": 28, "b": 48, "pad": 2},
    "paper_bgcolor": "white",
    "plot_bgcolor": "white",
    "hoverlabel": {"align": "left"},
    "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
}
"""What all pictures have in common."""


def figure_json(content: Chart | OptunaPlot) -> str:
    """A picture as the JSON that Plotly's JavaScript draws, with nothing in it that ends a script of HTML."""
    from plotly.io.json import to_json_plotly

    # Plain mappings: Plotly's own objects check every value, which for all pictures of a report takes most of a second.
    figure: dict[str, Any]
    if isinstance(content, Chart):
        figure = {"data": _traces(content), "layout": _axes(content)}
    else:
        figure = content.plotly().to_plotly_json()
    layout = {key: value for key, value in figure["layout"].items() if key not in ("template", "title", "width")}
    figure["layout"] = {**layout, **LAYOUT, "height": content.height}
    for trace in figure["data"]:
        if trace.get("type") == "bar":
            trace["cliponaxis"] = False  # The numbers at their ends.
    for key, axis in figure["layout"].items():
        if _AXIS.fullmatch(key):
            axis |= {"gridcolor": GRID, "zerolinecolor": GRID, "automargin": True}
            axis["title"] = {**axis.get("title", {}), "standoff": 10}
            if axis.get("type") == "log":
                axis["exponentformat"] = "power"  # Not 10µ.
    content_of_figure = _plain(json.loads(to_json_plotly(figure)))
    return safe_in_script(json.dumps(content_of_figure, allow_nan=False, separators=(",", ":")))


def _plain(content: Any) -> Any:
    """Without what is not set, and without tags.

    Plotly makes links of tags in a text; what comes from a study is to be shown as it is.
    """
    if isinstance(content, str):
        return _TAG.sub("&lt;", content) if "<" in content else content
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items() if value is not None}
    return [_plain(value) for value in content] if isinstance(content, list) else content


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
