"""A configuration as YAML that the stock zoo trains with, its evidence in comments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from sb3_hpo.scores import iqm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial


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


def trial_yaml(
    algo: str,
    env_id: str,
    study_name: str,
    trial: FrozenTrial,
    configuration: Mapping[str, Any],
    scores: Sequence[float],
) -> str:
    """A trial's configuration, with what the study knows of it in comments.

    :param configuration: the trial's whole configuration, in the zoo's notation
    :param scores: its validation scores, one per seed that the search never saw; empty if it was not validated
    """
    outcome = (
        f"{trial.state.name.lower()}, score {trial.value}" if trial.value is not None else trial.state.name.lower()
    )
    comments = [f"{algo} on {env_id}: trial {trial.number} of study {study_name} ({outcome})."]
    if scores:
        listed = ", ".join(f"{score:.1f}" for score in scores)
        comments.append(f"Mean returns on seeds that the search never saw: {listed}; IQM {float(iqm(scores)):.1f}.")
    else:
        comments.append("Not validated on seeds that the search never saw: expect less than the score.")
    return zoo_yaml(env_id, configuration, comments)


def _in_order(configuration: Mapping[str, Any]) -> list[str]:
    """What the zoo's own files begin with first, the rest as it comes."""
    first = [key for key in ("n_timesteps", "n_envs", "policy") if key in configuration]
    return [*first, *(key for key in configuration if key not in first)]
