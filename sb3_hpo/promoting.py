"""What the next trial of a search is, where trials pause at rungs: a new configuration, or one that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.promotion import (
    RUNG,
    PausingPruner,
    Rungs,
    go_on,
    next_promotion,
    rung_of,
    waiting_to_go_on,
)
from sb3_hpo.trial_attributes import DEFAULT_CONFIGURATION, ORIGIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sb3_hpo.budget import Budget
    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.transforms import Plain

ONE_FINAL_IN = 4
"""One in so many trials of a budget is kept to train finalists to the end."""


class Promoting:
    """Enqueues what the next trial is to be.

    Towards the end of the budget, in trials or in time, the paused trials that came furthest are trained to their end,
    so that there are finalists for the validation. Where trials are what is left, it is first waited for those that run
    and will pause: they may be the best.

    :param study: the study, whose pruner says where the rungs are
    :param settings: finalists wanted, and the budget
    :param budget: of the command
    """

    def __init__(self, study: optuna.Study, settings: TuningSettings, budget: Budget) -> None:
        self._study = study
        self._rungs: Rungs | None = study.pruner.rungs if isinstance(study.pruner, PausingPruner) else None
        self._n_finals = n_finals(settings)
        self._budget = budget

    def prepare(self, trials: Sequence[FrozenTrial], *, is_closing: bool, is_exhausted: bool = False) -> bool:
        """Enqueue what the next trial is to be, unless something waits, or it is to be sampled.

        :param trials: all trials of the study
        :param is_closing: whether the time that is left is needed to train finalists to the end
        :param is_exhausted: whether the sampler has nothing new
        :return: whether there is a next trial; where there is none, what others run may bring one
        """
        if any(trial.state == TrialState.WAITING for trial in trials):
            return True
        if self._rungs is None:
            return not is_exhausted
        n_missing = self._n_missing(trials, self._rungs)
        if n_missing > 0 and (is_closing or self._budget.n_left(trials) <= n_missing):
            if not is_closing and _will_pause(trials, self._rungs):
                return False
            return self._train_to_the_end(trials, self._rungs, is_exhausted=is_exhausted)
        paused = next_promotion(trials, self._rungs)
        if paused is not None:
            go_on(self._study, paused, rung_of(paused) + 1)
            return True
        if is_exhausted:
            return n_missing > 0 and self._train_to_the_end(trials, self._rungs, is_exhausted=True)
        return True

    def _train_to_the_end(self, trials: Sequence[FrozenTrial], rungs: Rungs, *, is_exhausted: bool) -> bool:
        default = _default_params(trials)
        paused = next((trial for trial in waiting_to_go_on(trials) if trial.params != default), None)
        if paused is not None:
            go_on(self._study, paused, rungs.last)
        elif is_exhausted:
            return False
        else:
            self._study.add_trial(optuna.create_trial(state=TrialState.WAITING, user_attrs={RUNG: rungs.last}))
        return True

    def _n_missing(self, trials: Sequence[FrozenTrial], rungs: Rungs) -> int:
        """Finalists that nobody has trained, or is training, to the end."""
        default = _default_params(trials)
        finals = [
            trial
            for trial in trials
            if trial.params != default
            and (
                trial.state == TrialState.COMPLETE
                or (trial.state == TrialState.RUNNING and rung_of(trial) == rungs.last)
            )
        ]
        return self._n_finals - len(finals)


def _will_pause(trials: Sequence[FrozenTrial], rungs: Rungs) -> bool:
    """Whether a trial runs that is trained to a rung and no further for now."""
    return any(trial.state == TrialState.RUNNING and rung_of(trial) < rungs.last for trial in trials)


def n_finals(settings: TuningSettings) -> int:
    """Trials that are to be trained to the end whatever comes of the search: the finalists, as far as it has trials."""
    n_trials = settings.fewest_trials
    return settings.n_finals if n_trials is None else min(settings.n_finals, n_trials // ONE_FINAL_IN)


def _default_params(trials: Sequence[FrozenTrial]) -> dict[str, Plain] | None:
    """Params of the configuration tuned from: validation compares with it whatever it did in the search."""
    return next((trial.params for trial in trials if trial.user_attrs.get(ORIGIN) == DEFAULT_CONFIGURATION), None)
