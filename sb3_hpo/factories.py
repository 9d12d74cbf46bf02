"""Build an Optuna object from its name's class and plain keyword arguments, with mistakes told by name and value."""

from __future__ import annotations

import inspect
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from optuna.exceptions import ExperimentalWarning

from sb3_hpo.entry_points import entry_points
from sb3_hpo.errors import UserError, one_line, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "None": (type(None),),
}
"""What a value may be where the signature names these types. True counts as a number in Python; not here."""

_OBJECTS = ("Callable", "Sampler", "Pruner", "Trial")
"""Parts of type names whose values YAML cannot give."""


def build(
    kind: str,
    name: str,
    make: Callable[..., T],
    given: Mapping[str, Any],
    *,
    preset: Mapping[str, Any],
    fixed: str = "",
) -> T:
    """Call ``make`` with the keyword arguments a user gave, in addition to those that this project sets.

    Optuna's warning that a class or an option is experimental is not shown: its user asked for it by name.

    :param kind: ``"sampler"`` or ``"pruner"``, for messages
    :param name: the name the user gave, for messages
    :param given: the user's keyword arguments
    :param preset: this project's, which those of the user override
    :param fixed: a keyword of ``preset`` that a user cannot override
    :raises UserError: for a keyword that ``make`` does not have, a value of another type, and one that it refuses
    """
    check_keywords(kind, name, make, given, fixed)
    keywords = {**preset, **given}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return make(**keywords)
    except (TypeError, ValueError) as error:
        shown = ", ".join(f"{key} {value!r}" for key, value in (given or keywords).items() if key != fixed)
        raise UserError(f"{kind} {name!r} does not take {shown or 'no options'}: {one_line(error)}") from error


def check_keywords(kind: str, name: str, make: Callable[..., Any], given: Mapping[str, Any], fixed: str = "") -> None:
    """Check keyword arguments against a signature.

    :raises UserError: naming the first that is unknown or has a value of another type
    """
    parameters = keywords_of(make)
    takes_any = any(p.kind == inspect.Parameter.VAR_KEYWORD for p in inspect.signature(make).parameters.values())
    settable = [key for key, p in parameters.items() if key != fixed and not _is_object(_type_name(p))]
    for key, value in given.items():
        if fixed and key == fixed:
            raise UserError(f"{kind}_kwargs: {key} of {kind} {name!r} is not given here: --seed sets it")
        if key in parameters and key not in settable:
            raise UserError(f"{kind}_kwargs: {key} of {kind} {name!r} is an object of Python, which YAML cannot give")
        if key not in parameters:
            if takes_any:
                continue
            raise unknown_name(f"option in {kind}_kwargs of {kind} {name!r}", key, settable)
        _check_type(f"{kind}_kwargs: {key}", value, _type_name(parameters[key]))


def keywords_of(make: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters of a class or function that can be given by keyword."""
    by_keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {key: p for key, p in inspect.signature(make).parameters.items() if p.kind in by_keyword}


def load_factory(kind: str, name: str, group: str, result: type) -> Callable[..., Any]:
    """The class or function that an installed package names by an entry point.

    :param result: what a class has to be a subclass of
    :raises UserError: if it cannot be loaded or is no such thing
    """
    point = next(point for point in entry_points(group=group) if point.name == name)
    try:
        make = point.load()
    except (ImportError, AttributeError) as error:
        raise UserError(f"{kind} {name!r} cannot be loaded from {point.value!r}: {error}") from error
    is_wrong_class = inspect.isclass(make) and not issubclass(make, result)
    if is_wrong_class or not callable(make):
        raise UserError(
            f"{kind} {name!r}: {point.value!r} is {make!r}, it must be a subclass of optuna's {result.__name__} or a "
            "function that returns one"
        )
    factory: Callable[..., Any] = make
    return factory


def names_in(group: str) -> list[str]:
    """Names that installed packages declare in a group of entry points, sorted."""
    return sorted({point.name for point in entry_points(group=group)})


def _type_name(parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _is_object(type_name: str) -> bool:
    return any(part in type_name for part in _OBJECTS)


def _check_type(what: str, value: object, type_name: str) -> None:
    names = type_name.split(" | ")
    if not set(names) <= _TYPES.keys():
        return
    accepted = tuple({t for name in names for t in _TYPES[name]})
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
        raise UserError(f"{what} is {value!r}, it must be {' or '.join(names)}")
