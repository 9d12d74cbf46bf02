from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from rich.console import Console

from sb3_hpo.affordable import CONSTRAINT, VALIDATION_TIME
from sb3_hpo.choice_size import ChoiceSize
from sb3_hpo.display import Display
from sb3_hpo.errors import UserError
from sb3_hpo.search_clock import SearchClock
from sb3_hpo.seeds import selection_seeds
from sb3_hpo.settings import TuningSettings
from sb3_hpo.tuning import Tuning
from tests.tasks import SPACE, FakeTask

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.storages import BaseStorage

SHORT = {"n_evaluations": 2, "n_eval_episodes": 1, "n_validation_seeds": 0, "study_name": "s", "pruner": "none"}


def tune(storage: BaseStorage, folder: Path, *, began: float | None = None, **options: Any) -> tuple[str, FakeTask]:
    """Tune, and return what was shown."""
    shown = io.StringIO()
    task = FakeTask(20)
    settings = TuningSettings(**{**SHORT, **options}, log_folder=str(folder))
    display = Display(Console(file=shown, width=400))
    assert Tuning(task, SPACE, settings, storage, display, began=began).run() == 0
    return shown.getvalue(), task


def test_grid_states_its_size_before_the_first_training(storage: BaseStorage, tmp_path: Path) -> None:
    shown, _ = tune(storage, tmp_path, sampler="grid", n_trials=2)
    size = "sampler grid: 18 points (learning_rate 3, one_minus_gamma 3, n_steps 2), 18 trainings of 20 environment"
    assert size in shown
    assert "3 hours at 10 minutes a training, if it took that long" in shown
    assert shown.index(size) < shown.index("trial 0")
    again, _ = tune(storage, tmp_path, sampler="grid", n_trials=1)
    assert "as the ones so far took" in again


def test_grid_ends_by_itself_and_is_not_begun_again(storage: BaseStorage, tmp_path: Path) -> None:
    options = {"sampler": "grid", "sampler_kwargs": {"points": {"learning_rate": 2, "one_minus_gamma": [0.01]}}}
    tune(storage, tmp_path, **options, n_trials=2)
    tune(storage, tmp_path, **options)
    study = optuna.load_study(study_name="s", storage=storage)
    # The default configuration, which is off the grid, and the grid.
    assert len(study.trials) == 1 + 2 * 2
    assert len({tuple(trial.params.items()) for trial in study.trials}) == 5
    _, task = tune(storage, tmp_path, **options)
    assert task.trained == []


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({"timeout": 60.0, "n_trials": 1, "n_validation_seeds": 2}, 0.5 * 60.0),
        ({"timeout": 60.0, "n_trials": 1}, None),
        ({"n_trials": 1, "n_validation_seeds": 2}, None),
    ],
)
def test_study_knows_what_a_training_may_cost(
    storage: BaseStorage, tmp_path: Path, options: dict, seconds: float | None
) -> None:
    tune(storage, tmp_path, sampler="random", **options)
    study = optuna.load_study(study_name="s", storage=storage)
    time = study.user_attrs[VALIDATION_TIME]
    assert (None if time is None else time["seconds"]) == (
        None if seconds is None else pytest.approx(seconds, rel=0.05)
    )
    assert [CONSTRAINT in trial.constraints for trial in study.trials] == [seconds is not None]
    # A later command without a limit takes it back.
    tune(storage, tmp_path, sampler="random", n_trials=1)
    study = optuna.load_study(study_name="s", storage=storage)
    assert study.user_attrs[VALIDATION_TIME] is None
    assert study.trials[-1].constraints == {}


def test_a_hundredth_of_the_time_is_for_start_and_report(storage: BaseStorage, tmp_path: Path) -> None:
    tune(storage, tmp_path, sampler="random", timeout=60_000.0, n_trials=1, n_validation_seeds=2)
    study = optuna.load_study(study_name="s", storage=storage)
    assert study.user_attrs[VALIDATION_TIME]["seconds"] == pytest.approx(0.5 * 59_400.0, abs=50.0)


