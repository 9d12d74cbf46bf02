"""``sb3-hpo compare``: several samplers on the same budget, on a task or on a table of learning curves."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING

import optuna

from sb3_hpo.compare_options import REPETITIONS_ON_A_TABLE, REPETITIONS_ON_A_TASK, compare_parser
from sb3_hpo.comparing.picture import SUFFIXES, draw
from sb3_hpo.comparing.plan import DEFAULT_BUDGET, Plan
from sb3_hpo.comparing.table_searches import compare_on_table
from sb3_hpo.comparing.words import result_table, sentences
from sb3_hpo.display import Display
from sb3_hpo.errors import UserError
from sb3_hpo.processes import prepare_processes, usable_cores
from sb3_hpo.tables.curve_table import CurveTable
from sb3_hpo.versions import installed_versions
from sb3_hpo.whole_files import write_whole
from sb3_hpo.wording import one_decimal

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from sb3_hpo.comparing.result import ComparisonResult
    from sb3_hpo.comparing.traces import Trace

_OF_A_TASK = (
    "algo",
    "env",
    "n_timesteps",
    "eval_episodes",
    "timeout",
    "search_space",
    "gym_packages",
    "storage",
    "study_name",
    "max_incumbents",
)
"""Options that say nothing about a table."""


def compare_command(words: Sequence[str]) -> int:
    """Run the searches, judge what they found, and draw it."""
    parser = compare_parser()
    args = parser.parse_args(list(words))
    n_jobs = usable_cores() if args.n_jobs is None else args.n_jobs
    if n_jobs < 1:
        raise UserError(f"--n-jobs is {n_jobs}, it must be at least 1")
    plan = _plan(args)
    _check_files(args.output, args.json)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    display = Display()
    if args.table is not None:
        return _on_table(args, plan, n_jobs, display)
    from sb3_hpo.task_comparison import compare_on_task

    return compare_on_task(args, plan, n_jobs, display, lambda result: publish(result, args, display))


def publish(result: ComparisonResult, args: argparse.Namespace, display: Display) -> None:
    """Write the numbers and the picture, and say what they show.

    :raises UserError: if one of them cannot be written; the numbers are written first, and kept without the picture
    """
    try:
        if args.json is not None:
            content = {**result.as_mapping(), "versions": installed_versions()}
            write_whole(args.json, json.dumps(content, indent=1) + "\n")
        draw(result, args.output)
    except OSError as error:
        raise UserError(f"{str(error.filename)!r} cannot be written: {error.strerror}") from None
    display.table(result_table(result))
    for sentence in sentences(result):
        display.line(sentence)
    display.line(f"picture: {args.output}")


def _on_table(args: argparse.Namespace, plan: Plan, n_jobs: int, display: Display) -> int:
    for name in _OF_A_TASK:
        if getattr(args, name) is not None:
            raise UserError(f"--{name.replace('_', '-')} says nothing about a table: leave it out, or --table")
    try:
        table = CurveTable.read(args.table)
    except (OSError, ValueError) as error:
        raise UserError(f"--table: {error}") from None
    if n_jobs > 1:
        prepare_processes(["sb3_hpo.comparing.table_searches"])
    n_done = 0

    def search_ended(trace: Trace) -> None:
        nonlocal n_done
        n_done += 1
        best = f"best {one_decimal(trace.incumbents[-1].score)}" if trace.incumbents else "nothing found"
        display.progress(n_done, f"searches, {trace.search.name}: {best}")

    display.begin("compare", len(list(plan.searches)), lambda: None)
    try:
        result = compare_on_table(table, args.table.stem, plan, n_jobs, search_ended)
    except KeyboardInterrupt:
        sys.stderr.write("sb3-hpo: stopped; nothing is kept of searches on a table\n")
        return 128 + signal.SIGINT
    finally:
        display.end()
    publish(result, args, display)
    return 0


def _plan(args: argparse.Namespace) -> Plan:
    repetitions = REPETITIONS_ON_A_TASK if args.table is None else REPETITIONS_ON_A_TABLE
    budget = DEFAULT_BUDGET if args.budget is None and args.timeout is None else args.budget
    return Plan(
        samplers=tuple(args.samplers),
        pruner=args.pruner,
        budget=budget,
        timeout=args.timeout,
        n_repetitions=repetitions if args.repetitions is None else args.repetitions,
        n_seeds=args.n_seeds,
        seed=args.seed,
        grid_points=args.grid_points,
        n_evaluations=args.n_evaluations,
        n_eval_episodes=Plan.n_eval_episodes if args.eval_episodes is None else args.eval_episodes,
    )


def _check_files(output: Path, json_file: Path | None) -> None:
    if output.suffix not in SUFFIXES:
        raise UserError(f"--output is {str(output)!r}, it must end with one of {', '.join(SUFFIXES)}")
    for path in filter(None, (output, json_file)):
        probe = path.with_name(f".{path.name}.writable")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise UserError(f"{str(path)!r} cannot be written: {error.strerror}") from None
