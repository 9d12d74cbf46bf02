"""A range of a search space as an entry of a YAML file, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from sb3_hpo.errors import UserError, unknown_name
from sb3_hpo.yaml_numbers import required_number

if TYPE_CHECKING:
    from sb3_hpo.transforms import Plain

_KIND: dict[type, str] = {
    FloatDistribution: "float",
    IntDistribution: "int",
    CategoricalDistribution: "categorical",
}


def read_range(entry: Mapping[str, Any], before: BaseDistribution | None, where: str) -> BaseDistribution:
    """What a parameter is sampled from, as an entry declares or changes it.

    :param before: what it was sampled from, for what the entry leaves out; None where there is nothing before
    :param where: where it was read, for error messages
    :raises UserError: naming what is wrong with the entry
    """
    if "value" in entry:
        return CategoricalDistribution([_plain(entry["value"], where)])
    kind = entry.get("type", "categorical" if "choices" in entry else _KIND.get(type(before)))
    if kind == "categorical":
        choices = entry.get("choices", getattr(before, "choices", ()))
        return CategoricalDistribution([_plain(choice, where) for choice in as_list(choices, where)])
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
        step = 1 if step is None else int(required_number(step, kind, "step", where))
        return IntDistribution(int(low), int(high), log=log, step=step)
    return FloatDistribution(
        low, high, log=log, step=None if step is None else required_number(step, kind, "step", where)
    )


def _bound(entry: Mapping[str, Any], before: BaseDistribution | None, key: str, kind: str, where: str) -> float:
    value = entry.get(key, getattr(before, key, None))
    if value is None:
        raise UserError(f"{where} has no {key!r}: give the end of its range")
    return required_number(value, kind, key, where)


def range_entry(d: BaseDistribution) -> dict[str, Any]:
    """The entry that declares a range: the inverse of :func:`read_range`."""
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


def _plain(value: object, where: str) -> Plain:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise UserError(f"{where}: {value!r} is no plain value: name it, and give its meaning in 'transform'")


def as_mapping(value: object, key: str, meaning: str, where: str) -> Mapping[Any, Any]:
    """The value, where it is a mapping.

    :raises UserError: if it is none
    """
    if isinstance(value, Mapping):
        return value
    raise UserError(f"{where}: {key} is {value!r}, it must be a mapping {meaning}")


def as_list(value: object, where: str) -> Sequence[Any]:
    """The value, where it is a list.

    :raises UserError: if it is none
    """
    if isinstance(value, (list, tuple)):
        return value
    raise UserError(f"{where}: {value!r} must be a list")
