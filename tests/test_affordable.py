from __future__ import annotations

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.affordable import (
    ABOVE_DEFAULT,
    CONSTRAINT,
    VALIDATION_TIME,
    constrain,
)
from sb3_hpo.display import Display
from sb3_hpo.interruption import Deadline
from sb3_hpo.objective import Objective
from sb3_hpo.promotion import PausingPruner, Rungs, next_promotion, waiting_to_go_on
from sb3_hpo.search_clock import MAX_VALIDATION_SHARE, SearchClock
from sb3_hpo.settings import TuningSettings
from sb3_hpo.training_seconds import expected_seconds
from sb3_hpo.trial_attributes import (
    DEFAULT_CONFIGURATION,
    ORIGIN,
    REASON,
    RUNS,
    SECONDS_AT,
    UNAFFORDABLE,
    is_affordable,
)
from tests.tasks import SPACE, FakeTask

N_EVALUATIONS = 4


@pytest.mark.parametrize(
    ("seconds_at", "seconds"),
    [
        ([2.0], 8.0),
        # The first steps learn nothing.
        ([1.0, 4.0], 10.0),
        ([1.0, 4.0, 7.0], 10.0),
        ([1.0, 4.0, 7.0, 9.0], 9.0),
    ],
)
def test_what_a_whole_training_takes_follows_from_its_second_half(seconds_at: list[float], seconds: float) -> None:
    assert expected_seconds(seconds_at, N_EVALUATIONS) == seconds


def run(*seconds_at: float) -> dict:
    return {SECONDS_AT: list(seconds_at), "planned_evaluations": N_EVALUATIONS}


def trial_of(study: optuna.Study, x: float, *seconds_at: float, origin: str | None = None) -> FrozenTrial:
    """A trial that paused at its first evaluation, or came as far as it has seconds."""
    study.enqueue_trial({"x": x}, user_attrs={} if origin is None else {ORIGIN: origin})
    trial = study.ask()
    trial.suggest_float("x", 0.0, 1.0)
    trial.report(x, 1)
    trial.should_prune()
    first = run(*seconds_at)
    constrain(trial, first)
    trial.set_user_attr(RUNS, [first])
    study.tell(trial, state=TrialState.PRUNED)
    return study.trials[-1]


def time_for(seconds: float | None, n_default_trainings: int = 1, n_finalist_trainings: int = 1) -> dict | None:
    if seconds is None:
        return None
    return {
        "seconds": seconds,
        "n_default_trainings": n_default_trainings,
        "n_finalist_trainings": n_finalist_trainings,
    }


def limited(seconds: float | None, n_default_trainings: int = 1, n_finalist_trainings: int = 1) -> optuna.Study:
    study = optuna.create_study(direction="maximize", pruner=PausingPruner(Rungs((1, 4))))
    study.set_user_attr(VALIDATION_TIME, time_for(seconds, n_default_trainings, n_finalist_trainings))
    return study


def test_a_trial_says_how_it_compares_with_what_is_affordable() -> None:
    study = limited(10.0)
    cheap, costly = trial_of(study, 0.1, 2.0), trial_of(study, 0.2, 5.0)
    assert cheap.constraints == {CONSTRAINT: pytest.approx(8.0 / 12.0 - 1.0)}
    assert is_affordable(cheap)
    assert UNAFFORDABLE not in cheap.user_attrs[RUNS][0]
    # No default was trained and few others were: what it takes itself is what is usual.
    assert is_affordable(costly)
    for i in range(4):
        trial_of(study, 0.3 + 0.1 * i, 2.0)
    costly = trial_of(study, 0.9, 5.0)
    assert costly.constraints == {CONSTRAINT: pytest.approx(20.0 / 12.0 - 1.0)}
    assert not is_affordable(costly)
    assert costly.user_attrs[RUNS][0][UNAFFORDABLE] == (
        "a whole training would take 20 s, more than the 12 s for which validation has time"
    )


@pytest.mark.parametrize(
    ("seconds", "n_default_trainings", "n_finalist_trainings"), [(200.0, 1, 1), (1000.0, 5, 5), (1960.0, 5, 11)]
)
def test_a_finalist_may_cost_what_the_default_leaves(
    seconds: float, n_default_trainings: int, n_finalist_trainings: int
) -> None:
    study = limited(seconds, n_default_trainings, n_finalist_trainings)
    trial_of(study, 0.5, 10.0, origin=DEFAULT_CONFIGURATION)
    assert is_affordable(trial_of(study, 0.6, 40.0))
    assert not is_affordable(trial_of(study, 0.7, 40.1))


def test_what_costs_as_much_as_the_default_is_affordable() -> None:
    study = limited(10.0)
    default = trial_of(study, 0.5, 30.0, origin=DEFAULT_CONFIGURATION)
    assert is_affordable(default)
    for _ in range(6):
        trial_of(study, 0.4, 1.0)
    assert is_affordable(trial_of(study, 0.6, ABOVE_DEFAULT * 30.0))
    assert not is_affordable(trial_of(study, 0.7, ABOVE_DEFAULT * 30.0 + 0.1))


def test_trainings_that_learn_nothing_at_first_do_not_say_what_the_default_takes() -> None:
    """Three of them take 60 times as long in all as to their second evaluation; the default 16 s."""
    study = limited(40.0)
    trial_of(study, 0.5, 4.0, 8.0, origin=DEFAULT_CONFIGURATION)
    for x in (0.1, 0.2, 0.3):
        trial_of(study, x, 0.1, 0.2, 6.0, 12.0)
    assert is_affordable(trial_of(study, 0.6, 6.0, 12.0))
    assert not is_affordable(trial_of(study, 0.7, 6.1, 12.2))


