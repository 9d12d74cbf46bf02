"""The versions that a study was made with, and how those of a worker differ."""

from __future__ import annotations

import functools
import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PACKAGES = (
    "sb3-hpo",
    "stable-baselines3",
    "sb3-contrib",
    "rl-zoo3",
    "gymnasium",
    "torch",
    "numpy",
    "optuna",
)
"""Packages of which another version may train differently."""

ABSENT = "not installed"


def installed_versions(modules: Sequence[str] = ()) -> dict[str, str]:
    """Versions of Python, of :data:`PACKAGES` and of the packages that some modules belong to.

    :param modules: modules that register environments
    """
    distributions = _packages_distributions(tuple(sys.path)) if modules else {}
    named = [name for module in modules for name in distributions.get(module.partition(".")[0], [])]
    versions = {"python": ".".join(platform.python_version_tuple()[:2])}
    versions.update({name: _version(name) for name in dict.fromkeys((*PACKAGES, *named))})
    return versions


def differences(study: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """What differs, in words.

    :param study: the versions that a study was made with
    :param here: those of this machine
    """
    return [
        f"{name}: {version} in the study, {here.get(name, ABSENT)} here"
        for name, version in study.items()
        if here.get(name, ABSENT) != version
    ]


@functools.cache
def _packages_distributions(path: tuple[str, ...]) -> Mapping[str, list[str]]:
    """Which packages each module belongs to: read once, as it takes a second with 180 packages."""
    return metadata.packages_distributions()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ABSENT
