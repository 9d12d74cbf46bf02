"""The candidates for being the winner: the default and the finalists, before and after they were validated."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.trial import TrialState

from sb3_hpo.configuration import checked, merge, to_zoo
from sb3_hpo.finalists import choose_finalists, configuration_key, key_of_trial
from sb3_hpo.late_returns import late_mean_of_curve
from sb3_hpo.objective import configuration_of
from sb3_hpo.promotion import paused_trials, value_at_rung
from sb3_hpo.shrinkage import posterior_means
from sb3_hpo.transforms import OutsideSpaceError
from sb3_hpo.trial_attributes import FINAL_RETURNS, HYPERPARAMS, RUNS
from sb3_hpo.trust import check_same_modules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from sb3_hpo.comparison import Comparison, Verdict
    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.task import Task


def fingerprint_of(configuration: Mapping[str, Any]) -> str:
    """A name for a configuration, in the zoo's notation, by its content."""
    return hashlib.sha256(configuration_key(configuration).encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A configuration that is a candidate for being the winner.

    :param trial: number of the trial that found it; None for the default where no trial had it
    :param score: the trial's score in the search; None without a trial
    :param configuration: the whole configuration, in the zoo's notation
    :param is_default: whether it is the configuration that was tuned from
    :param tuning_scores: tuning seed -> mean return of the agent that the search trained on it, judged as those of the
        validation are
    :param tuning_late_means: tuning seed -> mean return over the last quarter of that training
    :param is_paused: whether its trial was not trained to its end: then its score is what it had reached so far
    """

    trial: int | None
    score: float | None
    configuration: Mapping[str, Any]
    is_default: bool
    tuning_scores: Mapping[int, float] = dataclasses.field(default_factory=dict)
    tuning_late_means: Mapping[int, float] = dataclasses.field(default_factory=dict)
    is_paused: bool = False

    @property
    def name(self) -> str:
        """What it is called in tables."""
        if self.is_default:
            return "default"
        return f"trial {self.trial}"

    @property
    def fingerprint(self) -> str:
        """Names the configuration by its content."""
        return fingerprint_of(self.configuration)


@dataclasses.dataclass(frozen=True)
class Validated:
    """A candidate with its scores on seeds that the search never saw.

    A score is the mean return of one trained agent; scores are in the order of their seeds.

    :param scores: scores on the validation seeds; empty for a finalist that was not chosen
    :param iqm: interquartile mean of the scores; None without scores
    :param ci95: 95 % bootstrap interval of the interquartile mean; None with fewer than two scores
    :param selection_scores: scores on the first selection seeds, as far as it came; empty for the default
    :param is_behind: whether it got fewer selection seeds than another finalist, and is not the chosen one
    :param late_means: mean return over the last quarter of each training of ``scores``; empty where one is not known
    :param failure: why one of its trainings failed, in one line: it cannot win; None if none did
    """

    candidate: Candidate
    scores: list[float]
    iqm: float | None
    ci95: tuple[float, float] | None
    selection_scores: list[float] = dataclasses.field(default_factory=list)
    is_behind: bool = False
    late_means: list[float] = dataclasses.field(default_factory=list)
    failure: str | None = None


@dataclasses.dataclass(frozen=True)
class Validation:
    """What validation found.

    :param seeds: validation seeds that both the chosen finalist and the default finished
    :param n_seeds_asked: validation seeds that were asked for
    :param ranking: the winner first, then the other one of the pair that was compared, then the finalists that were
        not chosen, from the best to the worst
    :param comparison: the chosen finalist compared with the default; None without a seed that both finished
    :param selection_seeds: seeds that chose among the finalists
    """

    seeds: list[int]
    n_seeds_asked: int
    ranking: list[Validated]
    comparison: Comparison | None = None
    selection_seeds: list[int] = dataclasses.field(default_factory=list)

    @property
    def winner(self) -> Validated:
        """The configuration to train with: the chosen finalist if it is better or probably so, else the default.

        Where nothing was validated, the best score of the search; where the default failed, the chosen finalist; and
        where every one failed, the default for want of anything else.
        """
        return self.ranking[0]

    @property
    def default(self) -> Validated:
        """The configuration that was tuned from."""
        return next(validated for validated in self.ranking if validated.candidate.is_default)

    @property
    def finalist(self) -> Validated | None:
        """The finalist that was compared with the default; None where there was no comparison."""
        if self.comparison is None:
            return None
        return next(validated for validated in self.ranking if not validated.candidate.is_default)

    @property
    def verdict(self) -> Verdict | None:
        """How the finalist compares with the default; None where there was no comparison."""
        return None if self.comparison is None else self.comparison.verdict

    @property
    def probability_of_improvement(self) -> float | None:
        """That a training of the finalist scores higher than one of the default; None without a comparison."""
        return None if self.comparison is None else self.comparison.probability_of_improvement


def choose_candidates(study: optuna.Study, task: Task, space: SearchSpace, n_finalists: int) -> list[Candidate]:
    """The default and the finalists of a study, the most promising one first.

    Where no trial was trained to its end, the finalists are the paused ones that came furthest: validation trains them.
    """
    keys = _keys_of_default(task, space)
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    default = Candidate(None, None, to_zoo(task.configuration), is_default=True)
    of_default = [trial for trial in trials if key_of_trial(trial) in keys]
    if of_default:
        best = max(of_default, key=lambda trial: trial.value or 0.0)
        default = dataclasses.replace(default, trial=best.number, score=best.value)
    finalists = choose_finalists(trials, space, n_finalists, keys)
    if not finalists:
        paused = paused_trials(study.get_trials(deepcopy=False, states=(TrialState.PRUNED,)))
        furthest = {key_of_trial(trial): trial for trial in reversed(paused)}
        finalists = [t for t in paused if t in furthest.values() and key_of_trial(t) not in keys][:n_finalists]
    for trial in finalists:
        check_same_modules(trial.user_attrs[HYPERPARAMS], default.configuration, f"trial {trial.number}")
    return [default, *_best_judged_first([_finalist(trial) for trial in finalists])]


def _finalist(trial: FrozenTrial) -> Candidate:
    judged = [run for run in trial.user_attrs.get(RUNS, []) if run.get(FINAL_RETURNS)]
    return Candidate(
        trial.number,
        _score(trial),
        checked(trial.user_attrs[HYPERPARAMS]),
        is_default=False,
        tuning_scores={run["seed"]: float(np.mean(run[FINAL_RETURNS])) for run in judged},
        tuning_late_means={run["seed"]: _late_mean(run) for run in judged},
        is_paused=trial.state == TrialState.PRUNED,
    )


def _late_mean(run: Mapping[str, Any]) -> float:
    means = [float(np.mean(returns)) for returns in run["returns"]]
    return late_mean_of_curve(run["timesteps"], means, run["n_timesteps"], float(np.mean(run[FINAL_RETURNS])))


def _best_judged_first(finalists: list[Candidate]) -> list[Candidate]:
    """By the agents that the search trained where all were judged, so that the first one is taken for want of time.

    Those of more seeds count for more: who had 500 on three is expected to be better than who had it on one.
    """
    if not finalists or not all(candidate.tuning_scores for candidate in finalists):
        return finalists
    expected = posterior_means({c.fingerprint: list(c.tuning_scores.values()) for c in finalists})

    def judged(candidate: Candidate) -> tuple[float, int, float]:
        late_means = list(candidate.tuning_late_means.values())
        return expected[candidate.fingerprint], len(candidate.tuning_scores), float(np.mean(late_means))

    return sorted(finalists, key=judged, reverse=True)


def _score(trial: FrozenTrial) -> float | None:
    return value_at_rung(trial) if trial.state == TrialState.PRUNED else trial.value


def candidates_of(
    task: Task, trials: Sequence[FrozenTrial], configurations: Sequence[Mapping[str, Any]]
) -> list[Candidate]:
    """The default, and some trials as finalists, each configuration once.

    :param configurations: the whole configuration of each trial, in the zoo's notation
    """
    finalists = [
        Candidate(trial.number, trial.value, configuration, is_default=False)
        for trial, configuration in zip(trials, configurations, strict=True)
    ]
    first = {finalist.fingerprint: finalist for finalist in reversed(finalists)}
    return [
        Candidate(None, None, to_zoo(task.configuration), is_default=True),
        *(finalist for finalist in finalists if finalist is first[finalist.fingerprint]),
    ]


def _keys_of_default(task: Task, space: SearchSpace) -> set[str]:
    """What a trial may have that trains the configuration tuned from: as it is, or with all that is sampled named."""
    keys = {configuration_key(to_zoo(task.configuration))}
    with contextlib.suppress(OutsideSpaceError):
        params = space.to_params(task.configuration)
        named = merge(task.configuration, space.to_hyperparams(params))
        if configuration_of(task, space, params) == named:
            keys.add(configuration_key(to_zoo(named)))
    return keys