@pytest.mark.parametrize(("gone", "left"), [(500.0, 59_400.0 - 500.0), (7_000.0, 59_400.0 - 6_000.0)])
def test_what_comes_before_the_first_training_counts_up_to_a_tenth(
    storage: BaseStorage, tmp_path: Path, gone: float, left: float
) -> None:
    began = time.monotonic() - gone
    tune(storage, tmp_path, began=began, sampler="random", timeout=60_000.0, n_trials=1, n_validation_seeds=2)
    study = optuna.load_study(study_name="s", storage=storage)
    assert study.user_attrs[VALIDATION_TIME]["seconds"] == pytest.approx(0.5 * left, abs=50.0)


@pytest.mark.parametrize(("timeout", "is_told"), [(1e-3, True), (60.0, False), (None, False)])
def test_time_too_short_for_a_verdict_is_told_after_the_first_training(
    storage: BaseStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timeout: float | None, is_told: bool
) -> None:
    # So that what is too short for validation is long enough for a trial.
    monkeypatch.setattr(SearchClock, "is_over", False)
    shown, _ = tune(storage, tmp_path, sampler="random", timeout=timeout, n_trials=1, n_validation_seeds=10)
    note = "validation can do none of the 8 that it takes to compare two on 4 seeds"
    assert (note in shown) == is_told
    if is_told:
        assert shown.index("trial 0") < shown.index(note) < shown.index("Trained again")


@pytest.mark.parametrize("budget", [{}, {"timeout": 60.0}])
def test_large_grid_needs_a_number_of_trials_or_a_yes(storage: BaseStorage, tmp_path: Path, budget: dict) -> None:
    with pytest.raises(UserError) as caught:
        tune(storage, tmp_path, sampler="grid", sampler_kwargs={"points": 50}, **budget)
    message = str(caught.value)
    assert "5,000 points" in message
    assert "34 days at 10 minutes a training" in message
    assert "--n-trials" in message
    assert "--yes" in message
    assert optuna.get_all_study_names(storage) == []


@pytest.mark.parametrize("bound", [{"n_trials": 2}, {"max_total_trials": 2}, {"n_trials": 2, "yes": True}])
def test_large_grid_runs_with_a_bound(storage: BaseStorage, tmp_path: Path, bound: dict) -> None:
    tune(storage, tmp_path, sampler="grid", sampler_kwargs={"points": 50}, **bound)
    assert len(optuna.load_study(study_name="s", storage=storage).trials) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pruner": "wilcoxon", "n_seeds": 3}, "n_seeds is 3"),
        ({"pruner": "halving", "n_evaluations": 1}, "n_evaluations is 1"),
        ({"sampler": "tpe", "sampler_kwargs": {"n_ei_candidate": 3}}, "did you mean 'n_ei_candidates'"),
        ({"pruner": "median", "pruner_kwargs": {"n_warmup_step": 3}}, "did you mean 'n_warmup_steps'"),
        ({"sampler": "brute-force"}, "no end for learning_rate"),
    ],
)
def test_what_cannot_work_leaves_no_study_behind(
    storage: BaseStorage, tmp_path: Path, options: dict, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        tune(storage, tmp_path, **options, n_trials=1)
    assert optuna.get_all_study_names(storage) == []


def test_more_trainings_choose_the_larger_the_search(storage: BaseStorage, tmp_path: Path, monkeypatch) -> None:
    """Of 32 trainings 24 are the search: a fifth chooses, twice as many as one validation seed alone would have."""
    n_seeds: list[int] = []

    def listening(seed: int, n: int, *, never: list[int]) -> list[int]:
        n_seeds.append(n)
        return selection_seeds(seed, n, never=never)

    monkeypatch.setattr("sb3_hpo.judging.selection_seeds", listening)
    shown, _ = tune(storage, tmp_path, sampler="random", n_trials=24, n_validation_seeds=1, n_validation_episodes=1)
    assert "6 trainings to choose among 16 finalists" in shown
    validation = optuna.load_study(study_name="s-validation", storage=storage)
    assert len(validation.trials) == 6 + 2
    assert n_seeds == [2]


def test_what_the_clock_has_kept_time_for_chooses(storage: BaseStorage, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(SearchClock, "choice_size", ChoiceSize(2, 1, 2))
    shown, _ = tune(storage, tmp_path, sampler="random", n_trials=4, n_validation_seeds=1, n_validation_episodes=1)
    assert "2 trainings to choose among 2 finalists" in shown
