"""What is tuned, seen from the search: something that turns a configuration into models and environments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import VecEnv


class Training(Protocol):
    """One configuration, ready to be trained with any seed."""

    @property
    def n_timesteps(self) -> int:
        """Environment steps of one training."""

    def create_model(self, seed: int) -> BaseAlgorithm:
        """A new model with its training environments, all seeded with ``seed``."""

    def save(self, model: BaseAlgorithm, folder: Path) -> None:
        """Write a model that pauses, with all that it needs to go on, into a folder."""

    def restore(self, folder: Path, seed: int) -> BaseAlgorithm | None:
        """The model that was written into a folder, with new training environments, all seeded with ``seed``.

        None for an algorithm that cannot go on.
        """

    def create_eval_env(self, seed: int, n_envs: int) -> VecEnv:
        """New environments for evaluation, wrapped as the training ones are."""

    def learn(self, model: BaseAlgorithm, callbacks: Sequence[BaseCallback]) -> None:
        """Train the model up to :attr:`n_timesteps` with these callbacks and those of the configuration."""


class Task(Protocol):
    """An algorithm on an environment, with the configuration that tuning starts from."""

    @property
    def algo(self) -> str:
        """Name of the algorithm."""

    @property
    def env_id(self) -> str:
        """Gymnasium's id of the environment."""

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The configuration tuned from: plain values, ``n_timesteps`` included."""

    @property
    def deterministic_eval(self) -> bool:
        """Whether the policy acts deterministically when it is evaluated."""

    @property
    def features(self) -> frozenset[str]:
        """What the task has that parameters may require: see :mod:`sb3_hpo.features`."""

    @property
    def max_episode_steps(self) -> int | None:
        """Steps after which an episode ends at the latest; None if unknown or never."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """How its environments are made, beside the configuration: plain values that are kept in the study."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What the environment is, in text: two of the same name that differ in it are not the same problem."""

    def prepare(self, configuration: Mapping[str, Any]) -> Training:
        """Make a configuration ready for training."""
