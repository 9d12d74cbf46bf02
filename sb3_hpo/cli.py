"""The command ``sb3-hpo``. What only one of its commands needs is imported by that command."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from sb3_hpo._version import __version__
from sb3_hpo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 2 for a mistake in what was asked for.

    :param argv: the command line without the program's name; None for ``sys.argv``
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except UserError as error:
        sys.stderr.write(f"sb3-hpo: error: {error}\n")
        return 2
    except KeyboardInterrupt as stopped:
        sys.stderr.write("sb3-hpo: stopped; finished trials are kept: --study-name goes on with a study\n")
        # As shells report it: SIGINT, unless it was another signal that ended the command at once.
        return 128 + int(next(iter(stopped.args), 2))


def _run(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="sb3-hpo",
        description="Tune Stable-Baselines3 algorithms with RL Baselines3 Zoo, so that the result holds.",
    )
    parser.add_argument("--version", action="version", version=f"sb3-hpo {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("tune", help="search, validate on fresh seeds, export", add_help=False)
    commands.add_parser("spaces", help="list the algorithms, show a search space", add_help=False)
    commands.add_parser("validate", help="train the finalists of a study on fresh seeds", add_help=False)
    commands.add_parser("compare", help="compare samplers on the same budget, with a picture", add_help=False)
    commands.add_parser("export", help="write a trial as YAML that the stock zoo trains with", add_help=False)
    commands.add_parser("replay", help="train a trial again, to the last digit", add_help=False)
    commands.add_parser("report", help="write what a study found as one HTML file", add_help=False)
    commands.add_parser("train", help="train as rl_zoo3 train does, with this plugin loaded", add_help=False)
    commands.add_parser("worker", help="join a study from any machine", add_help=False)
    commands.add_parser("storage-proxy", help="serve a database to workers that cannot reach it", add_help=False)
    args = parser.parse_args(words[:1])
    if args.command in ("export", "replay"):
        from sb3_hpo import study_commands
        from sb3_hpo.storage_failures import failures_in_one_line

        with failures_in_one_line(study_commands.location_of(words[1:])):
            command: int = getattr(study_commands, f"{args.command}_command")(words[1:])
        return command
    if args.command == "report":
        return _report(words[1:])
    run = {
        "tune": _tune,
        "train": _train,
        "spaces": _spaces,
        "validate": _validate,
        "worker": _worker,
        "compare": _compare,
        "storage-proxy": _storage_proxy,
    }
    return run[args.command](words[1:])


def _tune(words: list[str]) -> int:
    began = time.monotonic()
    if not any(word.startswith("--cluster") for word in words) and not _works_alone(words):
        _prepare_workers(words)

    from sb3_hpo.plugin import arguments
    from sb3_hpo.training_parsers import parse, tune_parser

    parser = tune_parser()
    args = parse(parser, words)
    args.optimize_hyperparameters = True
    args.track = False  # The zoo would begin one run for the whole command; here each trial is one.
    setattr(args, arguments.BEGAN, began)
    setattr(args, arguments.GIVEN_OPTIONS, arguments.given_options(parser, words))
    arguments.run_zoo_training(args)
    return 0


def _validate(words: list[str]) -> int:
    if not _works_alone(words):
        _prepare_workers(words)

    from sb3_hpo.crew import WorkersDieError
    from sb3_hpo.storage_failures import failures_in_one_line
    from sb3_hpo.study_commands import location_of, validate_command

    try:
        with failures_in_one_line(location_of(words)):
            return validate_command(words)
    except WorkersDieError as error:
        sys.stderr.write(f"sb3-hpo: the validation stops: {error}; finished trainings are kept\n")
        return 1


def _worker(words: list[str]) -> int:
    _prepare_workers(words)

    from sb3_hpo.consecutive_failures import ConsecutiveFailuresError
    from sb3_hpo.crew import WorkersDieError
    from sb3_hpo.storage_failures import failures_in_one_line
    from sb3_hpo.study_callbacks import CallbackFailedError
    from sb3_hpo.worker_command import worker_command

    try:
        with failures_in_one_line():
            return worker_command(words)
    except (ConsecutiveFailuresError, CallbackFailedError, WorkersDieError) as error:
        sys.stderr.write(f"sb3-hpo: the worker stops: {error}\n")
        return 1


def _works_alone(words: list[str]) -> bool:
    """Whether a command will start no worker, as far as its words tell before they are parsed: that is too late."""
    from sb3_hpo.processes import usable_cores

    n_jobs = str(usable_cores())
    for word, next_word in zip(words, [*words[1:], ""], strict=True):
        option, _, value = word.partition("=")
        if option.startswith("--n-j") and "--n-jobs".startswith(option):
            n_jobs = value or next_word
    return n_jobs == "1"


def _prepare_workers(words: list[str]) -> None:
    if {"-h", "--help"} & set(words):
        return

    from sb3_hpo.processes import prepare_processes

    # The last one torch imports at the first optimizer, which takes each worker two seconds.
    prepare_processes(["sb3_hpo.plugin.worker_process", "torch._dynamo"])


def _train(words: list[str]) -> int:
    from sb3_hpo.plugin import arguments
    from sb3_hpo.training_parsers import parse, train_parser

    arguments.run_zoo_training(parse(train_parser(), words))
    return 0


def _spaces(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="sb3-hpo spaces", description="List the algorithms that can be tuned, or show the search space of one."
    )
    parser.add_argument("algo", nargs="?", help="Algorithm whose search space is shown")
    parser.add_argument(
        "--format",
        choices=("table", "yaml"),
        default="table",
        help="yaml prints the space in the form that sb3-hpo tune --search-space reads",
    )
    args = parser.parse_args(words)

    from sb3_hpo.algorithms import get_algorithm
    from sb3_hpo.console import create_console
    from sb3_hpo.space_files import to_yaml
    from sb3_hpo.space_table import algorithms_table, space_table

    if args.algo is None:
        create_console().print(algorithms_table())
        return 0
    space = get_algorithm(args.algo).search_space
    if args.format == "yaml":
        sys.stdout.write(to_yaml(space))
    else:
        create_console().print(space_table(space), soft_wrap=False)
    return 0


def _report(words: list[str]) -> int:
    from sb3_hpo.report.command import report_command
    from sb3_hpo.storage_failures import failures_in_one_line
    from sb3_hpo.study_commands import location_of

    with failures_in_one_line(location_of(words)):
        return report_command(words)


def _compare(words: list[str]) -> int:
    from sb3_hpo.compare_command import compare_command
    from sb3_hpo.storage_failures import failures_in_one_line

    with failures_in_one_line(go_on="the same command"):
        return compare_command(words)


def _storage_proxy(words: list[str]) -> int:
    from sb3_hpo.storage_proxy import storage_proxy_command

    return storage_proxy_command(words)
