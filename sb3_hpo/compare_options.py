"""The options of ``sb3-hpo compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sb3_hpo.comparing.plan import DEFAULT_BUDGET, DEFAULT_SAMPLERS, Plan
from sb3_hpo.durations import seconds
from sb3_hpo.parsers import OneLineParser
from sb3_hpo.settings import TuningSettings

if TYPE_CHECKING:
    import argparse

DEFAULT_OUTPUT = "compare.png"
REPETITIONS_ON_A_TABLE = 20
REPETITIONS_ON_A_TASK = 5


def compare_parser() -> argparse.ArgumentParser:
    """The parser of ``sb3-hpo compare``."""
    parser = OneLineParser(
        prog="sb3-hpo compare",
        description="Compare samplers: searches on the same budget, several by each, in turn on the same cores. What "
        "each of them took for its best, from the beginning to the end, is trained again on fresh seeds. The same "
        "command goes on where it was stopped.",
    )
    _add_what(parser.add_argument_group("what is searched"))
    how = parser.add_argument_group("how")
    _add_searches(how)
    _add_judging(how)
    _add_where(parser.add_argument_group("where"))
    return parser


def _add_what(what: argparse._ArgumentGroup) -> None:
    what.add_argument("--algo", help="Algorithm (default: dqn)")
    what.add_argument("--env", help="Environment (default: CartPole-v1)")
    what.add_argument("-n", "--n-timesteps", type=int, help="Environment steps of a training (default: as configured)")
    what.add_argument("--search-space", metavar="FILE", help="YAML file that changes the search space")
    what.add_argument("--gym-packages", nargs="+", help="Modules that may be imported")
    what.add_argument("--table", type=Path, metavar="FILE", help="Table of learning curves (.npz) instead of trainings")


def _add_searches(how: argparse._ArgumentGroup) -> None:
    how.add_argument(
        "--samplers",
        type=_names,
        default=DEFAULT_SAMPLERS,
        help=f"Names of samplers, with commas between them (default: {','.join(DEFAULT_SAMPLERS)})",
    )
    how.add_argument(
        "--grid-points", type=int, metavar="N", help="Values of each numeric parameter in the grid (default: 3)"
    )
    how.add_argument(
        "--pruner",
        default=Plan.pruner,
        help="What every search gives trainings up with (default: none, so that the samplers alone differ)",
    )
    how.add_argument(
        "--budget",
        type=int,
        metavar="TRAININGS",
        help=f"What a search may spend, in environment steps: so many whole trainings (default: {DEFAULT_BUDGET})",
    )
    how.add_argument("--timeout", type=seconds, help="Time of a search instead: seconds, or 20m, 1h30m")
    how.add_argument(
        "--repetitions",
        type=int,
        help=f"Searches by each sampler (default: {REPETITIONS_ON_A_TASK}, {REPETITIONS_ON_A_TABLE} on a table)",
    )
    how.add_argument(
        "--n-evaluations",
        type=int,
        metavar="N",
        default=Plan.n_evaluations,
        help=f"Evaluations during one training, evenly spaced (default: {Plan.n_evaluations})",
    )
    how.add_argument(
        "--eval-episodes", type=int, metavar="N", help=f"Episodes of one of them (default: {Plan.n_eval_episodes})"
    )


def _add_judging(how: argparse._ArgumentGroup) -> None:
    how.add_argument(
        "--n-seeds", type=int, default=Plan.n_seeds, help=f"Fresh seeds that judge (default: {Plan.n_seeds})"
    )
    how.add_argument(
        "--max-incumbents",
        type=int,
        metavar="N",
        help="Configurations of a search that are trained on fresh seeds, of those that were its best for a time "
        "(default: 5)",
    )
    how.add_argument("--seed", type=int, default=Plan.seed, help=f"What all seeds come from (default: {Plan.seed})")
    how.add_argument("--n-jobs", type=int, help="Searches side by side (default: the cores that may be used)")


def _add_where(where: argparse._ArgumentGroup) -> None:
    where.add_argument("--output", type=Path, default=Path(DEFAULT_OUTPUT), help=f"Picture (default: {DEFAULT_OUTPUT})")
    where.add_argument("--json", type=Path, metavar="FILE", help="File for all numbers")
    where.add_argument(
        "--storage", help="Where the searches are kept (default: $SB3_HPO_STORAGE, or in the log folder)"
    )
    where.add_argument(
        "--study-name", help="What the names of their studies begin with (default: from what is compared)"
    )
    where.add_argument("-f", "--log-folder", default=TuningSettings.log_folder, help="Folder of checkpoints")


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
