"""What Optuna's own plots show: history, importances, slices, contour, parallel coordinates."""

from __future__ import annotations

import copy
import math
import warnings
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import TrialState

from sb3_hpo.report.pictures import OptunaPlot, Picture, Section
from sb3_hpo.report.telling import most_telling
from sb3_hpo.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from optuna.trial import FrozenTrial

SCORE = "score (mean return)"

MOST_IN_SLICES = 1_000
MOST_IN_CONTOUR = 150
"""Optuna's contour is a matrix of as many rows and columns as the params have values."""
MOST_IN_PARALLEL = 150
"""Optuna's parallel coordinates are a line with texts of its own for each trial."""
FEWEST_FOR_IMPORTANCES = 4
"""PED-ANOVA compares the best tenth, two trials at least, with all."""

_NONE_COMPLETE = "No trial is complete yet: only complete ones have a score."
_HISTORY = (
    "A point is the score of a complete trial; the line is the best score so far. Where it is flat, nothing better was "
    "found. A score of the search is one of many noisy ones, picked for being high: expect less on fresh seeds."
)
_IMPORTANCES = (
    "How much the best tenth of the complete trials differs from all of them in each param, by PED-ANOVA; the bars add "
    "up to 1. A long bar says that good trials have values of their own there. With few trials it says little."
)
_SLICES = (
    "A point is a complete trial: its score against its value of one param; darker ones came later. A param that "
    "matters shows high scores in one place only. Trials that ended early have no score, and are not among them."
)
_CONTOUR = (
    "The score over the two most important params, interpolated between the complete trials, the dots: it says "
    "nothing where there are none."
)
_PARALLEL = (
    "A line is a complete trial, through its score at the left and its value of each param. Follow the darkest "
    "lines, those of the best scores, to see which values they share."
)
_INFEASIBLE = (
    "Infeasible is what violates a constraint of the study. With a time limit there is one: a whole training must take "
    "no longer than what leaves time to train it again on fresh seeds."
)
_PALEST = 0.25
"""Share of the colours that the first trials of a slice do not get: on white they would be hardly seen."""


