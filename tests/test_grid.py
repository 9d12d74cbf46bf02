from __future__ import annotations

import multiprocessing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.samplers._brute_force import _enumerate_candidates
from optuna.trial import TrialState

from sb3_hpo.errors import UserError
from sb3_hpo.grid import Grid, describe, grid_cost, grid_of, grid_of_everything
from sb3_hpo.grid_sampler import GridSampler
from sb3_hpo.parameter import Parameter
from sb3_hpo.samplers import SamplingContext, create_sampler
from sb3_hpo.search_space import SearchSpace
from sb3_hpo.storage import open_storage
from sb3_hpo.trial_attributes import FAILURE, TrialInterruptedError
from tests.curves import FINITE, SMALL
from tests.tasks import SPACE

if TYPE_CHECKING:
    from pathlib import Path

TEN_TIMES_TEN = SearchSpace(tuple(Parameter(f"p{i}", IntDistribution(1, 10), f"p{i}", "a test", 1) for i in range(10)))


def one_float(low: float, high: float, step: float) -> SearchSpace:
    """A space of one parameter that moves in steps."""
    return SearchSpace((Parameter("x", FloatDistribution(low, high, step=step), "x", "a test", low),))


def values_of(grid: Grid) -> list[Any]:
    return [grid.point(number)["x"] for number in range(grid.n_points)]


def key(trial: optuna.trial.FrozenTrial) -> tuple:
    return tuple(sorted(trial.params.items()))


def create_study(storage: optuna.storages.BaseStorage, points: Any = 3, space: SearchSpace = FINITE) -> optuna.Study:
    return optuna.create_study(
        storage=storage, study_name="s", load_if_exists=True, sampler=GridSampler(grid_of(space, points), seed=5)
    )


def test_ten_parameters_of_ten_values_take_longer_than_anyone_lives() -> None:
    grid = grid_of(TEN_TIMES_TEN, 10)
    assert grid.n_points == 10**10
    assert grid_cost(grid.n_points, 600) == "190,258 years"


def test_size_and_cost_are_stated_in_one_line() -> None:
    text = describe("grid", grid_of(TEN_TIMES_TEN, 10), n_seeds=1, n_timesteps=50_000, seconds_per_training=None)
    assert text.startswith("sampler grid: 10,000,000,000 points (p0 10, p1 10,")
    assert "10,000,000,000 trainings of 50,000 environment steps" in text
    assert text.endswith("190,258 years at 10 minutes a training, if it took that long")
    timed = describe("grid", grid_of(SPACE), n_seeds=2, n_timesteps=100, seconds_per_training=90.0)
    assert "18 points (learning_rate 3, one_minus_gamma 3, n_steps 2), 36 trainings of 100 environment steps" in timed
    assert timed.endswith("54 minutes at 1 minute a training, as the ones so far took")


@pytest.mark.parametrize("space", [SPACE, SMALL, FINITE])
def test_every_point_has_its_number(space: SearchSpace) -> None:
    grid = grid_of(space, 4)
    points = [grid.point(number) for number in range(grid.n_points)]
    assert len({tuple(point.items()) for point in points}) == grid.n_points
    assert [grid.number_of(point) for point in points] == list(range(grid.n_points))
    for point in points:
        assert space.to_hyperparams(point)
        assert ("slope" in point) == (point.get("kind") == "b")


def test_params_off_the_grid_have_no_number() -> None:
    grid = grid_of(FINITE, 2)
    on = {"steps": 0.0, "width": 4, "kind": "a"}
    assert grid.number_of(on) is not None
    for off in ({**on, "width": 3}, {**on, "slope": 1}, {**on, "kind": "b"}, {**on, "more": 1}, {}):
        assert grid.number_of(off) is None


