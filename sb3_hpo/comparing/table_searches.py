"""Searches compared on a table of learning curves: each takes a second, whatever the trainings took."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.comparing.plan import Plan, Search
from sb3_hpo.comparing.result import ComparisonResult, Subject
from sb3_hpo.comparing.traces import Trace, TraceRecorder
from sb3_hpo.comparing.words import grid_in_words
from sb3_hpo.errors import UserError
from sb3_hpo.objective import Objective
from sb3_hpo.processes import process_context
from sb3_hpo.samplers import exhaustive_grid
from sb3_hpo.search import search as run_trials
from sb3_hpo.tables.purse import TimedPurse
from sb3_hpo.tables.purse_clock import PurseClock
from sb3_hpo.tables.table_study import table_pruner, table_sampler
from sb3_hpo.tables.table_task import TableTask
from sb3_hpo.trial_attributes import was_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sb3_hpo.tables.curve_table import CurveTable


def compare_on_table(
    table: CurveTable, name: str, plan: Plan, n_jobs: int, on_search: Callable[[Trace], None]
) -> ComparisonResult:
    """Have all searches of a plan on a table; the same for any number of processes.

    A repetition has a column of the table for its search, the same for all samplers; the others are the fresh seeds,
    and what a configuration is truly worth is the mean of what its agents at the end are worth on these. A
    configuration that a search meets again costs nothing: no real search would meet one twice.

    :param name: what the table is called
    :param on_search: called with what each search found, as they come
    :raises UserError: if the table has too few seeds, or a sampler or the pruner cannot work on it
    """
    if table.n_seeds < 2:
        raise UserError(
            f"the table has {table.n_seeds} seed for each configuration: with one to search on, none is fresh"
        )
    plan = dataclasses.replace(
        plan, n_seeds=min(plan.n_seeds, table.n_seeds - 1), grid_points=_grid_points(table, plan)
    )
    for sampler in plan.samplers:
        settings = plan.settings(Search(sampler, 0))
        table_sampler(table, settings, lambda: 0)
        table_pruner(table, settings)
    traces = []
    for trace in _all_traces(table, plan, n_jobs):
        traces.append(trace)
        on_search(trace)
    keys = {incumbent.key for trace in traces for incumbent in trace.incumbents}
    fresh_scores = {key: _fresh_scores(table, key, plan) for key in sorted(keys)}
    subject = Subject(name, table.n_evaluations, "evaluations", _grid_in_words(table, plan))
    return ComparisonResult(plan, subject, traces, fresh_scores, {"best of the table": float(table.truth.max())})


def search_table(table: CurveTable, plan: Plan, search: Search) -> Trace:
    """One search on a table, in memory."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    generator = np.random.default_rng([plan.seed, search.repetition])
    column = _columns(table, plan, search.repetition)[0]
    settings = plan.settings(search)
    purse = TimedPurse((plan.budget or 0) * table.n_evaluations, 0, table.seconds)
    task: Any = TableTask(table, purse, lambda seed: column)
    clock = PurseClock(purse, reserve=0, closing=table.n_evaluations if plan.pruner == "promote" else 0)
    recorder = TraceRecorder(search)

    def trial_ended(trial: FrozenTrial) -> None:
        if not was_interrupted(trial):
            score = trial.value if trial.state == TrialState.COMPLETE else None
            key = _key(table.index(trial.params), column) if trial.params else ""
            recorder.trial_ended(purse.spent, purse.seconds, score, key)

    def draw_seed() -> int:
        return int(generator.integers(2**31 - 1))

    study = optuna.create_study(
        direction="maximize",
        sampler=table_sampler(table, settings, draw_seed),
        pruner=table_pruner(table, settings),
    )
    objective = Objective(task, table.space, settings, [0], clock.interrupts)
    run_trials(study, objective, settings, _NoSignal(), clock, trial_ended)
    return recorder.trace


class _NoSignal:
    is_pending = False


def _all_traces(table: CurveTable, plan: Plan, n_jobs: int) -> Iterable[Trace]:
    searches = list(plan.searches)
    if n_jobs == 1:
        yield from (search_table(table, plan, search) for search in searches)
        return
    with ProcessPoolExecutor(min(n_jobs, len(searches)), process_context()) as pool:
        futures = [pool.submit(search_table, table, plan, search) for search in searches]
        try:
            for future in futures:
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _columns(table: CurveTable, plan: Plan, repetition: int) -> list[int]:
    """The columns of a repetition: the first one for its search, the others to judge what it found."""
    columns: list[int] = np.random.default_rng([plan.seed, repetition, 1]).permutation(table.n_seeds).tolist()
    return columns


def _key(row: int, column: int) -> str:
    """A configuration, and the column that a search saw of it: its fresh seeds are the others."""
    return f"{row}/{column}"


def _fresh_scores(table: CurveTable, key: str, plan: Plan) -> list[float]:
    row, column = map(int, key.split("/"))
    fresh = [other for other in range(table.n_seeds) if other != column]
    return [float(table.final[row, other]) for other in fresh[: plan.n_seeds]]


def _grid_points(table: CurveTable, plan: Plan) -> int | None:
    """Of a table that is a grid, all points, unless told otherwise."""
    if plan.grid_points is not None or not table.is_grid:
        return plan.grid_points
    return max(len(np.unique(values)) for values in table.columns.values())


def _grid_in_words(table: CurveTable, plan: Plan) -> str | None:
    if "grid" not in plan.samplers:
        return None
    settings = plan.settings(Search("grid", 0))
    grid = exhaustive_grid("grid", table.space, settings.sampler_kwargs)
    return None if grid is None else grid_in_words(grid, plan.budget)
