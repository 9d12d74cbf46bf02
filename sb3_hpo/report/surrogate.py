"""The sampler's model of the study, seen: TPE's densities, or the mean and band of a Gaussian process."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from optuna.trial import TrialState

from sb3_hpo.errors import UserError
from sb3_hpo.promotion import CONTINUES
from sb3_hpo.report.charts import Axis, Chart, Series
from sb3_hpo.report.densities import tpe_surrogate
from sb3_hpo.report.gaussian_view import MOST_TRIALS, gaussian_slices
from sb3_hpo.report.optuna_plots import SCORE
from sb3_hpo.report.param_axis import axis_of, is_choice
from sb3_hpo.report.pictures import Picture, Section
from sb3_hpo.report.sampler_view import sampler_of, view_at
from sb3_hpo.trial_attributes import ORIGIN
from sb3_hpo.wording import count, one_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna
    from optuna.distributions import BaseDistribution

    from sb3_hpo.report.densities import Densities, Surrogate
    from sb3_hpo.report.gaussian_view import Slice
    from sb3_hpo.report.sampler_view import SamplerOfStudy, SamplerView
    from sb3_hpo.scores import FloatArray

_GOOD, _REST, _RATIO, _DRAWN = "#00805f", "#6b7280", "#1f4e8c", "#b3261e"
_HEIGHT = 300
_MOST_TICKS = 6

_TPE = (
    "l(x) is the density of the good trials, g(x) that of the rest; 1 is what drawing evenly would give. TPE draws "
    "from l and takes the candidate with the highest l/g of all params together; a picture shows one param, the others "
    "summed over. The marks beneath are the trials: good ones above, the rest below."
)
_GP = (
    "The line is the score that the process expects along one param, the others being those of the best trial; the "
    "band holds it with 95 %. Points are the complete trials. They differ in the other params too, and need not lie on "
    "it."
)
_UNKNOWN = "The study does not say which sampler drew its trials: this is what TPE with its defaults makes of them."


def surrogate_section(study: optuna.Study, at_trial: int | None) -> Section:
    """What the sampler knew when it drew a trial.

    :param at_trial: number of the trial; None for the next one
    :raises UserError: if the study has no such trial
    """
    number = len(study.get_trials(deepcopy=False)) if at_trial is None else at_trial
    sampler = sampler_of(study, number)
    view = view_at(study, number, sampler.name)
    title = f"What the sampler knows {'now' if at_trial is None else f'before trial {at_trial}'}"
    try:
        pictures, text = _drawn(sampler, view)
    except UserError as error:  # Options that this version does not know.
        pictures, text = f"The sampler cannot be made as the study has it: {error}", []
    if isinstance(pictures, str):
        return Section("surrogate", title, [Picture("surrogate", "", pictures, None)])
    text += [] if sampler.is_known else [_UNKNOWN]
    return Section("surrogate", title, pictures, [*text, *_not_drawn(study, number)])


def _not_drawn(study: optuna.Study, number: int) -> list[str]:
    """That a trial got its params from elsewhere, where that is so."""
    trials = study.get_trials(deepcopy=False)
    attributes = trials[number].user_attrs if number < len(trials) else {}
    if CONTINUES in attributes:
        return [f"Trial {number} goes on with trial {attributes[CONTINUES]}: its params were not drawn anew."]
    if ORIGIN in attributes:
        return [f"Trial {number} was not drawn: its params are those of {attributes[ORIGIN]}."]
    return []


def _drawn(sampler: SamplerOfStudy, view: SamplerView) -> tuple[Sequence[Picture] | str, list[str]]:
    """The pictures and what to know of them; in the place of pictures the reason why there are none."""
    if sampler.name == "tpe":
        surrogate = tpe_surrogate(view.study, view.trial, view.distributions, sampler.n_startup_trials, sampler.kwargs)
        if surrogate is None or not surrogate.densities:
            return _too_few("TPE", sampler.n_startup_trials), []
        pictures = [_tpe_picture(at, one, view) for at, one in enumerate(surrogate.densities)]
        return pictures, [_TPE, _threshold(surrogate, view.study)]
    if sampler.name == "gp":
        return _gaussian(sampler, view)
    return f"Sampler {sampler.name!r} keeps no model that could be drawn: only tpe and gp do.", []


def _too_few(name: str, n_startup_trials: int) -> str:
    return f"{name} draws at random until it has {count(n_startup_trials, 'configuration')} to learn from."


def _threshold(surrogate: Surrogate, study: optuna.Study) -> str:
    n_good, n_rest = len(surrogate.good), len(surrogate.rest)
    complete = [trial for trial in surrogate.good if trial.state == TrialState.COMPLETE]
    text = f"The good ones are the best {n_good} of {count(n_good + n_rest, 'configuration')}"
    if len(complete) == n_good:
        is_maximized = study.direction.name == "MAXIMIZE"
        values = [trial.value or 0.0 for trial in complete]
        limit = min(values) if is_maximized else max(values)
        return f"{text}; the threshold between them is a score (mean return) of {one_decimal(limit)}."
    return (
        f"{text}: all {count(len(complete), 'complete one')}, which rank first, and of those that ended early "
        f"{n_good - len(complete)} that came furthest, the best of them."
    )


def _tpe_picture(at: int, densities: Densities, view: SamplerView) -> Picture:
    curves = (densities.good, densities.rest, densities.ratio)
    top = max(float(values.max()) for values in curves)
    series = [
        _curve(densities, "l(x), good", densities.good, _GOOD),
        _curve(densities, "g(x), rest", densities.rest, _REST),
        _curve(densities, "l/g", densities.ratio, _RATIO, dash="dot"),
        _marks(densities.good_values, -0.07 * top, _GOOD),
        _marks(densities.rest_values, -0.14 * top, _REST),
        *_drawn_line(densities.name, densities.distribution, view, (0.0, top)),
    ]
    y = Axis("density (1 = even)", ticks=_ticks(top), limits=(-0.2 * top, 1.08 * top))
    chart = Chart(series, axis_of(densities.name, densities.distribution), y, _HEIGHT)
    return Picture(f"surrogate_{at}", densities.name, "", chart, is_small=True)


def _ticks(top: float) -> dict[float, str]:
    """Round numbers from zero on: what lies beneath is no density."""
    step = 10.0 ** math.floor(math.log10(top))
    step = next(step * part for part in (0.25, 0.5, 1.0, 2.0) if top / (step * part) <= _MOST_TICKS)
    return {step * n: f"{step * n:g}" for n in range(math.floor(top / step) + 1)}


def _curve(
    densities: Densities, name: str, values: FloatArray, colour: str, dash: Literal["solid", "dot"] = "solid"
) -> Series:
    """A line; points where the param is a choice."""
    x, y = [float(value) for value in densities.x], [round(float(value), 4) for value in values]
    texts = _texts(name, densities.distribution, x, y)
    if is_choice(densities.distribution):
        return Series(name, "points", x, y, colour, texts=texts, width=11, opacity=0.85)
    return Series(name, "line", x, y, colour, texts=texts, dash=dash)


def _marks(values: Sequence[float], y: float, colour: str) -> Series:
    return Series("", "ticks", [float(value) for value in values], [y] * len(values), colour, width=9, opacity=0.8)


def _gaussian(sampler: SamplerOfStudy, view: SamplerView) -> tuple[Sequence[Picture] | str, list[str]]:
    n_complete = sum(trial.state == TrialState.COMPLETE for trial in view.study.get_trials(deepcopy=False))
    if n_complete > MOST_TRIALS:
        return (
            f"{n_complete:,} complete trials are too many for a Gaussian process in a report, whose time grows with "
            f"their cube: --at-trial {MOST_TRIALS} draws it as it was then.",
            [],
        )
    slices = gaussian_slices(view.study, view.trial, sampler.n_startup_trials, sampler.kwargs)
    if slices is None:
        return _too_few("The Gaussian process", sampler.n_startup_trials).replace("configuration", "complete trial"), []
    return [_gaussian_picture(at, one, view) for at, one in enumerate(slices)], [_GP]


def _gaussian_picture(at: int, one: Slice, view: SamplerView) -> Picture:
    x, mean, low, high = (values.tolist() for values in (one.x, one.mean, one.low, one.high))
    texts = _texts("expected score", one.distribution, x, mean)
    series = [
        Series("95 % band", "band", x, low, "#9db8d9", upper=high, opacity=0.6),
        Series("expected", "line", x, mean, _RATIO, texts=texts),
        Series("trials", "points", one.values, one.scores, _REST, width=6, opacity=0.7),
        *_drawn_line(one.name, one.distribution, view, (min(low), max(high))),
    ]
    chart = Chart(series, axis_of(one.name, one.distribution), Axis(SCORE), _HEIGHT)
    return Picture(f"surrogate_{at}", one.name, "", chart, is_small=True)


def _drawn_line(
    name: str, distribution: BaseDistribution, view: SamplerView, limits: tuple[float, float]
) -> list[Series]:
    """What the trial got in truth."""
    if name not in view.drawn or not distribution._contains(distribution.to_internal_repr(view.drawn[name])):
        return []
    x = float(distribution.to_internal_repr(view.drawn[name]))
    return [Series(f"trial {view.trial.number}", "line", [x, x], list(limits), _DRAWN, dash="dash", width=1.5)]


def _texts(what: str, distribution: BaseDistribution, x: Sequence[float], y: Sequence[float]) -> list[str]:
    values = [distribution.to_external_repr(value) for value in x]
    shown = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in values]
    return [f"{value}: {what} {number:.3g}" for value, number in zip(shown, y, strict=True)]
