"""Plain values -> the objects that SB3's constructors take. The only place where names become classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sb3_hpo import zoo_text
from sb3_hpo.configuration import NESTED_ARGUMENTS, TUPLE_ARGUMENTS
from sb3_hpo.errors import UserError


def to_objects(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with the names in its nested arguments replaced by classes: ``"nn.ReLU"`` by ``nn.ReLU``.

    What the monitor takes has tuples in the place of lists.
    """
    return {
        key: _objects(value, tuple if key in TUPLE_ARGUMENTS else list) if key in NESTED_ARGUMENTS else value
        for key, value in configuration.items()
    }


def _objects(value: object, sequence: type[list[object]] | type[tuple[object, ...]]) -> object:
    if isinstance(value, Mapping):
        return {key: _objects(entry, sequence) for key, entry in value.items()}
    if isinstance(value, list):
        return sequence(_objects(entry, sequence) for entry in value)
    if zoo_text.is_symbol(value):
        return _class_of(str(value))
    return value


def _class_of(symbol: str) -> type:
    import torch
    from stable_baselines3 import HerReplayBuffer
    from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike

    *path, name = symbol.split(".")
    if not path:
        return {"HerReplayBuffer": HerReplayBuffer, "RMSpropTFLike": RMSpropTFLike}[name]
    namespace, base = (torch.optim, torch.optim.Optimizer) if path[-1] == "optim" else (torch.nn, torch.nn.Module)
    found = getattr(namespace, name, None)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise UserError(f"{symbol} is no class of torch.{path[-1]}")
    return found
