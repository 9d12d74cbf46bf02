"""The words of ``sb3-hpo tune`` and ``sb3-hpo train``: the options of ``rl_zoo3 train``, and what differs here."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sb3_hpo.algorithms import algorithm_names
from sb3_hpo.errors import UserError, one_line
from sb3_hpo.parsers import OneLineParser
from sb3_hpo.plugin.arguments import zoo_parser
from sb3_hpo.pruners import pruner_names
from sb3_hpo.registered import check_registered
from sb3_hpo.samplers import sampler_names
from sb3_hpo.settings import TuningSettings
from sb3_hpo.storage import STORAGE_VARIABLE, redacted_command
from sb3_hpo.tuning_options import add_tuning_options

if TYPE_CHECKING:
    import argparse

DEFAULT_ALGO = "dqn"


def tune_parser() -> argparse.ArgumentParser:
    """The parser of ``sb3-hpo tune``: every option of ``rl_zoo3 train``, and this project's."""
    parser = _training_parser(
        "tune",
        "Tune an algorithm on an environment: DQN on CartPole-v1 unless told otherwise, for 20 minutes unless "
        "--n-trials, --max-total-trials or --timeout says otherwise.",
    )
    add_tuning_options(parser)
    return parser


def train_parser() -> argparse.ArgumentParser:
    """The parser of ``sb3-hpo train``: the options of ``rl_zoo3 train``."""
    return _training_parser(
        "train",
        "Train as rl_zoo3 train does, with this plugin loaded: any tunable algorithm, and any trial of a study "
        "(--study-name NAME --trial-id N, or --trial-id best).",
    )


def _training_parser(command: str, description: str) -> argparse.ArgumentParser:
    parser = zoo_parser(_TrainingParser)
    parser.prog = f"sb3-hpo {command}"
    parser.description = description
    parser.set_defaults(algo=DEFAULT_ALGO)
    return parser


def parse(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """What the words of a command mean.

    :param parser: of :func:`tune_parser` or :func:`train_parser`
    :raises UserError: for what the zoo's parser could not evaluate, an agent that is not there, an unknown algorithm or
        environment, or a password that would be sent to Weights & Biases
    """
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
    if args.track and redacted_command(words) != " ".join(words):
        raise UserError(
            f"--track sends the command to Weights & Biases, with the password in it: name the storage by the "
            f"environment variable {STORAGE_VARIABLE}"
        )


def _trial_id(text: str) -> int | str:
    return text if text == "best" else int(text)


def _other_help() -> dict[str, str]:
    """Help for the zoo's options that take other values here, or have another default."""
    return {
        "--algo": f"RL algorithm: {', '.join(algorithm_names())} (default: {DEFAULT_ALGO})",
        "--sampler": f"Optuna sampler: {', '.join(sampler_names())} (default: {TuningSettings.sampler})",
        "--pruner": f"Optuna pruner: {', '.join(pruner_names())} (default: {TuningSettings.pruner})",
        "--n-trials": "Trials (complete or pruned) that this command adds to the study",
        "--max-total-trials": "Trials (complete or pruned) at which the whole study ends",
        "--n-evaluations": f"Evaluations during one training, evenly spaced (default: {TuningSettings.n_evaluations})",
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


class _TrainingParser(OneLineParser):
    """The zoo's parser with its options in a group of their own, and mistakes told in one line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._zoo_options: Any = None
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
