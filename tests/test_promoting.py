from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState

from sb3_hpo.budget import Budget
from sb3_hpo.promoting import Promoting, n_finals
from sb3_hpo.promotion import CONTINUES, RUNG, PausingPruner, Rungs, go_on, is_in_vain
from sb3_hpo.settings import TuningSettings
from sb3_hpo.trial_attributes import (
    COMMAND,
    DEFAULT_CONFIGURATION,
    FAILURE,
    ORIGIN,
    TrialInterruptedError,
)

RUNGS = Rungs((5, 10, 20))


class Search:
    """A search on one parameter, whose every evaluation is that parameter."""

    def __init__(self, **settings) -> None:
        self.study = optuna.create_study(
            direction="maximize", pruner=PausingPruner(RUNGS), sampler=optuna.samplers.RandomSampler(seed=0)
        )
        self.settings = TuningSettings(**settings)
        budget = Budget(self.study, "c", self.settings.n_trials, self.settings.max_total_trials)
        self.promoting = Promoting(self.study, self.settings, budget)

    def run(self, n: int = 1, *, is_closing: bool = False) -> optuna.trial.FrozenTrial:
        for _ in range(n):
            self.promoting.prepare(self.study.get_trials(deepcopy=False), is_closing=is_closing)
            self.study.optimize(self.objective, n_trials=1)
        return self.study.trials[-1]

    def objective(self, trial: optuna.Trial) -> float:
        trial.set_user_attr(COMMAND, "c")
        x = trial.suggest_float("x", 0.0, 1.0)
        for step in range(1, RUNGS.steps[-1] + 1):
            trial.report(x, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x


@pytest.mark.parametrize("n_trials", [8, 20, 50])
def test_a_number_of_trials_ends_with_finalists_that_were_trained_to_the_end(n_trials: int) -> None:
    search = Search(n_trials=n_trials)
    search.run(n_trials)
    complete = [trial for trial in search.study.trials if trial.state == TrialState.COMPLETE]
    assert len(complete) >= n_finals(search.settings) == min(3, n_trials // 4)
    best = max(trial.params["x"] for trial in search.study.trials)
    assert max(trial.value for trial in complete) == best


def test_what_is_trained_to_the_end_is_chosen_once_others_have_paused() -> None:
    search = Search(n_trials=8, n_finalists=1)
    search.run(6)
    of_another_worker = search.study.ask()
    of_another_worker.set_user_attr(COMMAND, "c")
    of_another_worker.set_user_attr(RUNG, 1)
    best = of_another_worker.suggest_float("x", 0.0, 1.0) + 1.0
    trials = search.study.get_trials(deepcopy=False)
    assert not search.promoting.prepare(trials, is_closing=False)
    assert len(search.study.trials) == 7

    of_another_worker.report(best, RUNGS.steps[1])
    assert of_another_worker.should_prune()
    search.study.tell(of_another_worker, state=TrialState.PRUNED)
    last = search.run()
    assert last.user_attrs[CONTINUES] == of_another_worker.number
    assert last.state == TrialState.COMPLETE


def test_when_time_is_short_nothing_is_waited_for() -> None:
    search = Search(n_trials=8, timeout=60.0, n_finalists=1)
    search.run(6)
    search.study.ask().set_user_attr(COMMAND, "c")
    assert search.promoting.prepare(search.study.get_trials(deepcopy=False), is_closing=True)
    assert search.study.trials[-1].user_attrs[RUNG] == RUNGS.last


def test_only_the_best_go_on() -> None:
    search = Search(timeout=60.0)
    search.run(40)
    new = [trial for trial in search.study.trials if CONTINUES not in trial.user_attrs]
    continued = {trial.params["x"] for trial in search.study.trials if CONTINUES in trial.user_attrs}
    assert 15 <= len(new) < 30
    assert max(trial.params["x"] for trial in new) in continued
    assert min(trial.params["x"] for trial in new) not in continued


def test_when_time_is_short_the_best_are_trained_to_the_end() -> None:
    search = Search(timeout=60.0, n_finalists=2)
    search.run(6)
    n_complete = sum(trial.state == TrialState.COMPLETE for trial in search.study.trials)
    search.run(2, is_closing=True)
    states = [trial.state for trial in search.study.trials[6:]]
    assert states[: 2 - n_complete] == [TrialState.COMPLETE] * (2 - n_complete)
    # Then it goes on as before.
    assert search.run(is_closing=True).state == TrialState.PRUNED


def test_the_default_is_no_finalist() -> None:
    search = Search(timeout=60.0, n_finalists=1)
    search.study.enqueue_trial({"x": 1.0}, user_attrs={ORIGIN: DEFAULT_CONFIGURATION})
    search.run(3)
    final = search.run(is_closing=True)
    assert final.state == TrialState.COMPLETE
    assert final.params["x"] < 1.0


def test_nothing_is_enqueued_while_something_waits() -> None:
    search = Search(timeout=60.0)
    search.run(2)
    for _ in range(3):
        search.promoting.prepare(search.study.trials, is_closing=False)
    assert len(search.study.trials) == 3


def test_two_workers_that_promote_the_same_trial_at_once() -> None:
    search = Search(timeout=60.0)
    paused = search.run()
    for _ in range(2):
        go_on(search.study, paused, 1)
    older, younger = search.study.ask(), search.study.ask()
    trials = search.study.get_trials(deepcopy=False)
    assert [is_in_vain(trials, trials[trial.number]) for trial in (older, younger)] == [False, True]
    # One that was handed back does not count.
    older.set_user_attr(FAILURE, f"{TrialInterruptedError.__name__}: stopped")
    search.study.tell(older, state=TrialState.FAIL)
    trials = search.study.get_trials(deepcopy=False)
    assert not is_in_vain(trials, trials[younger.number])


def test_a_trial_whose_continuation_failed_is_not_continued_again() -> None:
    search = Search(timeout=60.0)
    search.run(2)
    search.promoting.prepare(search.study.trials, is_closing=False)
    promoted = search.study.ask()
    assert promoted.user_attrs[RUNG] == 1
    promoted.set_user_attr(FAILURE, "FloatingPointError: NaN")
    search.study.tell(promoted, state=TrialState.FAIL)
    assert CONTINUES not in search.run().user_attrs