class Plots:
    """Optuna's plots of a study, each of a copy that holds only what it shows.

    :param study: the study
    """

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        self._trials = [trial for trial in trials if trial.value is not None and math.isfinite(trial.value)]
        self._most_important = self._importances()

    def sections(self) -> list[Section]:
        """All of them."""
        return [self._history(), self._importances_section(), self._slices(), self._contour(), self._parallel()]

    def _history(self) -> Section:
        plot = _plot(lambda kind: kind.plot_optimization_history(self._study, target_name=SCORE))
        return self._section("history", "The best so far", _HISTORY, plot if self._trials else _NONE_COMPLETE)

    def _importances_section(self) -> Section:
        title = "Which params matter"
        if not self._most_important:
            why = f"It takes {FEWEST_FOR_IMPORTANCES} complete trials with different scores to tell."
            return self._section("importances", title, "", why)
        study = self._of(self._trials)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        plot = _plot(
            lambda kind: kind.plot_param_importances(study, evaluator=evaluator, target_name="score"),
            height=120 + 26 * len(self._most_important),
        )
        return self._section("importances", title, _IMPORTANCES, plot)

    def _slices(self) -> Section:
        trials = self._most_telling(MOST_IN_SLICES)
        study = self._of(trials)
        title, params = "Score against each param", self._params(trials)
        if not params:
            return self._section("slices", title, "", _NONE_COMPLETE)
        pictures = [
            Picture(f"slice_{number}", param, "", _slice(study, param), is_small=True)
            for number, param in enumerate(params)
        ]
        return Section("slices", title, pictures, [_SLICES, *self._only(trials)])

    def _contour(self) -> Section:
        title = "The two most important params together"
        trials = self._most_telling(MOST_IN_CONTOUR)
        params = [name for name in self._most_important if _n_values(trials, name) > 1][:2]
        if len(params) < 2:
            why = "It takes two params whose importance is known, with several values each."
            return self._section("contour", title, "", why)
        both = [trial for trial in trials if all(name in trial.params for name in params)]
        study = self._of(both)
        plot = _plot(lambda kind: kind.plot_contour(study, params=params, target_name=SCORE), height=480)
        return self._section("contour", title, _CONTOUR + self._feasible(both), plot, self._only(trials))

    def _parallel(self) -> Section:
        title = "All params together"
        trials = self._most_telling(MOST_IN_PARALLEL)
        if not self._params(trials):
            return self._section("parallel", title, "", _NONE_COMPLETE)
        study = self._of(trials)
        plot = _plot(lambda kind: kind.plot_parallel_coordinate(study, target_name=SCORE), height=460)
        return self._section("parallel", title, _PARALLEL + self._feasible(trials), plot, self._only(trials))

    def _section(
        self, key: str, title: str, reading: str, content: OptunaPlot | str, text: Sequence[str] = ()
    ) -> Section:
        """A section with one picture, or with the reason why there is none."""
        if isinstance(content, str):
            return Section(key, title, [Picture(key, "", content, None)])
        return Section(key, title, [Picture(key, "", reading, content)], text)

    def _importances(self) -> dict[str, float]:
        if len(self._trials) < FEWEST_FOR_IMPORTANCES or len({trial.value for trial in self._trials}) < 2:
            return {}
        study, evaluator = self._of(self._trials), optuna.importance.PedAnovaImportanceEvaluator()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
            except (ValueError, RuntimeError):
                return {}  # No param varies, or none is in enough trials.

    def _most_telling(self, most: int) -> list[FrozenTrial]:
        sign = 1.0 if self._study.direction == optuna.study.StudyDirection.MAXIMIZE else -1.0
        return most_telling(self._trials, most, lambda t: sign * (t.value or 0.0), lambda t: t.number)

    def _only(self, trials: Sequence[FrozenTrial]) -> list[str]:
        if len(trials) == len(self._trials):
            return []
        of = count(len(self._trials), "complete trial")
        return [f"Drawn are {len(trials):,} of {of}: the best and the latest, half of each."]

    @staticmethod
    def _feasible(trials: Sequence[FrozenTrial]) -> str:
        """What Optuna's legend means, which it draws as soon as a trial has a constraint."""
        return f" {_INFEASIBLE}" if any(trial.constraints for trial in trials) else ""

    def _params(self, trials: Sequence[FrozenTrial]) -> list[str]:
        """The most important ones first."""
        names = dict.fromkeys(name for trial in trials for name in trial.params)
        return sorted(names, key=lambda name: -self._most_important.get(name, 0.0))

    def _of(self, trials: Sequence[FrozenTrial]) -> optuna.Study:
        return StudyOf(self._study, trials)


class StudyOf(optuna.Study):
    """A study that holds some trials of another one, under their own numbers.

    :param study: the other one
    :param trials: some of its trials
    """

    def __init__(self, study: optuna.Study, trials: Sequence[FrozenTrial]) -> None:
        vars(self).update(vars(study))
        self._shown = list(trials)

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        wanted = [trial for trial in self._shown if states is None or trial.state in states]
        return copy.deepcopy(wanted) if deepcopy else wanted


def _slice(study: optuna.Study, param: str) -> OptunaPlot:
    def draw(kind: Any) -> Any:
        plot = kind.plot_slice(study, params=[param], target_name=SCORE)
        if kind is optuna.visualization:
            numbers = [trial.number for trial in study.get_trials(deepcopy=False)]
            palest = min(numbers) - _PALEST * max(1, max(numbers) - min(numbers))
            # Side by side, a scale of colours would take half of the width.
            plot.update_traces(marker={"showscale": False, "cmin": palest, "cmax": max(numbers)})
        return plot

    return _plot(draw, height=300)


def _plot(draw: Callable[[Any], Any], height: int = 420) -> OptunaPlot:
    """A plot of Optuna's by either of its two modules, whose warnings about single plots are for programmers."""

    def quietly(module: Callable[[], Any]) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return draw(module())

    return OptunaPlot(
        lambda: quietly(lambda: optuna.visualization), lambda: quietly(lambda: optuna.visualization.matplotlib), height
    )


def _n_values(trials: Sequence[FrozenTrial], name: str) -> int:
    return len({trial.params[name] for trial in trials if name in trial.params})
