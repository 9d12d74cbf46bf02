"""Searches compared on a real task, A2C on a short CartPole, in this process."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState

from sb3_hpo.commands import Command, Phase
from sb3_hpo.comparing.plan import Plan, Search
from sb3_hpo.comparing.task_comparison import TUNED_FROM, TaskComparison
from sb3_hpo.display import Display
from sb3_hpo.errors import UserError
from sb3_hpo.grid import grid_of
from sb3_hpo.report.sampler_view import sampler_of
from sb3_hpo.storage import open_storage
from sb3_hpo.trial_attributes import was_interrupted
from tests.tasks import SPACE, FakeTask

if TYPE_CHECKING:
    from pathlib import Path

    from sb3_hpo.comparing.result import ComparisonResult
    from sb3_hpo.heartbeats import HeartbeatStorage

PLAN = Plan(samplers=("grid", "random"), budget=2, n_repetitions=2, n_seeds=2, seed=1)


class StopAfter:
    """A stop signal that comes after so many looks, each of them a step of a training or so."""

    def __init__(self, n_looks: float = float("inf")) -> None:
        self.n_left = n_looks

    @property
    def is_pending(self) -> bool:
        self.n_left -= 1
        return self.n_left < 0


@pytest.fixture
def kept(tmp_path: Path) -> HeartbeatStorage:
    return open_storage(f"sqlite:///{tmp_path}/compared.db")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[HeartbeatStorage, ComparisonResult]:
    """A comparison that came to its end, and what keeps it."""
    folder = tmp_path_factory.mktemp("done")
    storage = open_storage(f"sqlite:///{folder}/done.db")
    result = run(storage, folder)
    assert result is not None
    return storage, result


def run(
    storage: HeartbeatStorage,
    tmp_path: Path,
    plan: Plan = PLAN,
    task: FakeTask | None = None,
    stop: StopAfter | None = None,
    display: Display | None = None,
    **options: object,
) -> ComparisonResult | None:
    task, display = task or FakeTask(), display or Display()
    comparison = TaskComparison(task, SPACE, plan, storage, "compared", display, log_folder=str(tmp_path), **options)
    return comparison.run(stop or StopAfter())


def trials(storage: HeartbeatStorage, search: Search) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=f"compared-{search.name}", storage=storage).trials


def test_every_search_spends_its_budget_on_configurations_of_its_own(done) -> None:
    storage, result = done
    for search in PLAN.searches:
        found = trials(storage, search)
        assert [trial.state for trial in found] == [TrialState.COMPLETE] * 2
        # Neither the configuration tuned from nor SB3's defaults are given to it.
        assert not any("origin" in trial.user_attrs for trial in found)
    of_grid = [trial.params for trial in trials(storage, Search("grid", 0))]
    assert all(grid_of(SPACE).number_of(params) is not None for params in of_grid)
    for trace in result.traces:
        assert (trace.n_trials, trace.steps) == (2, 400)
        assert trace.seconds > 0.0
    seeds = {trial.user_attrs["runs"][0]["seed"] for search in PLAN.searches for trial in trials(storage, search)}
    assert len(seeds) == PLAN.n_repetitions


def test_each_study_says_how_it_is_searched_and_asks_nobody_to_join(done) -> None:
    storage, _ = done
    for search in PLAN.searches:
        study = optuna.load_study(study_name=f"compared-{search.name}", storage=storage)
        sampler = sampler_of(study, at_trial=0)
        assert (sampler.name, sampler.is_known) == (search.sampler, True)
        assert Command.newest(study, "logs").phase(study.user_attrs) == Phase.END


def test_what_was_best_for_a_time_is_trained_once_on_seeds_that_no_search_saw(done) -> None:
    storage, result = done
    validation = optuna.load_study(study_name="compared-validation", storage=storage).trials
    pairs = [(trial.user_attrs["candidate"], trial.user_attrs["seed"]) for trial in validation]
    assert len(set(pairs)) == len(pairs) == len(result.fresh_scores) * 2
    tuning_seeds = {t.user_attrs["runs"][0]["seed"] for search in PLAN.searches for t in trials(storage, search)}
    assert not {seed for _, seed in pairs} & tuning_seeds
    keys = {incumbent.key for trace in result.traces for incumbent in trace.incumbents}
    assert len(result.fresh_scores) == len(keys) + 1
    scores = {pair: trial.value for pair, trial in zip(pairs, validation, strict=True)}
    for key in keys:
        assert sorted(result.fresh_scores[key]) == sorted(v for (k, _), v in scores.items() if k == key)
    assert result.references[TUNED_FROM] > 0.0


def test_same_command_goes_on_where_it_was_stopped_and_finds_the_same(done, kept, tmp_path: Path) -> None:
    _, whole = done
    n_stops = 0
    for n_looks in itertools.chain([300, 700, 900], itertools.repeat(float("inf"))):
        result = run(kept, tmp_path, stop=StopAfter(n_looks))
        if result is not None:
            break
        n_stops += 1
    assert n_stops >= 2
    interrupted = [t for search in PLAN.searches for t in trials(kept, search) if was_interrupted(t)]
    assert interrupted
    assert result is not None
    for one, other in zip(whole.traces, result.traces, strict=True):
        assert [(i.steps, i.score, i.key) for i in one.incumbents] == [
            (i.steps, i.score, i.key) for i in other.incumbents
        ]
    assert whole.fresh_scores == result.fresh_scores


def test_nothing_is_trained_again(done, tmp_path: Path) -> None:
    storage, first = done
    task = FakeTask()
    again = run(storage, tmp_path, task=task)
    assert again is not None
    assert task.trained == []
    assert again.as_mapping() == first.as_mapping()


def test_larger_budget_goes_on_from_a_smaller_one(kept, tmp_path: Path) -> None:
    small = run(kept, tmp_path, Plan(samplers=("random",), budget=1, n_repetitions=1, n_seeds=1))
    large = run(kept, tmp_path, Plan(samplers=("random",), budget=2, n_repetitions=2, n_seeds=1))
    assert small is not None
    assert large is not None
    assert [len(trials(kept, Search("random", i))) for i in range(2)] == [2, 2]
    assert large.traces[0].incumbents[: len(small.traces[0].incumbents)] == small.traces[0].incumbents


def test_time_bounds_a_search_too(kept, tmp_path: Path) -> None:
    plan = Plan(samplers=("random",), budget=None, timeout=0.5, n_repetitions=1, n_seeds=1)
    result = run(kept, tmp_path, plan)
    assert result is not None
    assert len(trials(kept, Search("random", 0))) >= 1
    assert all(incumbent.seconds <= 0.5 for incumbent in result.traces[0].incumbents)


def test_search_of_another_task_is_refused(kept, tmp_path: Path) -> None:
    run(kept, tmp_path, Plan(samplers=("random",), budget=1, n_repetitions=1, n_seeds=1))
    with pytest.raises(UserError, match="n_timesteps 200, this command asks for 100"):
        run(kept, tmp_path, task=FakeTask(n_timesteps=100))


def test_promotion_spends_the_same_on_more_configurations(kept, tmp_path: Path) -> None:
    plan = Plan(samplers=("random",), pruner="promote", budget=3, n_repetitions=1, n_seeds=1)
    result = run(kept, tmp_path, plan)
    assert result is not None
    found = trials(kept, Search("random", 0))
    assert len(found) > 4
    assert any(trial.state == TrialState.COMPLETE for trial in found)
    assert result.traces[0].incumbents


def test_incumbents_are_no_more_than_asked_for(kept, tmp_path: Path, capsys) -> None:
    plan = Plan(samplers=("random",), budget=4, n_repetitions=1, n_seeds=1)
    result = run(kept, tmp_path, plan, max_incumbents=2)
    assert result is not None
    assert len(result.traces[0].incumbents) <= 2
    assert "fresh seed" in capsys.readouterr().out


class WatchedDisplay(Display):
    """Remembers how far it was told that the searches are."""

    def __init__(self, *, shows_progress: bool) -> None:
        super().__init__()
        self._shows_progress = shows_progress
        self.told: list[str] = []

    @property
    def shows_progress(self) -> bool:
        return self._shows_progress

    def progress(self, completed: float, status: str) -> None:
        if "searches over" in status:
            self.told.append(f"{completed:g} {status}")


@pytest.mark.parametrize(
    ("shows_progress", "told"),
    [(True, ["0 % of a search, 0 of 1 searches over", "100 % of a search, 1 of 1 searches over"]), (False, [])],
)
def test_a_bar_follows_the_searches(shows_progress: bool, told: list[str], kept, tmp_path: Path) -> None:
    display = WatchedDisplay(shows_progress=shows_progress)
    plan = Plan(samplers=("random",), budget=1, n_repetitions=1, n_seeds=1, seed=1)
    run(kept, tmp_path, plan, display=display)
    assert display.told == told
