"""A configuration as YAML that the stock zoo trains with, its evidence in comments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def zoo_yaml(env_id: str, configuration: Mapping[str, Any], comments: Sequence[str]) -> str:
    """A zoo configuration file with one entry.

    :param env_id: Gymnasium's id of the environment
    :param configuration: the whole configuration, in the zoo's notation
    :param comments: lines that stand before the entry
    """
    lines = [line for comment in comments for line in (comment.splitlines() or [""])]
    header = "".join(f"# {line}".rstrip() + "\n" for line in lines)
    ordered = {key: configuration[key] for key in _in_order(configuration)}
    return header + yaml.safe_dump({env_id: ordered}, sort_keys=False, width=1_000)


def _in_order(configuration: Mapping[str, Any]) -> list[str]:
    """What the zoo's own files begin with first, the rest as it comes."""
    first = [key for key in ("n_timesteps", "n_envs", "policy") if key in configuration]
    return [*first, *(key for key in configuration if key not in first)]
