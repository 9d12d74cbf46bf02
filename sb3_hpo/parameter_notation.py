"""A parameter as an entry of a YAML file, and back. Declarations, never code."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

from sb3_hpo import transforms
from sb3_hpo.errors import UserError, one_line, unknown_name
from sb3_hpo.parameter import UNSET, Parameter, SameAs
from sb3_hpo.range_notation import as_list, as_mapping, range_entry, read_range
from sb3_hpo.transform_notation import TRANSFORMS_OF_NAMES, read_transform, transform_entry
from sb3_hpo.yaml_numbers import is_whole_number, read_number, with_numbers

if TYPE_CHECKING:
    from sb3_hpo.algorithms import Algorithm

_ZOO_ARGUMENTS = ("noise_type", "noise_std", "normalize")
"""Arguments that the zoo takes beside those of the model's constructor."""

_KEYS = (
    "type",
    "low",
    "high",
    "log",
    "step",
    "choices",
    "argument",
    "default",
    "transform",
    "when",
    "otherwise",
    "requires",
    "widened",
    "source",
    "value",
)


_RANGE_KEYS = {"type", "low", "high", "log", "step", "choices", "value"}


def changed_parameter(
    name: str, entry: object, before: Parameter | None, algorithm: Algorithm, origin: str
) -> Parameter | None:
    """A parameter as an entry declares or changes it; None if the entry drops it.

    :param entry: None to drop it, a plain value to fix it, or a mapping of what is different
    :param before: the parameter of that name in the space that is changed; None where there is none
    :param origin: where the entry was read, for error messages
    :raises UserError: naming what is wrong with the entry
    """
    where = f"parameter {name!r} in {origin}"
    if entry is None:
        if before is None:
            raise UserError(f"{where} is to be dropped, but there is none of that name")
        return None
    if not isinstance(entry, Mapping):
        entry = {"value": entry}
    for key in entry:
        if key not in _KEYS:
            raise unknown_name(f"key of {where}", key, _KEYS)
    if before is None and not {"type", "choices", "value"} & entry.keys():
        names = [parameter.name for parameter in algorithm.search_space]
        raise UserError(f"{unknown_name(f'parameter in {origin}', name, names)}; to add one, give its type")
    try:
        return _declare(name, entry, before, algorithm, where)
    except (ValueError, TypeError) as error:
        raise error if isinstance(error, UserError) else UserError(f"{where}: {one_line(error)}") from None


def _declare(
    name: str, entry: Mapping[str, Any], before: Parameter | None, algorithm: Algorithm, where: str
) -> Parameter:
    argument = str(entry.get("argument", before.argument if before else name))
    signature = _check_argument(argument, algorithm, where)
    transform = read_transform(entry["transform"], where) if "transform" in entry else None
    kept: dict[str, Any] = (
        {field.name: getattr(before, field.name) for field in dataclasses.fields(Parameter)}
        if before
        else {"default": signature, "source": f"declared in {where}"}
    )
    given = {key: entry[key] for key in ("default", "source", "otherwise") if key in entry}
    if not isinstance(given.get("source", ""), str):
        raise UserError(f"{where}: source is {given['source']!r}, it must be text: say where its range comes from")
    if isinstance(given.get("default"), Mapping) and "same_as" in given["default"]:
        given["default"] = _same_as(given["default"], where)
    if transform is not None:
        given["transform"] = transform
    if not isinstance({**kept, **given}.get("transform"), TRANSFORMS_OF_NAMES):
        whole = is_whole_number({**kept, **given}["default"])
        given.update({key: read_number(given[key], whole) for key in ("default", "otherwise") if key in given})
        entry = {**entry, **with_numbers(entry, whole)}
    if "when" in entry:
        when = as_mapping(entry["when"], "when", "of parameters to lists of their values", where)
        given["when"] = {str(other): tuple(as_list(values, where)) for other, values in when.items()}
    if "requires" in entry:
        given["requires"] = frozenset(as_list(entry["requires"], where))
    if "widened" in entry:
        given["widened"] = _widened(entry["widened"], where)
    elif _RANGE_KEYS & entry.keys():
        given["widened"] = {}  # A range that was edited holds for every task.
    distribution = read_range(entry, before.distribution if before else None, where)
    changed = Parameter(**{**kept, **given, "name": name, "argument": argument, "distribution": distribution})
    _check_names(changed, where)
    return changed


def _widened(entry: object, where: str) -> dict[str, BaseDistribution]:
    """What a parameter is sampled from on tasks with a feature, by feature."""
    ranges = as_mapping(entry, "widened", "of features to ranges", where)
    return {
        str(feature): read_range(as_mapping(wider, f"widened {feature}", "that says its range", where), None, where)
        for feature, wider in ranges.items()
    }


def _same_as(entry: Mapping[str, Any], where: str) -> SameAs:
    """A default that is another argument's value."""
    if entry.keys() != {"same_as", "default"}:
        raise UserError(
            f"{where}: default is {dict(entry)!r}, it must be a value, or {{same_as: ARGUMENT, default: VALUE}}"
        )
    return SameAs(str(entry["same_as"]), entry["default"])


def _check_names(parameter: Parameter, where: str) -> None:
    """Check that the choices of a parameter that are names have a meaning."""
    d = parameter.distribution
    if isinstance(parameter.transform, (transforms.Named, transforms.NetArch)) and isinstance(
        d, CategoricalDistribution
    ):
        try:
            for choice in d.choices:
                parameter.transform.forward(choice, {})
        except transforms.OutsideSpaceError as error:
            raise UserError(f"{where}: {error}; more names go into 'transform'") from None


def _check_argument(argument: str, algorithm: Algorithm, where: str) -> object:
    """SB3's default of an argument, after checking that the model takes it."""
    top = argument.split(".")[0]
    taken = dict(inspect.signature(algorithm.model_class.__init__).parameters)
    if top in taken:
        default = taken[top].default
        return None if default is inspect.Parameter.empty or "." in argument else default
    if top in _ZOO_ARGUMENTS:
        return None
    names = [name for name in taken if name not in ("self", "env", "seed", "device", "verbose")]
    raise UserError(f"{where}: {unknown_name(f'argument of {algorithm.model_class.__name__}', top, names)}")


def to_entry(parameter: Parameter) -> dict[str, Any]:
    """The entry that declares all of a parameter."""
    entry = range_entry(parameter.distribution)
    entry["argument"] = parameter.argument
    default = parameter.default
    if isinstance(default, SameAs):
        default = {"same_as": default.argument, "default": default.default}
    entry["default"] = default
    if not isinstance(parameter.transform, transforms.Identity):
        entry["transform"] = transform_entry(parameter.transform)
    if parameter.when:
        entry["when"] = {other: list(values) for other, values in parameter.when.items()}
    if parameter.otherwise is not UNSET:
        entry["otherwise"] = parameter.otherwise
    if parameter.requires:
        entry["requires"] = sorted(parameter.requires)
    if parameter.widened:
        entry["widened"] = {feature: range_entry(wider) for feature, wider in parameter.widened.items()}
    entry["source"] = parameter.source
    return entry
