"""Arguments that the zoo makes objects of (rl_zoo3, ``exp_manager.py``), checked before it fails to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution

from sb3_hpo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sb3_hpo.search_space import SearchSpace

_NOISE_TYPES = ("normal", "ornstein-uhlenbeck")

_SCHEDULES = ("learning_rate", "clip_range", "clip_range_vf", "delta_std")
"""Arguments that may fall with the progress of a training: ``_preprocess_schedules`` of the zoo's manager."""


def check_noise(configuration: Mapping[str, Any]) -> None:
    """Check that the zoo can make an action noise of what a configuration says of it.

    :raises UserError: if it cannot
    """
    kind, std = configuration.get("noise_type"), configuration.get("noise_std")
    if kind is None:
        return
    _check_noise_type(kind)
    if isinstance(std, bool) or not isinstance(std, (int, float)):
        raise UserError(f"noise_std is {std!r}, it must be a number: noise_type is {kind!r}")


def check_noise_types(space: SearchSpace) -> None:
    """Check that the zoo knows every kind of action noise that a search space has.

    :raises UserError: for the first that it does not know
    """
    for parameter in space:
        d = parameter.distribution
        if parameter.argument == "noise_type" and isinstance(d, CategoricalDistribution):
            for choice in d.choices:
                kind = parameter.transform.forward(choice, {})
                if kind is not None:
                    _check_noise_type(kind)


def _check_noise_type(kind: object) -> None:
    if not (isinstance(kind, str) and any(known in kind for known in _NOISE_TYPES)):
        raise UserError(f"noise_type is {kind!r}, it must be {' or '.join(_NOISE_TYPES)}, or left out for no noise")


def check_schedules(configuration: Mapping[str, Any]) -> None:
    """Check that what may be a schedule is a number, or text of which the zoo makes a linear one.

    :raises UserError: for the first that is neither
    """
    for name in _SCHEDULES:
        value = configuration.get(name, 0.0)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number and not (isinstance(value, str) and _is_linear(value)):
            raise UserError(f"{name} is {value!r}, it must be a number, or a linear schedule such as lin_0.001")


def _is_linear(text: str) -> bool:
    parts = text.split("_")
    try:
        return len(parts) == 2 and math.isfinite(float(parts[1]))
    except ValueError:
        return False
