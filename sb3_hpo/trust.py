"""Which modules a configuration may name when it comes from a storage rather than from the user."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sb3_hpo.errors import UserError

TRUSTED_PACKAGES = frozenset({"gymnasium", "rl_zoo3", "sb3_contrib", "stable_baselines3"})
"""Packages whose wrappers, callbacks and policies may always be used."""

_ARGUMENTS_WITH_NAMES = ("callback", "env_wrapper", "policy", "vec_env_wrapper")
"""Arguments in which the zoo imports what a dotted name names (rl_zoo3, ``utils.py``)."""


def check_modules(configuration: Mapping[str, Any], allowed: Collection[str], origin: str) -> None:
    """Check that a configuration names classes of trusted or allowed packages only.

    :param configuration: a configuration, in the zoo's notation
    :param allowed: modules that the user named, such as those of ``--gym-packages``
    :param origin: where the configuration was read, for the error message
    :raises UserError: naming the first class of another package
    """
    packages = TRUSTED_PACKAGES | {module.partition(".")[0] for module in allowed}
    for argument in _ARGUMENTS_WITH_NAMES:
        for name in _names(configuration.get(argument)):
            package = name.partition(".")[0]
            if "." in name and package not in packages:
                raise UserError(
                    f"{argument} in {origin} names {name!r}: if you trust it, allow its package with "
                    f"--gym-packages {package}"
                )


def check_same_modules(configuration: Mapping[str, Any], base: Mapping[str, Any], origin: str) -> None:
    """Check that a trial's configuration names the classes that its study's does: none of them is ever tuned.

    :param base: the configuration that the study was tuned from
    :raises UserError: naming the first argument that differs
    """
    for argument in _ARGUMENTS_WITH_NAMES:
        if configuration.get(argument) != base.get(argument):
            raise UserError(
                f"{origin} has {argument} {configuration.get(argument)!r}, its study has {base.get(argument)!r}: "
                "somebody changed it in the storage, so it is not trained"
            )


def _names(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from map(str, value)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from _names(entry)
