"""Configuration files that ``-conf`` names, checked before the zoo reads them."""

from __future__ import annotations

import importlib
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sb3_hpo.errors import UserError, failure_in_one_line, one_line

_VARIABLE = "hyperparams"
"""What the zoo reads of a configuration in Python."""


def check_conf_file(config: str, env_id: str, *, is_atari: bool) -> None:
    """Check that a configuration file has what the zoo takes for an environment, where it has anything for it.

    :param config: file of YAML or Python, or a module of Python, whose name has no such ending
    :param env_id: the environment's id
    :param is_atari: whether the entry ``atari`` stands for the environment, too
    :raises UserError: if the file cannot be read or run, or the entry is no mapping of names
    """
    content = read_conf_file(config)
    name = env_id if env_id in content else "atari" if is_atari else "default"
    if name not in content and not is_atari:
        return  # The zoo says what it looked for.
    if name not in content:
        raise UserError(f"configuration file {config!r} has no entry for {env_id}: add one, or one named 'atari'")
    entry = content[name]
    if not isinstance(entry, Mapping):
        raise UserError(f"the entry {name} in {config} is {entry!r}, it must be a mapping of hyperparameters")
    for key in entry:
        if not isinstance(key, str):
            raise UserError(f"the entry {name} in {config} has the key {key!r}: name a hyperparameter, in text")


def read_conf_file(config: str) -> Mapping[str, Any]:
    """The content of a configuration file: hyperparameters by environment id. What is Python is run, as the zoo does.

    :raises UserError: if it cannot be read or run, or is no mapping
    """
    if config.endswith((".yml", ".yaml")):
        content = _yaml_content(config)
    elif config.endswith(".py"):
        content = _of_variables(_run_file(config), config)
    else:
        content = _of_variables(vars(_module(config)), config)
    if not isinstance(content, Mapping):
        raise UserError(
            f"configuration file {config!r} holds {content!r}, it must map environment ids to hyperparameters"
        )
    return content


def _yaml_content(config: str) -> object:
    try:
        return yaml.safe_load(Path(config).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"configuration file {config!r} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"configuration file {config!r} is no valid YAML: {one_line(error)}") from None


def _of_variables(variables: Mapping[str, Any], config: str) -> object:
    if _VARIABLE not in variables:
        raise UserError(f"configuration file {config!r} sets no {_VARIABLE}: it must map environment ids to them")
    return variables[_VARIABLE]


def _run_file(config: str) -> Mapping[str, Any]:
    try:
        with Path(config).open(encoding="utf-8"):
            pass
    except OSError as error:
        raise UserError(f"configuration file {config!r} cannot be read: {error.strerror}") from None
    try:
        return runpy.run_path(config)
    except Exception as error:  # All that runs is the user's.
        raise UserError(f"configuration file {config!r} cannot be run: {failure_in_one_line(error)}") from None


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception as error:  # All that runs is the user's.
        raise UserError(
            f"configuration file {name!r} cannot be imported as a module: {failure_in_one_line(error)}; "
            "a YAML file must end with .yml"
        ) from None
