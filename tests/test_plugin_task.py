from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import pytest
from rl_zoo3.exp_manager import ExperimentManager

from sb3_hpo.plugin.task import ZooTraining

if TYPE_CHECKING:
    from pathlib import Path

SMALL, LARGE = {"map_name": "4x4"}, {"map_name": "8x8"}
N_FIELDS = {"small": 16, "large": 64}


def n_fields(training: ZooTraining, *, for_evaluation: bool) -> int:
    """How many fields the lake of a training, or that of its evaluations, has."""
    env = training.create_eval_env(seed=0, n_envs=1) if for_evaluation else training.create_model(seed=0).env
    assert env is not None
    try:
        return int(env.observation_space.n)
    finally:
        env.close()


@pytest.mark.parametrize(
    ("in_file", "options", "trained", "evaluated"),
    [
        (LARGE, {}, "large", "large"),
        (LARGE, {"eval_env_kwargs": SMALL}, "large", "small"),
        (None, {"env_kwargs": LARGE}, "large", "large"),
        (None, {"env_kwargs": LARGE, "eval_env_kwargs": SMALL}, "large", "small"),
        (LARGE, {"env_kwargs": LARGE}, "large", "large"),
        (None, {"eval_env_kwargs": LARGE}, "small", "large"),
        (None, {}, "small", "small"),
    ],
)
def test_evaluated_is_what_is_trained_on_unless_told_otherwise(
    in_file: dict[str, Any] | None, options: dict[str, Any], trained: str, evaluated: str, tmp_path: Path
) -> None:
    experiment = ExperimentManager(
        argparse.Namespace(),
        "dqn",
        "FrozenLake-v1",
        str(tmp_path),
        optimize_hyperparameters=True,
        device="cpu",
        verbose=0,
        **options,
    )
    configuration = {"policy": "MlpPolicy", "n_timesteps": 100, "buffer_size": 100}
    training = ZooTraining(experiment, configuration | ({} if in_file is None else {"env_kwargs": in_file}))
    assert n_fields(training, for_evaluation=False) == N_FIELDS[trained]
    assert n_fields(training, for_evaluation=True) == N_FIELDS[evaluated]
    # What one configuration says of its environments is nothing to the next one.
    assert experiment.env_kwargs == options.get("env_kwargs", {})
