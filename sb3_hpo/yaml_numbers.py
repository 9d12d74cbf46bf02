"""Numbers in YAML. Version 1.1, which everyone reads, takes ``1e-5`` for text: it has no dot."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, cast

from sb3_hpo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
"""What YAML 1.1 takes for text unless it has both a dot and the sign of its exponent."""


def read_exponent(text: str) -> object:
    """The number that was meant where YAML has made text of it, otherwise the text: what was quoted stays text.

    :return: an int where it is a whole number, as ``buffer_size: 1e5`` has to be
    """
    return read_number(text, whole=True) if _EXPONENT.fullmatch(text) else text


def required_number(value: object, kind: str, key: str, where: str) -> float:
    """A number, a whole one where the parameter takes no other.

    :param kind: ``"int"`` where it has to be a whole one
    :param key: what it is
    :param where: where it was read, for error messages
    :raises UserError: if it is none
    """
    try:
        number = math.nan if isinstance(value, bool) else float(cast("str", value))
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or (kind == "int" and number != int(number)):
        raise UserError(f"{where}: {key} is {value!r}, it must be a {'whole ' if kind == 'int' else ''}number")
    return int(number) if kind == "int" else number


def with_numbers(entry: Mapping[str, Any], whole: bool) -> dict[str, Any]:
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


def is_whole_number(value: object) -> bool:
    """Whether a value is a whole number, or text that stands for one."""
    if isinstance(value, str):
        value = read_number(value, whole=True)
    return isinstance(value, int) and not isinstance(value, bool)
