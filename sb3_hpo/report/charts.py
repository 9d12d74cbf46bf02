"""A chart as plain values, which both Plotly and matplotlib draw."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind: TypeAlias = Literal["line", "points", "ticks", "bars", "band"]

GAP = None
"""In the values of a line: it is interrupted here."""


@dataclasses.dataclass(frozen=True)
class Series:
    """What is drawn in one colour, with one entry in the legend.

    :param name: its entry in the legend; empty for none
    :param x: numbers or times
    :param y: as many; :data:`GAP` interrupts a line. Of a band the lower limit, of bars their rows
    :param upper: of a band the upper limit
    :param base: of bars where each begins; ``x`` is their length
    :param texts: what is shown at each point under the pointer; empty for the values alone
    :param width: of a line in pixels, of a point its diameter
    :param symbol: of points, by the name that Plotly has for it
    """

    name: str
    kind: Kind
    x: Sequence[Any]
    y: Sequence[Any]
    colour: str
    upper: Sequence[Any] = ()
    base: Sequence[Any] = ()
    texts: Sequence[str] = ()
    width: float = 2.0
    opacity: float = 1.0
    dash: Literal["solid", "dash", "dot"] = "solid"
    symbol: Literal["circle", "diamond", "x"] = "circle"


@dataclasses.dataclass(frozen=True)
class Axis:
    """An axis.

    :param title: what it shows, with its unit
    :param ticks: position -> label, in the place of numbers; empty for numbers
    :param limits: where it begins and ends; None for what is drawn
    """

    title: str
    is_log: bool = False
    ticks: Mapping[float, str] = dataclasses.field(default_factory=dict)
    limits: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True)
class Chart:
    """A chart.

    :param height: in pixels
    """

    series: Sequence[Series]
    x: Axis
    y: Axis
    height: int = 380
