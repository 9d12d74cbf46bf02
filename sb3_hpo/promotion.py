"""Successive halving that promotes: a training pauses at a rung, and goes on once it is among the best there.

Optuna's ``SuccessiveHalvingPruner`` decides about a trial when it comes to a rung, by those that came before it, and
what it stops is lost. Here a trial *pauses* at a rung (its state is PRUNED, as a stopped one's) and goes on when, of
all that have come to the rung by then, it is among the best ``1 / reduction_factor`` (ASHA: Li et al., "A System for
Massively Parallel Hyperparameter Tuning", MLSys 2020, https://arxiv.org/abs/1810.05934, algorithm 2). Going on is a new
trial with the same params, which says in its attributes which one it continues and how far; it begins at the
checkpoint.

Nothing is kept but the study: any worker can find out from its trials what to promote next.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

from optuna.pruners import BasePruner
from optuna.trial import TrialState

from sb3_hpo.trial_attributes import is_affordable, was_interrupted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import optuna
    from optuna.trial import FrozenTrial

PAUSED = "sb3_hpo:paused_at_rung"
"""System attribute of a trial that paused: index of the rung."""
RUNG = "rung"
"""Trial attribute: index of the rung that the trial is trained to; the first one where it is missing."""
CONTINUES = "continues"
"""Trial attribute: number of the paused trial whose training this one goes on with."""

FIRST_RUNG = 0.05
"""Share of a training after which halving that promotes compares trials for the first time."""
FIRST_RUNG_AFTER_WARM_UP = 0.1
"""The same for algorithms that fill a replay buffer before they learn, for a tenth of the budget at most.

Of 24 configurations of DQN on CartPole, trained to a fifth, four of the seven that were best there had returns of 9
after a twentieth, as the worst had (``benchmarks/README.md``).
"""
REDUCTION_FACTOR = 2
"""It promotes the best half of each rung: with the first rung 5, 10, 20, 40 and 100 percent of a training."""
FEWEST_TRIALS = 8
"""Trials that a budget must have for a trial to pause: of fewer, halving would leave hardly any trained to the end."""


@dataclasses.dataclass(frozen=True)
class Rungs:
    """Where trials pause.

    :param steps: environment steps of each rung, ascending; the last one is the whole training
    :param reduction_factor: one in so many trials of a rung goes on to the next
    """

    steps: tuple[int, ...]
    reduction_factor: int = REDUCTION_FACTOR

    @classmethod
    def of(cls, n_timesteps: int, first: float = FIRST_RUNG, reduction_factor: int = REDUCTION_FACTOR) -> Rungs:
        """Rungs that grow by the reduction factor; the last step to the whole training is at least as large.

        :param n_timesteps: environment steps of a whole training
        :param first: share of it at which the first rung is
        """
        if not 0.0 < first <= 1.0:
            raise ValueError(f"first_rung is {first!r}, it must be a share of a training: above 0, 1 at most")
        if reduction_factor < 2:
            raise ValueError(f"reduction_factor is {reduction_factor!r}, it must be 2 or more")
        steps = []
        step = first * n_timesteps
        while step * reduction_factor <= n_timesteps:
            steps.append(max(1, round(step)))
            step *= reduction_factor
        return cls(tuple(dict.fromkeys([*steps, n_timesteps])), reduction_factor)

    def at_evaluations(self, eval_freq: int) -> Rungs:
        """The same where trials report: each rung at an evaluation, none at the same one as another.

        :param eval_freq: environment steps between two evaluations
        """
        whole = self.steps[-1]
        steps = [max(1, round(step / eval_freq)) * eval_freq for step in self.steps[:-1]]
        return Rungs((*dict.fromkeys(step for step in steps if step < whole), whole), self.reduction_factor)

    @property
    def last(self) -> int:
        """Index of the rung that is the whole training."""
        return len(self.steps) - 1


class PausingPruner(BasePruner):
    """Pauses a trial at the rung that it is trained to, whatever the others did.

    :param rungs: where the rungs are
    """

    def __init__(self, rungs: Rungs) -> None:
        self.rungs = rungs

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial has come to its rung, and that is not the end of its training."""
        rung = rung_of(trial)
        step = trial.last_step
        if rung >= self.rungs.last or step is None or step < self.rungs.steps[rung]:
            return False
        study._storage.set_trial_system_attr(trial._trial_id, PAUSED, rung)
        return True


def rung_of(trial: FrozenTrial) -> int:
    """The rung that a trial is trained to."""
    return int(trial.user_attrs.get(RUNG, 0))


def next_promotion(trials: Sequence[FrozenTrial], rungs: Rungs) -> FrozenTrial | None:
    """The paused trial to go on with; None if a new configuration is to be tried.

    The highest rung comes first, and in it the best trial.

    What costs more than can be afforded is not among them (:mod:`sb3_hpo.affordable`).

    :param trials: all trials of a study
    """
    promoted = _promoted(trials)
    affordable = filter(is_affordable, paused_trials(trials))
    for _, group in itertools.groupby(affordable, key=rung_of):
        at_rung = list(group)
        for trial in at_rung[: len(at_rung) // rungs.reduction_factor]:
            if trial.number not in promoted:
                return trial
    return None


def paused_trials(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that paused at a rung: the highest rung first, in it the best.

    Of each configuration and rung it is the first one. Those that went on since are among them.
    """
    first = {
        (rung_of(trial), tuple(sorted(trial.params.items()))): trial
        for trial in reversed(list(trials))
        if trial.state == TrialState.PRUNED and PAUSED in trial.system_attrs
    }
    return sorted(first.values(), key=lambda trial: (-rung_of(trial), -value_at_rung(trial), trial.number))


def waiting_to_go_on(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The paused trials that nothing continues yet: those that can be afforded, the highest rung first, in it the best.

    Then the others, in the same order.
    """
    promoted = _promoted(trials)
    waiting = [trial for trial in paused_trials(trials) if trial.number not in promoted]
    return sorted(waiting, key=is_affordable, reverse=True)


def value_at_rung(trial: FrozenTrial) -> float:
    """What a paused trial had reached at its rung: the mean of its reports over the second half of its training so far.

    That is since the rung before where they double. The last report alone is the luck of one agent where learning
    fluctuates: on tables made after curves of DQN on CartPole the mean leads to winners with a regret of 0.167 instead
    of 0.205, and on curves of PPO on Enduro to equally good ones (``benchmarks/README.md``).
    """
    step = trial.last_step
    if step is None:
        raise ValueError(f"trial {trial.number} has reported nothing: it did not pause at a rung")
    late = [value for at, value in trial.intermediate_values.items() if at > step / 2]
    return sum(late) / len(late)


def go_on(study: optuna.Study, trial: FrozenTrial, rung: int) -> None:
    """Have the next trial of a study go on with a paused one.

    :param rung: index of the rung to train to
    """
    study.enqueue_trial(trial.params, user_attrs={RUNG: rung, CONTINUES: trial.number})


def is_in_vain(trials: Sequence[FrozenTrial], trial: FrozenTrial) -> bool:
    """Whether a trial continues one that an older trial continues already: two workers promoted it at the same instant.

    :param trials: all trials of the study
    """
    continued = trial.user_attrs.get(CONTINUES)
    return continued is not None and continued in _promoted(trials[: trial.number])


def _promoted(trials: Iterable[FrozenTrial]) -> set[int]:
    """Numbers of the trials that another one continues, has continued or is about to.

    One that failed would fail again; one that was interrupted is in the queue again.
    """
    return {
        trial.user_attrs[CONTINUES] for trial in trials if CONTINUES in trial.user_attrs and not was_interrupted(trial)
    }