def test_what_the_default_takes_is_known_best_from_where_it_came_furthest() -> None:
    """Its first evaluation took 4 s, so 16 s in all; when it went on the second took 8 s, so 28 s in all."""
    study = limited(40.0)
    trial_of(study, 0.5, 4.0, origin=DEFAULT_CONFIGURATION)
    assert not is_affordable(trial_of(study, 0.6, 10.0))
    trial_of(study, 0.5, 4.0, 12.0)
    assert is_affordable(trial_of(study, 0.7, 10.0))


@pytest.mark.parametrize("affordable", [None, 0.001])
def test_without_a_limit_or_a_first_evaluation_nothing_is_constrained(affordable: float | None) -> None:
    study = limited(affordable)
    assert trial_of(study, 0.1, *([5.0] if affordable is None else [])).constraints == {}


def test_what_is_not_affordable_does_not_go_on_until_nothing_else_is_left() -> None:
    study = limited(10.0)
    for i in range(5):
        trial_of(study, 0.1 * i, 1.0)
    best = trial_of(study, 0.9, 50.0)
    assert not is_affordable(best)
    promoted = next_promotion(study.trials, study.pruner.rungs)
    assert promoted is not None
    assert promoted.params == {"x": 0.4}
    waiting = waiting_to_go_on(study.trials)
    assert [trial.params["x"] for trial in waiting] == pytest.approx([0.4, 0.3, 0.2, 0.1, 0.0, 0.9])


@pytest.mark.parametrize("is_limited", [True, False])
def test_tpe_learns_to_propose_what_is_affordable(is_limited: bool) -> None:
    """The score rises with the cost: without the constraint it goes for what is most costly."""
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.set_user_attr(VALIDATION_TIME, time_for(10.0 if is_limited else None))

    def objective(trial: optuna.Trial) -> float:
        cost = trial.suggest_float("cost", 1.0, 100.0, log=True)
        trial.suggest_float("other", 0.0, 1.0)
        first = run(*(cost * i / N_EVALUATIONS for i in range(1, 1 + N_EVALUATIONS)))
        constrain(trial, first)
        trial.set_user_attr(RUNS, [first])
        return cost

    study.enqueue_trial({"cost": 6.0}, user_attrs={ORIGIN: DEFAULT_CONFIGURATION})
    study.optimize(objective, n_trials=60)
    late = [trial.params["cost"] for trial in study.trials[30:]]
    assert (sum(late) / len(late) < 15.0) == is_limited


@pytest.mark.parametrize(
    ("options", "n_workers", "seconds", "n_default_trainings", "n_finalist_trainings"),
    [
        ({"timeout": 1200.0}, 2, 2 * 1200.0, 5, 11),
        ({"timeout": 1200.0, "n_finalists": 1}, 2, 2 * 1200.0, 5, 5),
        ({"timeout": 1200.0, "n_validation_seeds": 20}, 1, 1200.0, 5, 11),
        ({"timeout": 1200.0, "n_validation_seeds": 2}, 1, 1200.0, 2, 5),
    ],
)
def test_affordable_is_what_validation_has_time_for(
    options: dict, n_workers: int, seconds: float, n_default_trainings: int, n_finalist_trainings: int
) -> None:
    settings = TuningSettings(**options)
    clock = SearchClock(settings, Deadline(settings.timeout), n_workers)
    expected = time_for(
        pytest.approx(MAX_VALIDATION_SHARE * seconds, abs=0.1), n_default_trainings, n_finalist_trainings
    )
    assert clock.validation_time == expected


@pytest.mark.parametrize("options", [{"timeout": 1200.0, "n_validation_seeds": 0}, {"n_trials": 10}])
def test_nothing_limits_it_without_a_limit_or_a_validation(options: dict) -> None:
    settings = TuningSettings(**options)
    assert SearchClock(settings, Deadline(settings.timeout)).validation_time is None


@pytest.mark.parametrize(
    ("options", "is_constrained"),
    [({}, True), ({"sampler": "gp"}, False), ({"max_trial_cost": None}, False), ({"n_seeds": 2}, True)],
)
def test_trainings_are_constrained(
    task: FakeTask, options: dict, is_constrained: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    study = limited(1e-6)
    study.pruner = PausingPruner(Rungs((50, 200)))
    for i in range(6):
        study.add_trial(
            optuna.create_trial(
                state=TrialState.PRUNED,
                params={"x": float(i)},
                distributions={"x": optuna.distributions.FloatDistribution(0.0, 10.0)},
                user_attrs={RUNS: [run(1e-9, 2e-9)]},
            )
        )
    seeds = [1, 2][: options.get("n_seeds", 1)]
    settings = TuningSettings(n_evaluations=N_EVALUATIONS, n_eval_episodes=1, **options)
    study.optimize(Objective(task, SPACE, settings, seeds), n_trials=1)
    trial = study.trials[-1]
    assert set(trial.constraints) == ({CONSTRAINT} if is_constrained else set())
    assert is_affordable(trial) != is_constrained
    assert ("for which validation has time" in trial.user_attrs[REASON]) == is_constrained
    Display().trial_finished(trial)
    assert ("too costly to go on" in capsys.readouterr().out) == is_constrained
