"""A parameter as an entry of a YAML file, and back. Declarations, never code."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from sb3_hpo import transforms
from sb3_hpo.errors import UserError, one_line, unknown_name
from sb3_hpo.parameter import UNSET, Parameter, SameAs

if TYPE_CHECKING:
    from sb3_hpo.algorithms import Algorithm
    from sb3_hpo.transforms import Plain, Transform

_TRANSFORMS: tuple[type, ...] = (
    transforms.Identity,
    transforms.ZeroAt,
    transforms.OneMinus,
    transforms.PowerOfTwo,
    transforms.FractionOf,
    transforms.Named,
    transforms.AtLeast,
    transforms.NetArch,
    transforms.Schedule,
)

_TRANSFORMS_OF_NAMES = (transforms.Named, transforms.NetArch, transforms.Schedule)
"""Transforms of which the sampled values are names, even where a name looks like a number."""

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
    transform = _transform(entry["transform"], where) if "transform" in entry else None
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
    if not isinstance({**kept, **given}.get("transform"), _TRANSFORMS_OF_NAMES):
        whole = _is_whole_number({**kept, **given}["default"])
        given.update({key: read_number(given[key], whole) for key in ("default", "otherwise") if key in given})
        entry = {**entry, **_with_numbers(entry, whole)}
    if "when" in entry:
        when = _mapping(entry["when"], "when", "of parameters to lists of their values", where)
        given["when"] = {str(other): tuple(_list(values, where)) for other, values in when.items()}
    if "requires" in entry:
        given["requires"] = frozenset(_list(entry["requires"], where))
    if "widened" in entry:
        given["widened"] = _widened(entry["widened"], where)
    elif _RANGE_KEYS & entry.keys():
        given["widened"] = {}  # A range that was edited holds for every task.
    distribution = _distribution(entry, before.distribution if before else None, where)
    changed = Parameter(**{**kept, **given, "name": name, "argument": argument, "distribution": distribution})
    _check_names(changed, where)
    return changed


def _widened(entry: object, where: str) -> dict[str, BaseDistribution]:
    """What a parameter is sampled from on tasks with a feature, by feature."""
    ranges = _mapping(entry, "widened", "of features to ranges", where)
    return {
        str(feature): _distribution(_mapping(wider, f"widened {feature}", "that says its range", where), None, where)
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


def _distribution(entry: Mapping[str, Any], before: BaseDistribution | None, where: str) -> BaseDistribution:
    if "value" in entry:
        return CategoricalDistribution([_plain(entry["value"], where)])
    kind = entry.get("type", "categorical" if "choices" in entry else _KIND.get(type(before)))
    if kind == "categorical":
        choices = entry.get("choices", getattr(before, "choices", ()))
        return CategoricalDistribution([_plain(choice, where) for choice in _list(choices, where)])
    if kind not in ("int", "float"):
        raise unknown_name(f"type of {where}", kind, ("categorical", "float", "int"))
    log = bool(entry.get("log", getattr(before, "log", False)))
    low, high = (_bound(entry, before, key, kind, where) for key in ("low", "high"))
    if low > high:
        raise UserError(f"{where}: low {low!r} is above high {high!r}")
    if log and low <= 0:
        raise UserError(f"{where}: low {low!r} must be above 0 on a log scale")
    step = None if log else entry.get("step", getattr(before, "step", None))
    if kind == "int":
        step = 1 if step is None else int(_number(step, kind, "step", where))
        return IntDistribution(int(low), int(high), log=log, step=step)
    return FloatDistribution(low, high, log=log, step=None if step is None else _number(step, kind, "step", where))


def _bound(entry: Mapping[str, Any], before: BaseDistribution | None, key: str, kind: str, where: str) -> float:
    value = entry.get(key, getattr(before, key, None))
    if value is None:
        raise UserError(f"{where} has no {key!r}: give the end of its range")
    return _number(value, kind, key, where)


_KIND: dict[type, str] = {
    FloatDistribution: "float",
    IntDistribution: "int",
    CategoricalDistribution: "categorical",
}


def _number(value: object, kind: str, key: str, where: str) -> float:
    """A number, a whole one where the parameter takes no other. YAML reads 1e-5, without a dot, as text."""
    try:
        number = math.nan if isinstance(value, bool) else float(cast("str", value))
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or (kind == "int" and number != int(number)):
        raise UserError(f"{where}: {key} is {value!r}, it must be a {'whole ' if kind == 'int' else ''}number")
    return int(number) if kind == "int" else number


def _with_numbers(entry: Mapping[str, Any], whole: bool) -> dict[str, Any]:
    """What an entry says of single values, with text that is a number read as one."""
    read: dict[str, Any] = {"value": read_number(entry["value"], whole)} if "value" in entry else {}
    if isinstance(entry.get("choices"), (list, tuple)):
        read["choices"] = [read_number(choice, whole) for choice in entry["choices"]]
    return read


def read_number(value: object, whole: bool) -> object:
    """The number that text stands for, otherwise the value itself: YAML reads 1e-5, without a dot, as text.

    :param whole: whether a whole number is meant where it is one
    :return: a float, or an int where a whole number is meant; text such as ``inf`` stays text
    """
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    if not math.isfinite(number):
        return value
    return int(number) if whole and number == int(number) else number


def _is_whole_number(value: object) -> bool:
    if isinstance(value, str):
        value = read_number(value, whole=True)
    return isinstance(value, int) and not isinstance(value, bool)


def _plain(value: object, where: str) -> Plain:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise UserError(f"{where}: {value!r} is no plain value: name it, and give its meaning in 'transform'")


def _mapping(value: object, key: str, meaning: str, where: str) -> Mapping[Any, Any]:
    if isinstance(value, Mapping):
        return value
    raise UserError(f"{where}: {key} is {value!r}, it must be a mapping {meaning}")


def _list(value: object, where: str) -> Sequence[Any]:
    if isinstance(value, (list, tuple)):
        return value
    raise UserError(f"{where}: {value!r} must be a list")


def to_entry(parameter: Parameter) -> dict[str, Any]:
    """The entry that declares all of a parameter."""
    entry = _range_entry(parameter.distribution)
    entry["argument"] = parameter.argument
    default = parameter.default
    if isinstance(default, SameAs):
        default = {"same_as": default.argument, "default": default.default}
    entry["default"] = default
    if not isinstance(parameter.transform, transforms.Identity):
        entry["transform"] = _transform_entry(parameter.transform)
    if parameter.when:
        entry["when"] = {other: list(values) for other, values in parameter.when.items()}
    if parameter.otherwise is not UNSET:
        entry["otherwise"] = parameter.otherwise
    if parameter.requires:
        entry["requires"] = sorted(parameter.requires)
    if parameter.widened:
        entry["widened"] = {feature: _range_entry(wider) for feature, wider in parameter.widened.items()}
    entry["source"] = parameter.source
    return entry


def _range_entry(d: BaseDistribution) -> dict[str, Any]:
    if isinstance(d, CategoricalDistribution):
        return {"type": "categorical", "choices": list(d.choices)}
    if not isinstance(d, (FloatDistribution, IntDistribution)):
        raise TypeError(f"distribution {d!r} has no notation")
    entry: dict[str, Any] = {"type": _KIND[type(d)], "low": d.low, "high": d.high}
    if d.log:
        entry["log"] = True
    elif d.step not in (None, 1):
        entry["step"] = d.step
    return entry


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


_TRANSFORM_OF = {_snake(kind.__name__): kind for kind in _TRANSFORMS}


def _transform_entry(transform: Transform) -> object:
    name = _snake(type(transform).__name__)
    if name not in _TRANSFORM_OF:
        raise UserError(f"transform {transform!r} has no name in YAML")
    values = {
        field.name: _as_yaml(value)
        for field in dataclasses.fields(cast("Any", transform))
        if (value := getattr(transform, field.name)) not in (None, ())
    }
    return {name: values} if values else name


def _as_yaml(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _as_yaml(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_yaml(entry) for entry in value]
    return value


def _transform(entry: object, where: str) -> Transform:
    name, values = next(iter(entry.items())) if isinstance(entry, Mapping) and len(entry) == 1 else (entry, {})
    if name not in _TRANSFORM_OF:
        raise unknown_name(f"transform of {where}", name, _TRANSFORM_OF)
    kind = _TRANSFORM_OF[cast("str", name)]
    fields = [field.name for field in dataclasses.fields(kind)]
    if not isinstance(values, Mapping):
        raise UserError(f"{where}: transform {name!r} takes a mapping of {', '.join(fields)}, not {values!r}")
    for key in values:
        if key not in fields:
            raise unknown_name(f"entry of transform {name!r} of {where}", key, fields)
    if kind not in _TRANSFORMS_OF_NAMES:
        values = {key: read_number(value, whole=False) for key, value in values.items()}
    made = kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
    return cast("Transform", made)
