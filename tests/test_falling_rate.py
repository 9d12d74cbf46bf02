from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.samplers import RandomSampler

from sb3_hpo.falling_rate import SHARE, FallingRate, schedules_of_rate, share_of_falling, with_falling_rate
from sb3_hpo.samplers import SamplingContext, create_sampler
from sb3_hpo.search_space import SearchSpace
from sb3_hpo.settings import TuningSettings
from sb3_hpo.spaces.common import schedule
from sb3_hpo.spaces.dqn import SPACE as DQN_SPACE
from sb3_hpo.spaces.ppo import SPACE as PPO_SPACE
from sb3_hpo.study import open_study
from tests.tasks import SPACE as WITHOUT
from tests.tasks import FakeTask

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

SPACE = SearchSpace((*WITHOUT, schedule("lr_schedule", "learning_rate", 7e-4)))


def falling(trials: list[optuna.trial.FrozenTrial]) -> list[bool]:
    return [trial.params["lr_schedule"] == "linear" for trial in trials]


def run(
    sampler: optuna.samplers.BaseSampler, n_trials: int, *, best_is_constant: bool = False, pauses: bool = False
) -> list[bool]:
    """Whether the rate falls in each trial; it makes no difference to any, or is worse."""
    study = optuna.create_study(direction="maximize", sampler=sampler)

    def objective(trial: optuna.Trial) -> float:
        falls = SPACE.suggest(trial)["lr_schedule"] == "linear"
        value = -float(falls) if best_is_constant else trial.params["learning_rate"]
        if pauses:
            trial.report(value, 1)
            raise optuna.TrialPruned
        return value

    study.optimize(objective, n_trials=n_trials)
    return falling(study.trials)


@pytest.mark.parametrize("space", [DQN_SPACE, PPO_SPACE, SPACE])
def test_it_is_the_schedule_of_the_learning_rate(space: SearchSpace) -> None:
    # PPO has one of the clip range, too.
    assert schedules_of_rate(space) == {"lr_schedule"}


def test_a_schedule_that_leaves_no_choice_is_left_alone() -> None:
    *others, chosen = SPACE
    fixed = SearchSpace((*others, dataclasses.replace(chosen, distribution=CategoricalDistribution(["constant"]))))
    assert schedules_of_rate(fixed) == schedules_of_rate(WITHOUT) == frozenset()
    assert with_falling_rate({"learning_rate": 0.1, "lr_schedule": "constant"}, fixed) is None


def test_params_with_a_falling_rate_are_otherwise_the_same() -> None:
    params = {"learning_rate": 0.1, "lr_schedule": "constant"}
    assert with_falling_rate(params, SPACE) == {"learning_rate": 0.1, "lr_schedule": "linear"}
    assert params["lr_schedule"] == "constant"
    assert with_falling_rate({**params, "lr_schedule": "linear"}, SPACE) is None


def test_chance_draws_it_more_often() -> None:
    drawn = run(FallingRate(RandomSampler(seed=0), schedules_of_rate(SPACE), math.inf, 0), 400)
    assert sum(drawn) / len(drawn) == pytest.approx(SHARE, abs=0.06)
    assert drawn == run(FallingRate(RandomSampler(seed=0), schedules_of_rate(SPACE), math.inf, 0), 400)


@pytest.mark.parametrize("default", [None, {"learning_rate": 3e-4, "lr_schedule": "constant"}])
@pytest.mark.parametrize("n_startup_trials", [10_000, 0])
def test_tpe_draws_it_more_often_before_it_learns_and_where_it_does_not(
    default: dict | None, n_startup_trials: int
) -> None:
    context = SamplingContext(SPACE, 0, 0, n_startup_trials, default)
    drawn = run(create_sampler("tpe", context, {"random_fraction": 1.0}), 300)
    assert sum(drawn) / len(drawn) == pytest.approx(SHARE, abs=0.08)


def ended(*values_of: tuple[str, list[float]]) -> list[optuna.trial.FrozenTrial]:
    """Complete trials with a schedule each."""
    distributions = {"lr_schedule": CategoricalDistribution(["constant", "linear"])}
    return [
        optuna.create_trial(params={"lr_schedule": schedule}, distributions=distributions, value=value)
        for schedule, values in values_of
        for value in values
    ]


