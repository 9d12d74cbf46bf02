"""Searches on a small table, through the project's own objective and search."""

from __future__ import annotations

import dataclasses

import numpy as np
import optuna
import pytest

from sb3_hpo.comparing.plan import Plan, Search
from sb3_hpo.comparing.table_searches import compare_on_table, search_table
from sb3_hpo.errors import UserError
from sb3_hpo.tables.curve_table import CurveTable

N_EVALUATIONS = 20


@pytest.fixture(autouse=True)
def verbosity():
    before = optuna.logging.get_verbosity()
    yield
    optuna.logging.set_verbosity(before)


def make_table(n_seeds: int = 3, *, is_grid: bool = True) -> CurveTable:
    """24 configurations, the better the larger the product of their columns."""
    x, y = (values.ravel() for values in np.meshgrid(np.arange(6.0), np.arange(4.0), indexing="ij"))
    noise = np.random.default_rng(0).normal(0.0, 0.05, (24, n_seeds, N_EVALUATIONS))
    curves = (x * y)[:, None, None] * np.linspace(0.1, 1.0, N_EVALUATIONS) + noise
    seconds = np.broadcast_to(np.arange(1.0, N_EVALUATIONS + 1), curves.shape)
    if not is_grid:
        x, y, curves, seconds = x[1:], y[1:], curves[1:], seconds[1:]
    return CurveTable({"x": x, "y": y}, curves, curves[:, :, -3:].mean(axis=2), seconds)


PLAN = Plan(budget=6, n_repetitions=3, seed=1)


def test_same_seed_gives_the_same_searches_and_another_one_others() -> None:
    table = make_table()
    for sampler in PLAN.samplers:
        search = Search(sampler, 1)
        assert search_table(table, PLAN, search) == search_table(table, PLAN, search)
        assert search_table(table, PLAN, search) != search_table(table, dataclasses.replace(PLAN, seed=2), search)


def test_result_does_not_depend_on_the_number_of_processes() -> None:
    table = make_table()
    told: list[str] = []
    alone = compare_on_table(table, "small", PLAN, 1, lambda trace: told.append(trace.search.name))
    shared = compare_on_table(table, "small", PLAN, 2, lambda trace: None)
    assert alone.as_mapping() == shared.as_mapping()
    assert told == [search.name for search in PLAN.searches]


@pytest.mark.parametrize("pruner", ["none", "promote"])
def test_budget_is_spent_and_not_exceeded(pruner: str) -> None:
    table = make_table()
    for sampler in PLAN.samplers:
        trace = search_table(table, dataclasses.replace(PLAN, pruner=pruner), Search(sampler, 0))
        assert trace.steps <= 6 * N_EVALUATIONS
        # With a pruner, where all of a small table was tried, a search ends by itself.
        assert trace.steps == 6 * N_EVALUATIONS or pruner == "promote"
        # A second for each evaluation.
        assert trace.seconds == trace.steps
        assert trace.incumbents
        assert trace.n_trials == 6 if (pruner, sampler) == ("none", "grid") else trace.n_trials >= 6


def test_what_a_search_meets_again_costs_nothing() -> None:
    table = make_table()
    plan = Plan(samplers=("random",), budget=20)
    trace = search_table(table, plan, Search("random", 0))
    assert trace.steps == 20 * N_EVALUATIONS
    assert trace.n_trials > 20


def test_grid_of_a_table_that_is_one_are_its_configurations_and_a_search_of_all_finds_the_best() -> None:
    table = make_table()
    plan = Plan(samplers=("grid",), budget=24, n_repetitions=2)
    result = compare_on_table(table, "small", plan, 1, lambda trace: None)
    assert result.subject.grid == "grid: 24 points (2 parameters of 4 to 6 values), all of which a search can try"
    assert [trace.n_trials for trace in result.traces] == [24, 24]
    assert {trace.incumbents[-1].key.split("/")[0] for trace in result.traces} == {"23"}
    other = compare_on_table(make_table(is_grid=False), "small", plan, 1, lambda trace: None)
    assert other.subject.grid is not None
    assert "9 points (2 parameters of 3 values)" in other.subject.grid


def test_true_score_is_that_of_the_seeds_that_the_search_did_not_see() -> None:
    table = make_table()
    result = compare_on_table(table, "small", PLAN, 1, lambda trace: None)
    assert result.plan.n_seeds == 2
    assert result.references == {"best of the table": table.truth.max()}
    columns = set()
    for key, scores in result.fresh_scores.items():
        row, column = map(int, key.split("/"))
        columns.add(column)
        assert scores == np.delete(table.final[row], column).tolist()
        assert result.truth[key] == pytest.approx(np.mean(scores))
    assert len(columns) > 1


def test_table_with_one_seed_has_no_fresh_one() -> None:
    with pytest.raises(UserError, match="none is fresh"):
        compare_on_table(make_table(n_seeds=1), "small", PLAN, 1, lambda trace: None)


def test_sampler_that_cannot_work_is_told_before_any_search() -> None:
    with pytest.raises(UserError, match="points of x"):
        compare_on_table(make_table(), "small", Plan(grid_points=1), 1, lambda trace: None)