def test_points_may_be_chosen_for_each_parameter() -> None:
    grid = grid_of(SPACE, {"learning_rate": [1e-4, 1e-3], "one_minus_gamma": 2})
    assert grid.shape == {"learning_rate": 2, "one_minus_gamma": 2, "n_steps": 2}
    assert {grid.point(n)["learning_rate"] for n in range(8)} == {1e-4, 1e-3}


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (1, "points of learning_rate is 1, it must be a number from 2 on"),
        (True, "points of learning_rate is True"),
        (2.5, "points of learning_rate is 2.5"),
        ("3", "points of learning_rate is '3'"),
        ({"learning_rat": 3}, "unknown parameter in points 'learning_rat': did you mean 'learning_rate'"),
        ({"learning_rate": [1.0]}, "points of learning_rate 1.0 is outside"),
        ({"learning_rate": []}, "must have at least one value"),
    ],
)
def test_bad_points_are_refused(points: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        grid_of(SPACE, points)


@pytest.mark.parametrize(
    ("low", "high", "step", "expected"),
    [
        (0.1, 0.5, 0.1, [0.1, 0.2, 0.3, 0.4, 0.5]),
        (0.0, 1.0, 0.1, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (0.9, 0.99, 0.01, [0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99]),
        (-1.5, 1.5, 1.5, [-1.5, 0.0, 1.5]),
        (0.3, 0.3, 0.1, [0.3]),
    ],
)
def test_brute_force_with_a_float_that_moves_in_steps_ends(
    low: float, high: float, step: float, expected: list[float]
) -> None:
    space = one_float(low, high, step)
    assert values_of(grid_of_everything(space)) == expected
    study = optuna.create_study(sampler=create_sampler("brute-force", SamplingContext(space, 0, 0, 1)))
    n_tried = 0
    while not study.sampler.is_exhausted(study) and n_tried <= len(expected):
        study.optimize(lambda trial: space.suggest(trial)["x"], n_trials=1)
        n_tried += 1
    assert sorted(trial.params["x"] for trial in study.trials) == expected


@given(
    low=st.integers(-2_000, 2_000),
    n_steps=st.integers(0, 200),
    step=st.integers(1, 2_000),
    places=st.integers(0, 6),
)
def test_every_value_is_one_that_optuna_tries(low: int, n_steps: int, step: int, places: int) -> None:
    def scaled(number: int) -> float:
        return float(Decimal(number).scaleb(-places))

    space = one_float(scaled(low), scaled(low + n_steps * step), scaled(step))
    d = space["x"].distribution
    grid = grid_of_everything(space)
    assert values_of(grid) == list(_enumerate_candidates(d.low, d.high, d.step))
    assert [grid.number_of({"x": value}) for value in values_of(grid)] == list(range(n_steps + 1))


def test_huge_grid_is_sampled_without_being_built() -> None:
    study = create_study(optuna.storages.InMemoryStorage(), 10, TEN_TIMES_TEN)
    study.optimize(lambda trial: float(sum(TEN_TIMES_TEN.suggest(trial).values())), n_trials=20)
    assert len({key(trial) for trial in study.trials}) == 20
    assert all(len({trial.params[f"p{i}"] for trial in study.trials}) >= 3 for i in range(10))


def test_grid_ends_by_itself_and_resumes_without_a_repeat() -> None:
    storage = optuna.storages.InMemoryStorage()
    for n_trials in (5, 7, None):
        study = create_study(storage)
        study.optimize(lambda trial: float(FINITE.suggest(trial)["width"]), n_trials=n_trials)
    assert len(study.trials) == len({key(trial) for trial in study.trials}) == 3 * 3 * (1 + 2)
    assert study.sampler.is_exhausted(study)


def test_enqueued_trial_is_not_repeated() -> None:
    study = create_study(optuna.storages.InMemoryStorage())
    study.enqueue_trial({"steps": 0.5, "width": 1, "kind": "a"})
    study.enqueue_trial({"steps": 0.5, "width": 3, "kind": "a"})
    study.optimize(lambda trial: float(FINITE.suggest(trial)["width"]))
    on_grid = [trial for trial in study.trials if trial.params["width"] != 3]
    assert len(on_grid) == len({key(trial) for trial in study.trials if trial.params["width"] != 3})
    assert len({key(trial) for trial in study.trials}) == len(study.trials)


def test_interrupted_point_comes_again_and_a_failed_one_does_not() -> None:
    storage = optuna.storages.InMemoryStorage()

    def objective(trial: optuna.Trial) -> float:
        FINITE.suggest(trial)
        if trial.number in (2, 4):
            error: Exception = TrialInterruptedError("x") if trial.number == 2 else ValueError("x")
            trial.set_user_attr(FAILURE, f"{type(error).__name__}: {error}")
            raise error
        return 0.0

    create_study(storage).optimize(objective, n_trials=10, catch=(Exception,))
    study = create_study(storage)
    study.optimize(objective)
    keys = [key(trial) for trial in study.trials]
    assert len(keys) == 27 + 1
    assert keys.count(keys[2]) == 2
    assert keys.count(keys[4]) == 1
    assert study.sampler.is_exhausted(study)


def test_hyperband_hides_no_trial_from_the_grid() -> None:
    study = create_study(optuna.storages.InMemoryStorage())
    study.pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9)
    study.optimize(lambda trial: float(FINITE.suggest(trial)["width"]))
    assert len(study.trials) == len({key(trial) for trial in study.trials}) == 27


def test_running_points_are_left_to_those_who_try_them() -> None:
    storage = optuna.storages.InMemoryStorage()
    studies = [create_study(storage), create_study(storage)]
    running = []
    for number in range(27):
        study = studies[number % 2]
        running.append((study, study.ask()))
    assert len({tuple(FINITE.suggest(trial).items()) for _, trial in running}) == 27
    assert studies[0].sampler.is_exhausted(studies[0])


def test_point_of_a_trial_that_has_just_begun_counts_as_taken() -> None:
    """Another process may look between the creation of a trial and the note of its point."""
    study = create_study(optuna.storages.InMemoryStorage())
    begun = study._storage.create_new_trial(study._study_id)
    study.optimize(lambda trial: float(FINITE.suggest(trial)["width"]))
    assert len(study.trials) == 27
    trial = optuna.Trial(study, begun)
    FINITE.suggest(trial)
    study.tell(trial.number, 0.0)
    assert len({key(trial) for trial in study.trials}) == 27


def test_trial_that_began_too_late_for_a_point_is_interrupted() -> None:
    study = create_study(optuna.storages.InMemoryStorage())
    trials = [study.ask() for _ in range(28)]
    with pytest.raises(TrialInterruptedError, match="every point of the grid is done or being tried"):
        FINITE.suggest(trials[-1])
    assert len({tuple(FINITE.suggest(trial).items()) for trial in trials[:-1]}) == 27


def _work(location: str) -> None:
    study = create_study(open_storage(location))
    # A process may ask for a trial just as the other one takes the last point; the search goes on after such a trial.
    study.optimize(lambda trial: float(FINITE.suggest(trial)["width"]), catch=(TrialInterruptedError,))


def test_two_processes_share_a_grid_without_a_repeat(tmp_path: Path) -> None:
    location = f"sqlite:///{tmp_path / 'study.db'}"
    create_study(open_storage(location))
    # Spawned, as a second command would be; forking a process that has threads is a warning.
    workers = [multiprocessing.get_context("spawn").Process(target=_work, args=(location,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    study = optuna.load_study(study_name="s", storage=location)
    assert [worker.exitcode for worker in workers] == [0, 0]
    done = study.get_trials(states=(TrialState.COMPLETE,))
    assert len(done) == len({key(trial) for trial in done}) == 27
    assert all(trial.params == {} for trial in study.trials if trial.state != TrialState.COMPLETE)
