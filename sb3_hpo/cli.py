"""The command ``sb3-hpo``. What only one of its commands needs is imported by that command."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sb3_hpo._version import __version__
from sb3_hpo.errors import UserError, one_line
from sb3_hpo.parsers import OneLineParser

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_ALGO = "dqn"


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
    if not {"-h", "--help"} & set(words) and not any(word.startswith("--cluster") for word in words):
        _prepare_workers()

    from sb3_hpo.plugin import arguments

    parser = tune_parser()
    args = _parse(parser, words)
    args.optimize_hyperparameters = True
    args.track = False  # The zoo would begin one run for the whole command; here each trial is one.
    setattr(args, arguments.GIVEN_OPTIONS, arguments.given_options(parser, words))
    arguments.run_zoo_training(args)
    return 0


def _validate(words: list[str]) -> int:
    if not {"-h", "--help"} & set(words):
        _prepare_workers()

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
    if not {"-h", "--help"} & set(words):
        _prepare_workers()

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


def _prepare_workers() -> None:
    from sb3_hpo.processes import prepare_processes

    # The last one torch imports at the first optimizer, which takes each worker two seconds.
    prepare_processes(["sb3_hpo.plugin.worker_process", "torch._dynamo"])


def _train(words: list[str]) -> int:
    from sb3_hpo.plugin import arguments

    args = _parse(train_parser(), words)
    arguments.run_zoo_training(args)
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


def _parse(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    from sb3_hpo.registered import check_registered

    try:
        args = parser.parse_args(words)
    except Exception as error:
        if not (isinstance(error, (NameError, SyntaxError, TypeError, ValueError)) or _comes_from_text(error)):
            raise
        # The zoo evaluates what -params and --env-kwargs give.
        text = one_line(error)
        raise UserError(f"{text}: write -params and --env-kwargs as name:value, with text in quotes") from None
    _check_track(args, words)
    _check_trained_agent(args.trained_agent)
    check_registered(args.algo, args.env, args.gym_packages)
    return args


def _comes_from_text(error: BaseException) -> bool:
    """Whether an error was raised by text that was evaluated: its frame has that name in place of a file's."""
    codes = (frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__))
    return any((code.co_filename, code.co_name) == ("<string>", "<module>") for code in codes)


def _check_trained_agent(path: str) -> None:
    if path and not (path.endswith(".zip") and Path(path).is_file()):
        raise UserError(
            f"--trained-agent {path!r} is no .zip file that is there: give that of a trained agent, or leave it out"
        )


def _check_track(args: argparse.Namespace, words: list[str]) -> None:
    from sb3_hpo.storage import STORAGE_VARIABLE, redacted_command

    if args.track and redacted_command(words) != " ".join(words):
        raise UserError(
            f"--track sends the command to Weights & Biases, with the password in it: name the storage by the "
            f"environment variable {STORAGE_VARIABLE}"
        )


def tune_parser() -> argparse.ArgumentParser:
    """The parser of ``sb3-hpo tune``: every option of ``rl_zoo3 train``, and this project's."""
    from sb3_hpo.plugin import arguments
    from sb3_hpo.tuning_options import add_tuning_options

    parser = arguments.zoo_parser(_TuneParser)
    parser.prog = "sb3-hpo tune"
    parser.description = (
        "Tune an algorithm on an environment: DQN on CartPole-v1 unless told otherwise, for 20 minutes unless "
        "--n-trials, --max-total-trials or --timeout says otherwise."
    )
    add_tuning_options(parser)
    parser.set_defaults(algo=DEFAULT_ALGO)
    return parser


def train_parser() -> argparse.ArgumentParser:
    """The parser of ``sb3-hpo train``: the options of ``rl_zoo3 train``."""
    from sb3_hpo.plugin import arguments

    parser = arguments.zoo_parser(_TuneParser)
    parser.prog = "sb3-hpo train"
    parser.description = (
        "Train as rl_zoo3 train does, with this plugin loaded: any tunable algorithm, and any trial of a study "
        "(--study-name NAME --trial-id N, or --trial-id best)."
    )
    parser.set_defaults(algo=DEFAULT_ALGO)
    return parser


def _trial_id(text: str) -> int | str:
    return text if text == "best" else int(text)


def _other_help() -> dict[str, str]:
    """Help for the zoo's options that take other values here, or have another default."""
    from sb3_hpo.algorithms import algorithm_names
    from sb3_hpo.pruners import pruner_names
    from sb3_hpo.samplers import sampler_names
    from sb3_hpo.settings import TuningSettings as Defaults

    return {
        "--algo": f"RL algorithm: {', '.join(algorithm_names())} (default: {DEFAULT_ALGO})",
        "--sampler": f"Optuna sampler: {', '.join(sampler_names())} (default: {Defaults.sampler})",
        "--pruner": f"Optuna pruner: {', '.join(pruner_names())} (default: {Defaults.pruner})",
        "--n-trials": "Trials (complete or pruned) that this command adds to the study",
        "--max-total-trials": "Trials (complete or pruned) at which the whole study ends",
        "--n-evaluations": f"Evaluations during one training, evenly spaced (default: {Defaults.n_evaluations})",
        "--n-eval-envs": "Environments an evaluation steps side by side (default: one per episode)",
        "--n-jobs": "Processes that work on the study (default: the cores that may be used)",
        "--storage": "Database URL, redis://, grpc://, or a .log journal file (default: $SB3_HPO_STORAGE, or an SQLite "
        "file in the log folder)",
        "--trial-id": "Number of the trial to train, from 0, or 'best' (with --study-name)",
        "--study-name": "Study to create or to go on with (default: a new one)",
        "-tb": "Folder of TensorBoard's logs: one run for each trial and seed when tuning",
        "--track": "Track with Weights & Biases: each trial of the search when tuning",
        "--wandb-group": "Group of the runs of Weights & Biases (default: the study's name when tuning)",
    }


class _TuneParser(OneLineParser):
    """The zoo's parser with its options in a group of their own, and mistakes told in one line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._zoo_options: Any = None
        # Looked up once: it asks all installed packages what they offer.
        self._other_help = _other_help()
        super().__init__(*args, **kwargs)
        self._zoo_options = self.add_argument_group("options of rl_zoo3 train")

    def add_argument(self, *args: Any, **kwargs: Any) -> Any:
        if args and args[0] in self._other_help:
            # What can be chosen comes from this project's registries, which check the names.
            kwargs = {**kwargs, "help": self._other_help[args[0]], **({"choices": None} if "choices" in kwargs else {})}
        if args and args[0] == "--trial-id":
            kwargs["type"] = _trial_id
        if self._zoo_options is None:
            return super().add_argument(*args, **kwargs)
        return self._zoo_options.add_argument(*args, **kwargs)
