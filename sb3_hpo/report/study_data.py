"""What a report shows of a study, in plain values: nothing here knows Optuna, or how anything is drawn."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence


@dataclasses.dataclass(frozen=True)
class Curve:
    """A learning curve.

    :param steps: environment steps of each evaluation, or its number where the study does not record steps
    :param returns: mean return of each evaluation, shape ``(n_evaluations,)``
    """

    steps: Sequence[float]
    returns: Sequence[float]


@dataclasses.dataclass(frozen=True)
class TrialData:
    """A trial of Optuna: a training of a configuration, or a part of one.

    :param configuration: number of the first trial with the same params
    :param outcome: one of :mod:`sb3_hpo.report.outcomes`
    :param value: score, None unless the trial is complete
    :param curves: one for each tuning seed, what it went on from included
    :param n_timesteps: environment steps that it trained itself; None where that is not recorded
    :param n_timesteps_reached: environment steps of its trainings, what they went on from included
    :param seconds: wall-clock seconds that it ran
    :param parts: seconds by what they were spent on
    :param reason: why it failed or was stopped; empty otherwise
    :param origin: where params come from that were not sampled; empty otherwise
    """

    number: int
    configuration: int
    outcome: str
    value: float | None
    params: Mapping[str, Any]
    curves: Sequence[Curve]
    n_timesteps: int | None
    n_timesteps_reached: int
    started: datetime.datetime | None
    ended: datetime.datetime | None
    seconds: float
    parts: Mapping[str, float]
    worker: str | None
    continues: int | None
    reason: str
    origin: str

    @property
    def last_return(self) -> float | None:
        """Mean return of the last evaluation, the mean over the seeds that came so far."""
        ends = [curve.returns[-1] for curve in self.curves if curve.returns]
        return sum(ends) / len(ends) if ends else None


@dataclasses.dataclass(frozen=True)
class ConfigurationData:
    """All trials of one configuration as one: what became of it, and its whole learning curves.

    :param furthest: the trial that came furthest
    :param outcome: that of the last trial that says anything
    :param trials: all of them, by number
    """

    furthest: TrialData
    outcome: str
    trials: Sequence[TrialData]


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A configuration with its scores on fresh seeds: each the mean return of one trained agent.

    :param name: ``"default"``, or ``"trial 14"``
    :param iqm: interquartile mean; None without scores
    :param ci95: 95 % interval of it; None with fewer than two scores
    :param is_default: whether it is the configuration that was tuned from
    :param selection_scores: scores on the seeds that chose among the finalists
    :param failure: why one of its trainings failed; empty if none did
    """

    name: str
    scores: Sequence[float]
    iqm: float | None
    ci95: tuple[float, float] | None
    is_default: bool
    selection_scores: Sequence[float] = ()
    failure: str = ""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What validation found, as the command that validated last has kept it.

    :param kind: ``better``, ``not distinguishable``, ``worse``; None without a comparison
    :param text: the verdict in words and numbers
    :param winner: number of the winning trial; None where that is the default and no trial had it
    :param candidates: the winner first, then the one it was compared with, then the other finalists
    :param seeds: validation seeds
    :param selection_seeds: seeds that chose among the finalists
    """

    kind: str | None
    text: str
    winner: int | None
    candidates: Sequence[Candidate]
    seeds: Sequence[int]
    selection_seeds: Sequence[int]


@dataclasses.dataclass(frozen=True)
class StudyData:
    """A study.

    :param is_ours: whether sb3-hpo made it
    :param algo: name of the algorithm; None where the study does not say
    :param gym_packages: modules that register the environment; empty where the study does not say
    :param is_maximized: whether higher values are better
    :param step: what learning curves are drawn against
    :param trials: all trials of the search, by number
    :param validations: the trainings of its validation; their value is the mean return of the trained agent
    :param n_timesteps_planned: environment steps of the whole training of a configuration on all tuning seeds; None
        where the study does not say
    :param facts: how it was made: what -> content, as text without passwords
    :param versions: package -> version that it was made with
    :param read_at: when it was read
    """

    name: str
    is_ours: bool
    algo: str | None
    env: str | None
    gym_packages: Sequence[str]
    is_maximized: bool
    step: str
    trials: Sequence[TrialData]
    configurations: Sequence[ConfigurationData]
    validations: Sequence[TrialData]
    verdict: Verdict | None
    n_timesteps_planned: int | None
    facts: Mapping[str, str]
    versions: Mapping[str, str]
    read_at: datetime.datetime

    def n_of(self, *outcomes: str) -> int:
        """How many trials of the search came to this."""
        return sum(trial.outcome in outcomes for trial in self.trials)

    @property
    def best(self) -> TrialData | None:
        """The complete trial with the best score."""
        scored = [trial for trial in self.trials if trial.value is not None]
        sign = 1.0 if self.is_maximized else -1.0
        return max(scored, key=lambda trial: sign * (trial.value or 0.0), default=None)
