"""What a search asks of its storage does not grow with the study."""

from __future__ import annotations

import gc
import uuid

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from sb3_hpo.budget import Budget
from sb3_hpo.ended_trials import EndedTrials
from sb3_hpo.garbage import N_TRIALS, long_lived
from sb3_hpo.interruption import Deadline, StopSignal
from sb3_hpo.search import search
from sb3_hpo.search_clock import SearchClock
from sb3_hpo.settings import TuningSettings
from sb3_hpo.trial_attributes import COMMAND
from sb3_hpo.trial_watch import TrialWatch


def trials_of(states: str) -> list[optuna.trial.FrozenTrial]:
    """Trials in the states that the letters name: (c)omplete, (p)runed, (f)ailed, (r)unning, (w)aiting."""
    by_letter = {state.name[0].lower(): state for state in TrialState}
    trials = []
    for number, letter in enumerate(states):
        state = by_letter[letter]
        trial = create_trial(state=state, value=1.0 if letter == "c" else None, user_attrs={COMMAND: "mine"})
        trial.number = number
        trials.append(trial)
    return trials


@pytest.mark.parametrize(
    ("looks", "new"),
    [
        (["ccr", "ccc"], [[0, 1], [2]]),
        (["rc", "rcc", "fccw"], [[], [], [0, 1, 2]]),
        (["", "p", "pc"], [[], [0], [1]]),
    ],
)
def test_every_trial_that_has_ended_is_new_once(looks, new) -> None:
    ended = EndedTrials()
    for states, expected in zip(looks, new, strict=True):
        trials = trials_of(states)
        found, rest = ended.new_and_rest(trials)
        assert [trial.number for trial in found] == expected
        assert [trial.state for trial in rest] == [trial.state for trial in trials[len(trials) - len(rest) :]]
        assert all(trial.state.is_finished() for trial in trials[: len(trials) - len(rest)])


def test_trial_that_is_not_seen_yet_holds_back_the_younger_ones() -> None:
    trials = trials_of("ccc")
    ended = EndedTrials()
    assert [trial.number for trial in ended.new_and_rest([trials[0], trials[2]])[0]] == [0]
    assert [trial.number for trial in ended.new_and_rest(trials)[0]] == [1, 2]


@pytest.mark.parametrize("states", ["cccc", "crcw", "wcpf", "fffr", "cpcpcprrw"])
@pytest.mark.parametrize("bounds", [(3, None), (None, 3), (2, 5)])
def test_budget_says_the_same_whether_it_has_looked_before_or_not(states, bounds) -> None:
    study = optuna.create_study()
    remembering = Budget(study, "mine", *bounds)
    for n in range(len(states) + 1):
        # Trial by trial, each in every state on its way to the last one.
        for last in ("r", states[n : n + 1]):
            trials = trials_of(states[:n] + (last if n < len(states) else ""))
            fresh = Budget(study, "mine", *bounds)
            assert remembering.is_used_up(trials) == fresh.is_used_up(trials)
            assert remembering.has_room(trials) == fresh.has_room(trials)


def test_watch_tells_of_a_trial_once_though_older_ones_still_run() -> None:
    watch = TrialWatch.of_command(optuna.create_study(), "mine")
    told = [[trial.number for trial in watch.news(trials_of(states))] for states in ("rc", "rcc", "rccr", "pccf")]
    assert told == [[1], [2], [], [0, 3]]


class CountingStorage(optuna.storages.InMemoryStorage):
    n_reads = 0

    def get_all_trials(self, *args, **kwargs):
        self.n_reads += 1
        return super().get_all_trials(*args, **kwargs)


def reads_per_trial(n_before: int, n_trials: int) -> float:
    storage = CountingStorage()
    study = optuna.create_study(storage=storage, direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.add_trials([create_trial(value=1.0)] * n_before)
    settings = TuningSettings(n_trials=n_trials)
    before = storage.n_reads
    search(
        study,
        lambda trial: 1.0,
        settings,
        StopSignal(),
        SearchClock(settings, Deadline(None)),
        lambda trial: None,
        uuid.uuid4().hex,
    )
    return (storage.n_reads - before) / n_trials


def test_search_reads_all_trials_a_few_times_for_each_trial_however_many_there_are() -> None:
    small, large = reads_per_trial(0, 10), reads_per_trial(300, 10)
    assert small == large
    # Optuna looks for one that waits; we at the budget, before the trial and when it has its number.
    assert large <= 3 + 3 / 10


def test_collector_leaves_alone_what_stays_and_looks_at_the_rest() -> None:
    class Cycle:
        def __init__(self) -> None:
            self.itself = self

    stays = [[] for _ in range(1_000)]
    with long_lived() as objects:
        assert gc.get_freeze_count() >= len(stays)
        Cycle()
        assert gc.collect() > 0
        for _ in range(N_TRIALS):
            objects.trial_finished()
        assert gc.get_freeze_count() >= len(stays)
    assert gc.get_freeze_count() == 0
