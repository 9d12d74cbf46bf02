"""A configuration: hyperparameters as the zoo's YAML has them, with nested arguments as plain mappings."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from sb3_hpo import zoo_text
from sb3_hpo.errors import UserError
from sb3_hpo.yaml_numbers import read_exponent

NESTED_ARGUMENTS = (
    "policy_kwargs",
    "replay_buffer_class",
    "replay_buffer_kwargs",
    "monitor_kwargs",
    "normalize",
)
"""Arguments that the zoo's YAML may give as text to be evaluated (rl_zoo3, ``exp_manager.py``)."""

TUPLE_ARGUMENTS = ("monitor_kwargs",)
"""Nested arguments whose sequences have to be tuples: SB3's ``Monitor`` joins them with tuples of its own."""

NOISE_ARGUMENTS = ("noise_type", "noise_std")
"""Arguments of which the zoo makes SB3's ``action_noise``."""

_ARGUMENTS_OF_OTHERS = ("env_kwargs", "env_wrapper", "vec_env_wrapper", "monitor_kwargs", "callback")
"""Arguments in which text is passed on as it stands: what it is, the user's own code knows."""

_PREFIXES = {"torch.nn": "nn.", "torch.optim": "th.optim."}


def from_zoo(hyperparams: Mapping[str, Any]) -> dict[str, Any]:
    """The plain configuration for an entry of a zoo YAML file.

    Numbers such as ``1e-4``, which YAML reads as text, are numbers again, but in arguments that others than SB3 get.

    :raises UserError: if an argument cannot be read without running it as code
    """
    return {
        key: _nested(key, value) if key in NESTED_ARGUMENTS and isinstance(value, str) else _plain(key, value)
        for key, value in hyperparams.items()
    }


def checked(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration that comes from a storage, once it is clear that the zoo would run none of it as code.

    :param configuration: in the zoo's notation
    :raises UserError: if it holds text that is more than plain values
    """
    return to_zoo(from_zoo(configuration))


def to_zoo(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of a zoo YAML file for a plain configuration: the inverse of :func:`from_zoo`."""
    return {
        key: zoo_text.render(value, tuples=key in TUPLE_ARGUMENTS)
        if key in NESTED_ARGUMENTS and (isinstance(value, Mapping) or zoo_text.is_symbol(value))
        else copy.deepcopy(value)
        for key, value in configuration.items()
    }


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes``; nested arguments are merged entry by entry. Neither is modified.

    A ``noise_type`` of None takes the noise away, whatever the base has: the zoo knows no other way to say so.
    """
    merged = _merge(base, changes)
    if merged.get("noise_type", "") is None:
        return {key: value for key, value in merged.items() if key not in NOISE_ARGUMENTS}
    return merged


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(dict(base))
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), dict):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def _nested(name: str, text: str) -> object:
    value = zoo_text.parse(text)
    if isinstance(value, str) and not zoo_text.is_symbol(value):
        # Text within text: the zoo would evaluate it once more.
        raise UserError(f"hyperparameter {name!r} is the text {value!r}: give dict(...), a number or a class")
    return value


def _text_key(name: str, key: object) -> str:
    if isinstance(key, str):
        return key
    # A study is kept as JSON, which would make text of it: the environment would get another key than was given.
    raise UserError(
        f"hyperparameter {name!r} has the key {key!r}: a study keeps keys that are text only, put it in quotes"
    )


def _plain(name: str, value: object) -> object:
    if isinstance(value, str) and name not in _ARGUMENTS_OF_OTHERS:
        return read_exponent(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {_text_key(name, key): _plain(name, entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(name, entry) for entry in value]
    if isinstance(value, type):
        prefix = next((p for module, p in _PREFIXES.items() if value.__module__.startswith(module)), "")
        if zoo_text.is_symbol(prefix + value.__name__):
            return prefix + value.__name__
    raise UserError(f"hyperparameter {name!r} is {value!r}: only numbers, text, lists and mappings can be tuned from")
