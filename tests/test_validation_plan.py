from __future__ import annotations

from types import SimpleNamespace

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sb3_hpo.candidates import Candidate
from sb3_hpo.choice_size import ChoiceSize
from sb3_hpo.comparison import MIN_SEEDS_FOR_A_VERDICT
from sb3_hpo.display import Display
from sb3_hpo.interruption import Deadline
from sb3_hpo.judging import Judging, choice_size_of
from sb3_hpo.settings import TuningSettings
from sb3_hpo.trial_attributes import RUNS
from sb3_hpo.validation_plan import ValidationPlan

FULL = ValidationPlan(n_finalists=8, n_selection_trainings=15, n_seeds=10)


@pytest.mark.parametrize(
    ("n_trainings", "expected"),
    [
        (100, FULL),
        (35, FULL),
        (30, ValidationPlan(8, 10, 10)),
        (20, ValidationPlan(8, 6, 7)),
        (12, ValidationPlan(8, 4, 4)),
        (10, ValidationPlan(8, 2, 4)),
        # One training would compare with nothing.
        (9, ValidationPlan(1, 0, 4)),
        (3, ValidationPlan(1, 0, MIN_SEEDS_FOR_A_VERDICT)),
        (0, ValidationPlan(1, 0, MIN_SEEDS_FOR_A_VERDICT)),
    ],
)
def test_a_plan_is_cut_down_so_that_a_verdict_is_reached(n_trainings, expected):
    assert FULL.within(n_trainings) == expected


@pytest.mark.parametrize(
    ("n_trainings", "expected"),
    [
        (35, FULL),
        (30, ValidationPlan(8, 15, 7)),
        (22, ValidationPlan(8, 12, 5)),
        (12, ValidationPlan(8, 4, 4)),
        (9, ValidationPlan(1, 0, 4)),
    ],
)
def test_finalists_that_the_search_has_not_told_apart_get_more_of_it(n_trainings, expected):
    assert FULL.within(n_trainings, in_a_tie=True) == expected


def test_the_default_alone_is_left_as_it_is():
    alone = ValidationPlan(0, 0, 10)
    assert alone.n_trainings == 10
    assert alone.within(3) == alone


@given(st.integers(1, 8), st.integers(0, 10), st.integers(1, 30), st.integers(0, 400), st.booleans())
def test_it_fits_whenever_a_verdict_does_and_never_grows(n_finalists, n_selection, n_seeds, n_trainings, in_a_tie):
    plan = ValidationPlan(n_finalists, n_selection, n_seeds)
    cut = plan.within(n_trainings, in_a_tie=in_a_tie)
    assert cut.n_finalists <= plan.n_finalists
    assert cut.n_selection_trainings <= plan.n_selection_trainings
    assert cut.n_seeds <= plan.n_seeds
    if n_trainings >= 2 * MIN_SEEDS_FOR_A_VERDICT:
        assert cut.n_trainings <= n_trainings


@pytest.mark.parametrize(
    ("scores", "seconds", "expected"),
    [
        ((3.0, 2.0, 2.0), 590.0, ValidationPlan(3, 2, 4)),
        ((3.0, 2.0, 2.0), 610.0, ValidationPlan(3, 4, 4)),
        ((3.0, 2.0, 2.0), 1110.0, ValidationPlan(3, 8, 7)),
        ((3.0, 3.0, 2.0), 1110.0, ValidationPlan(3, 12, 5)),
        ((3.0, 2.0, 2.0), 1e6, ValidationPlan(3, 15, 10)),
        # Two finalists have no more trainings than selection seeds for each.
        ((3.0, 2.0), 1e6, ValidationPlan(2, 10, 10)),
    ],
)
def test_what_cannot_end_in_time_is_not_planned(monkeypatch, task, scores, seconds, expected):
    """Two workers have time for five rounds of 100 s in 590 s, so for ten trainings, not for eleven."""
    monkeypatch.setattr("sb3_hpo.judging._seconds_each", lambda study, candidates: 100.0)
    storage = optuna.storages.InMemoryStorage()
    judging = Judging(task, TuningSettings(), storage, Display(), SimpleNamespace(n_workers=2))
    candidates = [Candidate(None, None, {}, is_default=True), *(Candidate(1, s, {}, is_default=False) for s in scores)]
    size = ChoiceSize(8, 5, 15)
    assert judging._plan(optuna.create_study(), candidates, Deadline(seconds), size) == expected


@pytest.mark.parametrize(
    ("n_searched", "n_finalists", "expected"),
    [(20, 12, ValidationPlan(12, 15, 10)), (160, 12, ValidationPlan(12, 40, 10)), (160, 2, ValidationPlan(2, 26, 10))],
)
def test_the_larger_the_search_the_more_chooses(task, n_searched: int, n_finalists: int, expected: ValidationPlan):
    """What 160 trainings have found is chosen among by 40, a fifth of both, on up to 13 seeds for each."""
    study = optuna.create_study()
    n_timesteps = task.configuration["n_timesteps"]
    for resumed_at in (0, n_timesteps // 2):  # The second one trained the other half.
        runs = [{"n_timesteps": n_timesteps, "resumed_at": resumed_at, "seconds": 1.0}] * (2 * n_searched // 3)
        study.add_trial(optuna.create_trial(value=1.0, user_attrs={RUNS: runs}))
    candidates = [Candidate(1, 1.0, {"n": n}, is_default=n == 0) for n in range(1 + n_finalists)]
    judging = Judging(task, TuningSettings(), optuna.storages.InMemoryStorage(), Display())
    size = choice_size_of(study, task, TuningSettings())
    assert judging._plan(study, candidates, Deadline(None), size) == expected
