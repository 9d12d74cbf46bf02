"""Further tuning seeds for a trial that shares the best score, to tell whether it is good or was lucky.

One seed is enough to tell most configurations from the best. Where many share the best score, as at the highest return
that an environment has, it tells nothing more: one of them fails on one seed of twenty, another one on every second,
and the sampler learns to propose either. So a trial in such a tie is trained on the next tuning seed, too, and goes on
as long as it is not told from the best; its score is then that of all its seeds. So SMAC does with what could be the
new incumbent (Hutter, Hoos and Leyton-Brown, "Sequential Model-Based Optimization for General Algorithm Configuration",
LION 2011, procedure ``Intensify``).

Without a tie no trial gets another seed: on PPO on Enduro, where no two scores are the same, to train each new best
trial on two further seeds more than doubles the regret after 1,000 evaluations. What is won in ties says
``benchmarks/tied_trials.py``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.trial import TrialState

from sb3_hpo.scores import MIN_LAST_EVALUATIONS, learning_curves, score_training
from sb3_hpo.seeds import tuning_seeds
from sb3_hpo.trial_attributes import FINAL_RETURNS, RUNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna

    from sb3_hpo.settings import TuningSettings


def further_seeds(seed: int, settings: TuningSettings) -> list[int]:
    """The tuning seeds beyond those of every trial, in order, for trials that share the best score.

    :param seed: of the study
    """
    return tuning_seeds(seed, max(settings.n_seeds, settings.max_seeds))[settings.n_seeds :]


def shares_best_score(study: optuna.Study, runs: Sequence[Mapping[str, Any]], score: str) -> bool:
    """Whether each training of a trial is as good as any in the study, and one of another trial is, too.

    As good by its score and, where they were judged, by the agent at its end. Each must have climbed there, and stayed:
    who is there from the first evaluation on may have learned nothing, where others do worse (in Taxi whoever delivers
    nobody has -200, and -1100 who tries to everywhere), and whose last evaluations differ is there by chance.

    :param runs: the trainings of the trial, as its attribute ``runs`` has them
    :param score: what a learning curve is worth: a name of :data:`sb3_hpo.scores.SCORES`
    """
    if not all(map(_has_climbed_and_stayed, runs)):
        return False
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    of_others = [_worth(run, score) for trial in complete for run in trial.user_attrs.get(RUNS, [])]
    its = [_worth(run, score) for run in runs]
    best = max([*its, *of_others])
    return best in of_others and min(its) == best


def _has_climbed_and_stayed(run: Mapping[str, Any]) -> bool:
    """Whether the last evaluations of a training all have the same mean return, and an earlier one had less."""
    (curve,) = learning_curves([run])
    return bool(np.all(curve[-MIN_LAST_EVALUATIONS:] == curve[-1]) and curve.min() < curve[-1])


def _worth(run: Mapping[str, Any], score: str) -> tuple[float, float]:
    """The score of a training, and the mean return of the agent at its end; minus infinity where nobody judged it."""
    judged = run.get(FINAL_RETURNS)
    return score_training(run, score), float(np.mean(judged)) if judged else -math.inf
