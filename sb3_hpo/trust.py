"""Which modules a configuration may name when it comes from a storage rather than from the user."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sb3_hpo.errors import UserError

TRUSTED_PACKAGES = frozenset({"gymnasium", "rl_zoo3", "sb3_contrib", "stable_baselines3"})
"""Packages whose wrappers, callbacks and policies may always be used."""

_OWN_PACKAGE = "sb3_hpo"
"""Named by ``--gym-packages`` to turn the plugin on, which allows no more of it than of a trusted package."""

_ARGUMENTS_WITH_NAMES = {
    "callback": "stable_baselines3.common.callbacks.BaseCallback",
    "env_wrapper": "gymnasium.Wrapper",
    "policy": "stable_baselines3.common.policies.BasePolicy",
    "vec_env_wrapper": "stable_baselines3.common.vec_env.VecEnvWrapper",
}
"""Arguments in which the zoo imports and calls what a dotted name names (rl_zoo3, ``utils.py``), and what it has to be
a subclass of."""


def check_modules(configuration: Mapping[str, Any], allowed: Collection[str], origin: str) -> None:
    """Check that a configuration names classes of trusted or allowed packages only.

    The zoo calls what is named with arguments that come from the storage, too. Of a trusted package it may therefore be
    a class of the argument's kind only: a function such as ``gymnasium.make`` imports and runs what its arguments say.
    A name of a trusted package that does not exist is left to the zoo, which cannot call it.

    :param configuration: a configuration, in the zoo's notation
    :param allowed: modules that the user named, such as those of ``--gym-packages``
    :param origin: where the configuration was read, for the error message
    :raises UserError: naming the first class of another package, or the first name that is of no such class
    """
    named = {module.partition(".")[0] for module in allowed}
    free = named - {_OWN_PACKAGE}
    for argument, kind in _ARGUMENTS_WITH_NAMES.items():
        for name in _names(configuration.get(argument)):
            package = name.partition(".")[0]
            if "." not in name or package in free:
                continue
            if package not in TRUSTED_PACKAGES | named:
                raise UserError(
                    f"{argument} in {origin} names {name!r}: if you trust it, allow its package with "
                    f"--gym-packages {package}"
                )
            if not _is_a(name, kind):
                raise UserError(
                    f"{argument} in {origin} names {name!r}, which is no subclass of {kind}: do not trust this storage"
                )


def _is_a(name: str, kind: str) -> bool:
    """Whether a dotted name is that of a subclass of another one, or names nothing at all.

    :param name: of a trusted package: it is imported
    """
    with contextlib.suppress(ImportError, AttributeError):
        found = _found(name)
        return isinstance(found, type) and issubclass(found, _found(kind))
    return True


def _found(name: str) -> Any:
    """What the zoo finds under a dotted name (rl_zoo3, ``utils.py``, ``get_class_by_name``)."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


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
