"""Search spaces as YAML: print one, edit it, use it. Declarations, never code.

A file (or a ``search_space`` in an ``hpo`` block) has two keys::

    extends: dqn          # the built-in space to start from; null for exactly the parameters below
    parameters:
      learning_rate: {low: 1.0e-4}                       # narrow, widen: the rest stays as it is
      net_arch: medium                                   # fix
      buffer_size: null                                  # drop: the configuration tuned from decides
      max_grad_norm: {type: float, low: 0.3, high: 10}   # add
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sb3_hpo.errors import UserError, one_line, unknown_name
from sb3_hpo.parameter_notation import changed_parameter, to_entry
from sb3_hpo.transforms import LINEAR, LINEAR_PREFIX, Schedule
from sb3_hpo.yaml_numbers import read_number
from sb3_hpo.zoo_arguments import check_noise_types

if TYPE_CHECKING:
    from sb3_hpo.algorithms import Algorithm
    from sb3_hpo.parameter import Parameter
    from sb3_hpo.search_space import SearchSpace

EXTENDS = "extends"
PARAMETERS = "parameters"


def read_space_file(path: str) -> Mapping[str, Any]:
    """The content of a search-space file.

    :raises UserError: if it cannot be read, or is no mapping
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"search space {path!r} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"search space {path!r} is no valid YAML: {one_line(error)}") from None
    if not isinstance(content, Mapping):
        raise UserError(f"search space {path!r} holds {content!r}, it must be a mapping with {PARAMETERS!r}")
    return content


def edited_space(algo: str, algorithm: Algorithm, content: object, origin: str) -> SearchSpace:
    """An algorithm's search space as a file changes it.

    :param algo: name of the algorithm
    :param content: the content of the file
    :param origin: where the content was read, for error messages
    :raises UserError: naming what is wrong with it
    """
    if not isinstance(content, Mapping):
        raise UserError(f"{origin} is {content!r}, it must be a mapping with {PARAMETERS!r}")
    for key in content:
        if key not in (EXTENDS, PARAMETERS):
            raise unknown_name(f"key in {origin}", key, (EXTENDS, PARAMETERS))
    extends = content.get(EXTENDS, algo)
    if extends not in (algo, None):
        raise UserError(
            f"{origin} extends {extends!r}, but {algo!r} is tuned: write {algo!r}, or null for no other space"
        )
    entries = content.get(PARAMETERS) or {}
    if not isinstance(entries, Mapping):
        raise UserError(f"{PARAMETERS!r} in {origin} is {entries!r}, it must map names to declarations")
    known = {p.name: p for p in algorithm.search_space} if extends else {}
    for name, entry in entries.items():
        changed = changed_parameter(str(name), entry, known.get(str(name)), algorithm, origin)
        known = {k: v for k, v in known.items() if k != name} if changed is None else {**known, str(name): changed}
    dropped = {str(name) for name, entry in entries.items() if entry is None}
    kept = _without_what_depends_on_dropped(list(known.values()), dropped)
    parameters = tuple(_with_numbers_in_when(parameter, known) for parameter in kept)
    try:
        space = dataclasses.replace(algorithm.search_space, parameters=parameters)
    except UserError as error:
        raise UserError(f"{origin}: {error}") from None
    _check_schedules(space, origin)
    check_noise_types(space)
    return space


def to_content(space: SearchSpace) -> dict[str, Any]:
    """A search space as the content of a file that holds all of it."""
    return {EXTENDS: None, PARAMETERS: {parameter.name: to_entry(parameter) for parameter in space}}


def to_yaml(space: SearchSpace) -> str:
    """A search space as the text of a file that holds all of it."""
    return yaml.dump(to_content(space), Dumper=_FlowDumper, sort_keys=False, width=110)


def _without_what_depends_on_dropped(parameters: list[Parameter], dropped: set[str]) -> list[Parameter]:
    """Whether a parameter applies cannot be told without the one that it depends on: both go."""
    kept: list[Parameter] = []
    gone = set(dropped)
    for parameter in parameters:
        if gone & parameter.when.keys():
            gone.add(parameter.name)
        else:
            kept.append(parameter)
    return kept


def _with_numbers_in_when(parameter: Parameter, known: Mapping[str, Parameter]) -> Parameter:
    """The parameter with text in its ``when`` read as the number that it depends on, as ``choices`` are."""

    def read(other: str, value: Any) -> Any:
        choices = getattr(known[other].distribution, "choices", ()) if other in known else ()
        number = read_number(value, whole=False)
        return number if value not in choices and number in choices else value

    when = {other: tuple(read(other, value) for value in values) for other, values in parameter.when.items()}
    return parameter if when == parameter.when else dataclasses.replace(parameter, when=when)


def _check_schedules(space: SearchSpace, origin: str) -> None:
    """Check that no value is a schedule already where another parameter makes schedules of the values."""
    schedules = {p.transform.argument: p.name for p in space if isinstance(p.transform, Schedule)}
    for parameter in space:
        values = (*getattr(parameter.distribution, "choices", ()), parameter.otherwise)
        for value in values if parameter.argument in schedules else ():
            if isinstance(value, str) and value.startswith(LINEAR_PREFIX):
                name, schedule = parameter.name, schedules[parameter.argument]
                raise UserError(
                    f"parameter {name!r} in {origin} is {value!r}, but {schedule!r} says how it changes: fix both, "
                    f"{name}: {value.removeprefix(LINEAR_PREFIX)} and {schedule}: {LINEAR}"
                )


class _FlowDumper(yaml.SafeDumper):
    """Lists and short mappings on one line, as a person would write them."""

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        return super().represent_sequence(tag, sequence, flow_style=True)
