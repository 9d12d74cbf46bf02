"""What a search has spent, counted from its trials, and when that is all it may spend.

A trial that was interrupted, or that lost its worker, is tried again and counts for nothing: a search that was stopped
and went on has the same budget as one that was not. A training counts with the environment steps that were asked for,
whatever its last rollout oversteps them by.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.candidates import Candidate
from sb3_hpo.comparing.traces import Trace, TraceRecorder
from sb3_hpo.search_clock import MAX_CLOSING_SHARE
from sb3_hpo.trial_attributes import HYPERPARAMS, lost_its_worker, paid_trainings, was_interrupted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import optuna

    from sb3_hpo.comparing.plan import Plan, Search

MAX_CLOSING_SHARE_OF_STEPS = 0.5
"""Largest share of a budget in steps that is kept for the last training: what it takes is known."""


@dataclasses.dataclass(frozen=True)
class SearchBudget:
    """What one search may spend: it begins no trial once that is spent, and the last one is trained to its end.

    :param n_timesteps: environment steps of one training
    :param steps: environment steps of a search; None where time bounds it
    :param seconds: seconds of a search; None where steps bound it
    """

    n_timesteps: int
    steps: int | None
    seconds: float | None

    @classmethod
    def of(cls, plan: Plan, n_timesteps: int) -> SearchBudget:
        """That of the searches of a plan."""
        return cls(n_timesteps, None if plan.budget is None else plan.budget * n_timesteps, plan.timeout)

    def share(self, trials: Sequence[FrozenTrial]) -> float:
        """How much of it trials have spent, from 0 to 1."""
        spent = self.steps_of(trials) / self.steps if self.steps is not None else _seconds(trials) / (self.seconds or 1)
        return min(1.0, spent)

    def holds(self, steps: int, seconds: float) -> bool:
        """Whether so much is within it."""
        return (self.steps is None or steps <= self.steps) and (self.seconds is None or seconds <= self.seconds)

    def steps_of(self, trials: Iterable[FrozenTrial]) -> int:
        """Environment steps that trials trained themselves."""
        runs = (run for trial in trials if counts(trial) for run in paid_trainings(trial))
        return sum(max(0, min(run.get("n_timesteps", 0), self.n_timesteps) - run.get("resumed_at", 0)) for run in runs)


class SpentClock:
    """Ends a search when its budget is spent. Implements :class:`sb3_hpo.search.Clock`.

    :param closes: whether trials pause, so that at the end one has to be trained to its end
    """

    def __init__(self, study: optuna.Study, budget: SearchBudget, *, closes: bool) -> None:
        self._study = study
        self._budget = budget
        self._closing = 0.0
        if closes and budget.steps is not None:
            self._closing = min(MAX_CLOSING_SHARE_OF_STEPS, budget.n_timesteps / budget.steps)
        elif closes:
            self._closing = MAX_CLOSING_SHARE

    @property
    def is_over(self) -> bool:
        """Whether all is spent."""
        return self._share >= 1.0

    @property
    def is_closing(self) -> bool:
        """Whether what is left is just enough to train one trial to its end."""
        return self._closing > 0.0 and self._share >= 1.0 - self._closing

    def learn_from(self, trial: FrozenTrial) -> None:
        """Nothing: it looks at all trials."""

    @property
    def _share(self) -> float:
        return self._budget.share(self._study.get_trials(deepcopy=False))


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial counts towards the budget of its search."""
    return trial.state.is_finished() and not was_interrupted(trial) and not lost_its_worker(trial)


def trace_of(search: Search, trials: Sequence[FrozenTrial], budget: SearchBudget) -> tuple[Trace, dict[str, Candidate]]:
    """What a search found, by its trials; what ended after its budget is not in it.

    :return: the trace, and the configurations of its incumbents by key
    """
    recorder = TraceRecorder(search)
    candidates: dict[str, Candidate] = {}
    ended: list[FrozenTrial] = []
    for trial in filter(counts, trials):
        ended.append(trial)
        steps, seconds = budget.steps_of(ended), _seconds(ended)
        if not budget.holds(steps, seconds):
            break
        score, key = None, ""
        if trial.state == TrialState.COMPLETE:
            candidate = Candidate(trial.number, trial.value, trial.user_attrs[HYPERPARAMS], is_default=False)
            score, key = trial.value, candidate.fingerprint
            candidates[key] = candidate
        recorder.trial_ended(steps, seconds, score, key)
    trace = recorder.trace
    return trace, {incumbent.key: candidates[incumbent.key] for incumbent in trace.incumbents}


def _seconds(trials: Iterable[FrozenTrial]) -> float:
    durations = (trial.duration for trial in trials if counts(trial))
    return sum(duration.total_seconds() for duration in durations if duration is not None)
