"""The picture of a comparison: best so far against what was spent, and what each repetition came to."""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from sb3_hpo.whole_files import write_whole_bytes
from sb3_hpo.wording import count

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from sb3_hpo.comparing.curves import Axis
    from sb3_hpo.comparing.result import ComparisonResult

SUFFIXES = (".png", ".svg", ".pdf")
"""What a picture's file may end with."""

_DPI = 120
_LOOKS = (
    {"color": "#0173b2", "linestyle": "-", "marker": "o"},
    {"color": "#de8f05", "linestyle": "--", "marker": "s"},
    {"color": "#111111", "linestyle": "-.", "marker": "^"},
    {"color": "#029e73", "linestyle": ":", "marker": "D"},
    {"color": "#cc78bc", "linestyle": (0, (5, 1, 1, 1, 1, 1)), "marker": "v"},
    {"color": "#949494", "linestyle": (0, (1, 1)), "marker": "P"},
)
"""Told apart without colour: by line and marker, too."""
_LOOK_OF = {"tpe": 0, "random": 1, "grid": 2}
"""The three that are compared unless told otherwise look the same in every picture."""
_REFERENCE_LINES = (":", (0, (6, 2)), "--")


def draw(result: ComparisonResult, path: Path) -> None:
    """Draw a comparison into a file, whose name says the format.

    :param path: ends with one of :data:`SUFFIXES`
    :raises OSError: if it cannot be written, naming ``path``; a picture that was there before is still there
    """
    axes_of_spending: list[Axis] = ["steps", "seconds"] if result.has_seconds else ["steps"]
    n = len(axes_of_spending)
    figure = Figure(figsize=(4.4 * n + 2.6, 4.8), layout="constrained")
    panels = figure.subplots(1, n + 1, sharey=True, width_ratios=[*[3] * n, 1.7], squeeze=False)[0]
    looks = looks_of(result.plan.samplers)
    for panel, axis in zip(panels, axes_of_spending, strict=False):
        _draw_curves(panel, result, axis, looks)
    _draw_ends(panels[-1], result, looks)
    panels[0].set_ylabel(f"true score of the best so far:\nmean return on {count(result.plan.n_seeds, 'fresh seed')}")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.suptitle(_title(result))
    # Without its date, so that the same comparison gives the same file.
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix)
    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.suffix[1:], dpi=_DPI, metadata=metadata)
    write_whole_bytes(path, drawn.getvalue())


def looks_of(samplers: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Colour, line and marker of each sampler."""
    others = itertools.chain(range(len(_LOOK_OF), len(_LOOKS)), itertools.repeat(len(_LOOKS) - 1))
    return {name: dict(_LOOKS[_LOOK_OF[name] if name in _LOOK_OF else next(others)]) for name in samplers}


def _draw_curves(panel: Axes, result: ComparisonResult, axis: Axis, looks: dict[str, dict[str, Any]]) -> None:
    unit, label = (1.0, _steps_label(result)) if axis == "steps" else _time_unit(result.end(axis))
    for sampler in result.plan.samplers:
        curve, look = result.curve(sampler, axis), looks[sampler]
        x = curve.x / unit
        panel.fill_between(x, curve.low, curve.high, step="post", color=look["color"], alpha=0.15, linewidth=0)
        for edge in (curve.low, curve.high):
            panel.step(
                x, edge, where="post", color=look["color"], linestyle=look["linestyle"], linewidth=0.6, alpha=0.7
            )
        panel.step(x, curve.center, where="post", label=sampler, markevery=0.12, markersize=5, linewidth=1.8, **look)
    _draw_references(panel, result)
    panel.set(xlabel=label, xlim=(0.0, result.end(axis) / unit))
    panel.xaxis.set_major_locator(MaxNLocator(6))
    if axis == "steps":
        panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    panel.grid(visible=True, alpha=0.3, linewidth=0.5)


def _draw_ends(panel: Axes, result: ComparisonResult, looks: dict[str, dict[str, Any]]) -> None:
    """What each repetition came to: how far one search may be from another by the same sampler."""
    for place, of_sampler in enumerate(result.by_sampler):
        look = looks[of_sampler.sampler]
        n = len(of_sampler.finals)
        beside = place + (np.arange(n) - (n - 1) / 2) * (0.5 / max(1, n - 1))
        panel.plot(beside, of_sampler.finals, look["marker"], color=look["color"], markersize=4, alpha=0.6)
        if of_sampler.center is not None:
            low, high = of_sampler.ci95 or (of_sampler.center, of_sampler.center)
            below, above = of_sampler.center - low, high - of_sampler.center
            panel.errorbar(
                place, of_sampler.center, [[below], [above]], fmt="_", color="black", markersize=22, capsize=6, zorder=5
            )
    _draw_references(panel, result)
    names = [of_sampler.sampler for of_sampler in result.by_sampler]
    panel.set(xlabel="each repetition at the end", xlim=(-0.6, len(names) - 0.4))
    panel.set_xticks(range(len(names)), names)
    panel.grid(visible=True, axis="y", alpha=0.3, linewidth=0.5)


def _draw_references(panel: Axes, result: ComparisonResult) -> None:
    for (name, score), line in zip(result.references.items(), itertools.cycle(_REFERENCE_LINES), strict=False):
        panel.axhline(score, color="0.35", linewidth=1.0, linestyle=line, label=name, zorder=1)


def _title(result: ComparisonResult) -> str:
    plan = result.plan
    each = f"{count(plan.budget, 'training')} each" if plan.budget is not None else f"{plan.timeout:g} s each"
    pruner = "" if plan.pruner == "none" else f", pruner {plan.pruner}"
    return (
        f"{result.subject.name}: {each}{pruner}\n"
        f"interquartile mean of {count(plan.n_repetitions, 'repetition')}, with its 95 % interval"
    )


def _steps_label(result: ComparisonResult) -> str:
    subject = result.subject
    return f"{subject.unit} that the search spent\n({subject.steps_per_training:,} are one training)"


def _time_unit(seconds: float) -> tuple[float, str]:
    for unit, length in (("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return length, f"{unit} that the search spent"
    return 1.0, "seconds that the search spent"
