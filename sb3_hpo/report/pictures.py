"""A picture of the report: a chart of our own or a plot of Optuna's, with the sentence that says how to read it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sb3_hpo.report.charts import Chart


@dataclasses.dataclass(frozen=True)
class OptunaPlot:
    """A plot that Optuna makes.

    :param plotly: makes Plotly's figure
    :param matplotlib: makes the axes of matplotlib that show the same
    :param height: in pixels
    """

    plotly: Callable[[], Any]
    matplotlib: Callable[[], Any]
    height: int = 420


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture.

    :param key: its part of a file's name
    :param title: its heading; empty where that of its section says it all
    :param reading: how to read it, in a sentence or two
    :param content: what is drawn; None where it cannot be drawn, ``reading`` then says why
    :param is_small: whether several stand side by side
    """

    key: str
    title: str
    reading: str
    content: Chart | OptunaPlot | None
    is_small: bool = False


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page.

    :param text: paragraphs above the pictures
    """

    key: str
    title: str
    pictures: Sequence[Picture]
    text: Sequence[str] = ()
