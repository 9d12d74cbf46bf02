from __future__ import annotations

import itertools
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from sb3_hpo.display import Display
from sb3_hpo.errors import UserError
from sb3_hpo.objective import Objective
from sb3_hpo.promotion import PAUSED, PausingPruner, Rungs
from sb3_hpo.settings import TuningSettings
from sb3_hpo.training_time import ENVIRONMENT, EVALUATION, GRADIENT_STEPS, STORAGE
from sb3_hpo.trial_attributes import COSTLY, FINAL_RETURNS, RUNS, SECONDS_AT, SECONDS_BY_PART
from sb3_hpo.trial_cost import MAX_TRAININGS, TrialCost, median_seconds
from tests.tasks import SPACE, FakeTask

if TYPE_CHECKING:
    from collections.abc import Sequence


X = FloatDistribution(0.0, 1e6)
_number = itertools.count()


def trial(*seconds_at: float, x: float | None = None) -> FrozenTrial:
    """A trial of a configuration of its own, unless one is named."""
    params = {"x": float(next(_number)) if x is None else x}
    attrs = {RUNS: [{SECONDS_AT: list(seconds_at)}]}
    return create_trial(state=TrialState.PRUNED, params=params, distributions={"x": X}, user_attrs=attrs)


def test_median_is_of_all_configurations_each_as_the_others_grew() -> None:
    trials = [trial(9.0, 99.0), *(trial(1.0, seconds) for seconds in (3.0, 5.0, 4.0, 8.0)), trial(2.0), trial()]
    assert median_seconds(trials, 1) == 1.0
    # 99, 3, 5, 4, 8, and 10 for the one that stopped after 2 seconds: the others grew 5 times, in the median.
    assert median_seconds(trials, 2) == 6.5
    # None came as far: twice as many evaluations are twice the seconds.
    assert median_seconds(trials, 4) == 13.0
    assert median_seconds(trials[2:], 1) is None


def test_cheap_first_steps_do_not_make_the_later_ones_cheap() -> None:
    """An off-policy training learns nothing in its first steps."""
    stopped = [trial(2.0) for _ in range(9)]
    went_on = [trial(2.0, 8.0, 14.0), trial(2.0, 7.0)]
    assert median_seconds([*stopped, *went_on], 2) == 7.5
    assert median_seconds([*stopped, *went_on], 3) == 14.0


def test_what_the_search_has_settled_on_does_not_raise_the_bar() -> None:
    cheap = [trial(1.0) for _ in range(6)]
    costly = [trial(*(9.0 * i for i in range(1, n)), x=x) for n in (1, 2, 4, 8) for x in (0.1, 0.2, 0.3, 0.4, 0.5)]
    assert median_seconds([*cheap, *costly], 6) == 6.0


def test_only_the_latest_configurations_count() -> None:
    trials = [trial(9.0) for _ in range(MAX_TRAININGS)] + [trial(1.0) for _ in range(MAX_TRAININGS)]
    assert median_seconds(trials, 1) == 1.0


def attach(cost: TrialCost) -> None:
    cost.parent, cost.model = SimpleNamespace(storage_seconds=0.0), SimpleNamespace(num_timesteps=0)


def stopped_at(
    max_cost: float | None, seconds: Sequence[float], monkeypatch: pytest.MonkeyPatch, *, storage: float = 0.0
) -> int | None:
    """The evaluation at which a training is stopped that takes so many seconds to each; the others take 4 each."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    others = [trial(*(4.0 * i for i in range(1, 10))) for _ in range(5)]
    cost = TrialCost(max_cost, others)
    attach(cost)
    for i, length in enumerate(seconds, start=1):
        now += length
        cost.parent.storage_seconds += storage
        if not cost.on_step():
            assert f"until evaluation {i}, " in str(cost.reason)
            return i
        assert cost.reason is None
    return None


@pytest.mark.parametrize(
    ("max_cost", "seconds", "evaluation"),
    [
        (5.0, [4.0, 4.0, 4.0], None),
        (5.0, [20.0, 20.0, 20.0], None),
        (5.0, [20.1], 1),
        (5.0, [4.0, 36.1], 2),
        (None, [1e9], None),
        # Less than ten seconds more than the others is never worth it.
        (2.0, [13.9], None),
        (2.0, [14.1], 1),
    ],
)
def test_a_training_is_stopped_at_a_multiple_of_the_median(max_cost, seconds, evaluation, monkeypatch) -> None:
    assert stopped_at(max_cost, seconds, monkeypatch) == evaluation


def test_waiting_for_the_storage_is_no_cost(monkeypatch) -> None:
    assert stopped_at(5.0, [21.0] * 3, monkeypatch, storage=2.0) is None


def test_a_training_that_goes_on_counts_what_it_had_cost(monkeypatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    cost = TrialCost(5.0, [trial(1.0, 2.0) for _ in range(5)], [30.0])
    attach(cost)
    assert not cost.on_step()
    assert cost.seconds_at == [30.0, 30.0]


def test_a_costly_trial_is_pruned_and_neither_paused_nor_judged(task: FakeTask, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sb3_hpo.trial_cost.MIN_EXCESS_S", 0.0)
    study = optuna.create_study(direction="maximize", pruner=PausingPruner(Rungs((50, 200))))
    for _ in range(5):
        study.add_trial(trial(*[1e-9] * 4))
    settings = TuningSettings(n_evaluations=4, n_eval_episodes=1)
    study.optimize(Objective(task, SPACE, settings, [1]), n_trials=1)
    costly = study.trials[-1]
    assert (costly.state, list(costly.intermediate_values)) == (TrialState.PRUNED, [50])
    assert PAUSED not in costly.system_attrs
    run = costly.user_attrs[RUNS][0]
    assert "times the median of the others (--max-trial-cost)" in run[COSTLY]
    assert FINAL_RETURNS not in run
    Display().trial_finished(costly)
    assert "trial 5    costly" in capsys.readouterr().out


def test_the_parts_of_a_training_add_up(study: optuna.Study, task: FakeTask) -> None:
    settings = TuningSettings(n_evaluations=4, n_eval_episodes=1)
    started = time.monotonic()
    study.optimize(Objective(task, SPACE, settings, [1]), n_trials=1)
    seconds = time.monotonic() - started
    run = study.trials[0].user_attrs[RUNS][0]
    assert list(run[SECONDS_BY_PART]) == [ENVIRONMENT, GRADIENT_STEPS, EVALUATION, STORAGE]
    assert all(run[SECONDS_BY_PART][part] > 0.0 for part in (ENVIRONMENT, GRADIENT_STEPS, EVALUATION))
    assert sum(run[SECONDS_BY_PART].values()) <= run["seconds"] + 0.01 <= seconds + 0.02
    assert len(run[SECONDS_AT]) == 4
    assert run[SECONDS_AT] == sorted(run[SECONDS_AT])


@pytest.mark.parametrize("value", [1.0, 0, -3.0, float("nan")])
def test_a_cost_that_everything_exceeds_is_refused(value: float) -> None:
    with pytest.raises(UserError, match=r"max_trial_cost is .* above 1; none to stop nothing"):
        TuningSettings(max_trial_cost=value)
