"""The options of ``rl_zoo3 train``, taken from the zoo itself."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import unittest.mock
from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn

import rl_zoo3.train

from sb3_hpo.settings import TuningSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GIVEN_OPTIONS = "sb3_hpo_options"
"""Attribute of the parsed arguments in which ``sb3-hpo tune`` passes on which options were given."""

BEGAN = "sb3_hpo_began"
"""Attribute in which it passes on when the command began, by ``time.monotonic()``: imports count for a time limit."""

_SETTING_OF_OPTION = {"eval_episodes": "n_eval_episodes"}
"""The zoo's options that are called otherwise here."""


def zoo_parser(
    parser_class: type[argparse.ArgumentParser] = argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    """The parser of ``rl_zoo3 train``, caught where the zoo is about to use it.

    :param parser_class: class to build it of
    """
    built: list[argparse.ArgumentParser] = []

    def parse_args(self: argparse.ArgumentParser) -> NoReturn:
        built.append(self)
        raise _CaughtError

    with contextlib.suppress(_CaughtError):
        _train_with(type("CatchingParser", (parser_class,), {"parse_args": parse_args}))
    # From here on it parses as its class does.
    built[0].__class__ = parser_class
    return built[0]


def given_options(parser: argparse.ArgumentParser, argv: Sequence[str]) -> dict[str, object]:
    """The options that a command line gives, without those left at their defaults.

    :param argv: the command line, without the program's name
    """
    names = vars(parser.parse_args(list(argv)))
    not_given = object()
    namespace = parser.parse_args(list(argv), argparse.Namespace(**dict.fromkeys(names, not_given)))
    return {name: value for name, value in vars(namespace).items() if value is not not_given}


def run_zoo_training(args: argparse.Namespace) -> None:
    """Run the zoo's training command on arguments that are parsed already."""

    def parse_args(self: argparse.ArgumentParser) -> argparse.Namespace:
        return args

    _train_with(type("ParsedParser", (argparse.ArgumentParser,), {"parse_args": parse_args}))


class _CaughtError(Exception):
    """Ends the zoo's command where its parser is complete."""


def _train_with(parser_class: type) -> None:
    with unittest.mock.patch.object(rl_zoo3.train, "argparse", SimpleNamespace(ArgumentParser=parser_class)):
        rl_zoo3.train.train()


def to_settings(given: Mapping[str, object]) -> dict[str, object]:
    """Settings for the options that were given. The seed, which the zoo may have drawn, is not among them."""
    renamed = {_SETTING_OF_OPTION.get(option, option): value for option, value in given.items()}
    names = {field.name for field in dataclasses.fields(TuningSettings)} - {"seed"}
    if renamed.get("n_timesteps") == -1:  # How the zoo says that none is given.
        del renamed["n_timesteps"]
    if renamed.get("n_jobs") == -1:  # How the zoo says all cores.
        del renamed["n_jobs"]
    return {name: value for name, value in renamed.items() if name in names}
