"""The command ``sb3-hpo``. What only one of its commands needs is imported by that command."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from sb3_hpo._version import __version__
from sb3_hpo.errors import UserError, unknown_name

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
    except KeyboardInterrupt:
        sys.stderr.write("sb3-hpo: stopped; finished trials are kept: --study-name goes on with a study\n")
        return 130


def _run(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="sb3-hpo",
        description="Tune Stable-Baselines3 algorithms with RL Baselines3 Zoo, so that the result holds.",
    )
    parser.add_argument("--version", action="version", version=f"sb3-hpo {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("tune", help="search, validate on fresh seeds, export", add_help=False)
    args, rest = parser.parse_known_args(words[:1])
    return {"tune": _tune}[args.command](rest + words[1:])


def _tune(words: list[str]) -> int:
    from sb3_hpo.plugin import arguments

    parser = arguments.zoo_parser(_TuneParser)
    parser.prog = "sb3-hpo tune"
    parser.description = (
        "Tune an algorithm on an environment: DQN on CartPole-v1 unless told otherwise, for 20 minutes unless "
        "--n-trials, --max-total-trials or --timeout says otherwise."
    )
    _add_tuning_options(parser)
    parser.set_defaults(algo=DEFAULT_ALGO)
    try:
        args = parser.parse_args(words)
    except (NameError, SyntaxError, TypeError, ValueError) as error:
        # The zoo evaluates what -params and --env-kwargs give.
        raise UserError(f"{error}: write -params and --env-kwargs as name:value, with text in quotes") from None
    args.optimize_hyperparameters = True
    setattr(args, arguments.GIVEN_OPTIONS, arguments.given_options(parser, words))
    _check_environment(args)
    arguments.run_zoo_training(args)
    return 0


def _add_tuning_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("options of sb3-hpo")
    for option, kind, text in (
        ("--timeout", float, "Seconds for search and validation together"),
        ("--n-seeds", int, "Tuning seeds that every trial is trained on"),
        ("--n-finalists", int, "Best trials that are trained again on validation seeds"),
        (
            "--n-validation-seeds",
            int,
            "Fresh seeds that finalists and default are trained on; 0 for no validation",
        ),
        ("--n-validation-episodes", int, "Deterministic episodes that judge one trained agent"),
        ("--max-consecutive-failures", int, "Failed trials in a row after which the study stops"),
    ):
        group.add_argument(option, type=kind, help=text)


def _check_environment(args: argparse.Namespace) -> None:
    import importlib

    import gymnasium as gym

    from sb3_hpo.algorithms import get_algorithm

    get_algorithm(args.algo)
    try:
        for module in args.gym_packages:
            importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"--gym-packages {args.gym_packages} cannot be imported: {error}") from error
    if args.env not in gym.registry:
        raise unknown_name("environment", args.env, list(gym.registry))


class _TuneParser(argparse.ArgumentParser):
    """The zoo's parser with its options in a group of their own, and mistakes told in one line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._zoo_options: Any = None
        super().__init__(*args, **kwargs)
        self._zoo_options = self.add_argument_group("options of rl_zoo3 train")

    def add_argument(self, *args: Any, **kwargs: Any) -> Any:
        if args and args[0] in ("--algo", "--sampler", "--pruner"):
            # Algorithms, samplers and pruners come from this project's registries, which check the names.
            del kwargs["choices"]
        if self._zoo_options is None:
            return super().add_argument(*args, **kwargs)
        return self._zoo_options.add_argument(*args, **kwargs)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"sb3-hpo: error: {message}\n")
