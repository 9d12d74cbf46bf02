"""The transform of a parameter as an entry of a YAML file, and back."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from sb3_hpo import transforms
from sb3_hpo.errors import UserError, unknown_name
from sb3_hpo.yaml_numbers import read_number

if TYPE_CHECKING:
    from sb3_hpo.transforms import Transform

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

TRANSFORMS_OF_NAMES = (transforms.Named, transforms.NetArch, transforms.Schedule)
"""Transforms of which the sampled values are names, even where a name looks like a number."""


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


_TRANSFORM_OF = {_snake(kind.__name__): kind for kind in _TRANSFORMS}


def transform_entry(transform: Transform) -> object:
    """The entry that names a transform: the inverse of :func:`read_transform`.

    :raises UserError: if it has no name
    """
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


def read_transform(entry: object, where: str) -> Transform:
    """The transform that an entry names, with what it is given.

    :param where: where it was read, for error messages
    :raises UserError: naming what is wrong with the entry
    """
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
    if kind not in TRANSFORMS_OF_NAMES:
        values = {key: read_number(value, whole=False) for key, value in values.items()}
    made = kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
    return cast("Transform", made)