@pytest.mark.parametrize(
    "trials",
    [
        [],
        ended(("linear", [3.0, 1.0]), ("constant", [3.0, 1.0])),
        ended(("linear", [500.0] * 4), ("constant", [500.0] * 9)),
        ended(("constant", [500.0, 9.0, 9.0])),
    ],
    ids=["nothing", "as good", "all at the ceiling", "one alone"],
)
def test_where_neither_is_known_to_be_better_its_share_is_as_before(trials: list) -> None:
    assert share_of_falling("lr_schedule", trials) == pytest.approx(SHARE)


def test_the_share_follows_how_often_each_is_good() -> None:
    better = ended(("linear", [500.0] * 6), ("constant", [9.0] * 6))
    worse = ended(("linear", [9.0] * 12), ("constant", [500.0] * 12))
    # Of 12 trials 6 are good, so that of the 4 assumed ones 2 are.
    assert share_of_falling("lr_schedule", better) == pytest.approx(0.75 * 0.8 / (0.75 * 0.8 + 0.25 * 0.2))
    # Of 24 trials 12 are: half of those known and assumed.
    assert share_of_falling("lr_schedule", worse) == pytest.approx(0.75 * 2 / (0.75 * 2 + 0.25 * 14))


def test_a_quarter_of_the_trials_is_good() -> None:
    trials = ended(("linear", [8.0, 6.0, 4.0, 2.0]), ("constant", [7.0, 5.0, 3.0, 1.0]))
    # 8 and 7 are: one of each.
    assert share_of_falling("lr_schedule", trials) == pytest.approx(SHARE)
    assert share_of_falling("lr_schedule", [*trials, *ended(("linear", [9.0]))]) > SHARE


def test_tpe_learns_that_a_constant_rate_is_better() -> None:
    sampler = create_sampler("tpe", SamplingContext(SPACE, 0, 0, 10), {"random_fraction": 0.0})
    assert sum(run(sampler, 60, best_is_constant=True)[20:]) < 10


@pytest.mark.parametrize(("n_startup_trials", "random_fraction"), [(10_000, 0.0), (0, 1.0)])
def test_what_is_drawn_without_learning_does_not_learn_it_either(n_startup_trials: int, random_fraction: float) -> None:
    context = SamplingContext(SPACE, 0, 0, n_startup_trials)
    drawn = run(create_sampler("tpe", context, {"random_fraction": random_fraction}), 200, best_is_constant=True)
    assert sum(drawn) / len(drawn) == pytest.approx(SHARE, abs=0.08)


def test_it_does_not_learn_it_from_trainings_that_were_stopped() -> None:
    sampler = create_sampler("tpe", SamplingContext(SPACE, 0, 0, 10), {"random_fraction": 0.0})
    drawn = run(sampler, 200, best_is_constant=True, pauses=True)[10:]
    assert sum(drawn) / len(drawn) == pytest.approx(SHARE, abs=0.08)


def test_random_search_draws_both_alike() -> None:
    drawn = run(create_sampler("random", SamplingContext(SPACE, 0, 0, 10)), 400)
    assert sum(drawn) / len(drawn) == pytest.approx(0.5, abs=0.08)


def first_trials(storage: BaseStorage, learning_rate: object, **options: object) -> list[optuna.trial.FrozenTrial]:
    task = FakeTask()
    task.configuration = {**task.configuration, "learning_rate": learning_rate}
    study, _ = open_study(storage, "s", task, SPACE, TuningSettings(**options))
    for _ in study.trials:
        SPACE.suggest(study.ask())
    return study.trials


def test_the_default_with_a_falling_rate_is_tried(storage: BaseStorage) -> None:
    trials = first_trials(storage, 0.03)
    assert [trial.user_attrs["origin"] for trial in trials] == [
        "default configuration",
        "SB3's defaults",
        "default configuration with a falling learning rate",
    ]
    default, _, fallen = (SPACE.to_hyperparams(trial.params) for trial in trials)
    assert fallen == {**default, "learning_rate": "lin_0.03"}


@pytest.mark.parametrize(
    ("learning_rate", "options"),
    [("lin_0.03", {}), (0.03, {"n_trials": 2}), (0.03, {"sampler": "grid"}), (math.inf, {})],
)
def test_it_is_not_where_it_falls_already_or_the_budget_is_too_small(
    storage: BaseStorage, learning_rate: object, options: dict
) -> None:
    assert not any("falling" in trial.user_attrs["origin"] for trial in first_trials(storage, learning_rate, **options))
