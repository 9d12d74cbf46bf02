"""The zoo as a task: it turns configurations into models and environments as its own training does."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import io
from typing import TYPE_CHECKING, Any

import gymnasium as gym
from rl_zoo3.utils import ALGOS, get_callback_list
from sb3_contrib import ARS
from sb3_contrib.common.maskable.utils import is_masking_supported
from sb3_contrib.common.vec_env import AsyncEval

from sb3_hpo.checkpoints import load_model, save_model
from sb3_hpo.errors import UserError, one_line
from sb3_hpo.evaluation import uses_masks
from sb3_hpo.features import BOX_ACTIONS, configuration_features
from sb3_hpo.model_kwargs import to_objects
from sb3_hpo.plugin import ars
from sb3_hpo.plugin.devices import check_device, training_device
from sb3_hpo.zoo_arguments import check_noise, check_schedules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rl_zoo3.exp_manager import ExperimentManager
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import VecEnv


class ZooTask:
    """An algorithm on an environment as the zoo runs them. Implements :class:`sb3_hpo.task.Task`.

    :param experiment: the zoo's manager, for its options
    :param configuration: the configuration tuned from, plain, ``n_timesteps`` included
    """

    def __init__(self, experiment: ExperimentManager, configuration: Mapping[str, Any]) -> None:
        self._experiment = experiment
        self.configuration = configuration
        self.algo: str = experiment.algo
        self.env_id: str = experiment.env_name.gym_id
        self.deterministic_eval: bool = experiment.deterministic_eval

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The zoo's arguments that make a difference to the environments and the model."""
        args = self._experiment.args
        return {
            "env_kwargs": args.env_kwargs,
            "eval_env_kwargs": args.eval_env_kwargs,
            "vec_env": args.vec_env,
            "gym_packages": [module for module in args.gym_packages if module != "sb3_hpo.plugin"],
            "device": str(self._experiment.device),
        }

    @property
    def environment(self) -> Mapping[str, str]:
        """Spaces, length of an episode and threshold, wrappers included."""
        return self._environment.in_text

    def prepare(self, configuration: Mapping[str, Any]) -> ZooTraining:
        """Have the zoo pre-process a configuration."""
        return ZooTraining(self._experiment, configuration)

    @property
    def features(self) -> frozenset[str]:
        """Of the configuration and of the environment's actions."""
        from_env = {BOX_ACTIONS} if self._environment.has_box_actions else set()
        return configuration_features(self.configuration) | from_env

    @property
    def max_episode_steps(self) -> int | None:
        """As the environment's specification has it, wrappers included."""
        return self._environment.max_episode_steps

    @property
    def reward_threshold(self) -> float | None:
        """Mean return at which the environment's specification takes it for solved; None if it does not say."""
        return self._environment.reward_threshold

    def check(self) -> None:
        """Build the environment and the model of the configuration tuned from, once, before anything is spent.

        :raises UserError: if one of them cannot be built
        """
        check_device(str(self._experiment.device))
        check_noise(self.configuration)
        check_schedules(self.configuration)
        try:
            _ = self._environment
        except UserError:
            raise
        except gym.error.Error as error:
            raise UserError(f"environment {self.env_id!r} cannot be made: {one_line(error)}") from None
        except (TypeError, ValueError, AssertionError, ImportError, AttributeError) as error:
            raise UserError(
                f"{self.algo} cannot be built on {self.env_id!r} from the configuration tuned from: {one_line(error)}"
            ) from error

    @functools.cached_property
    def _environment(self) -> _Environment:
        model = self.prepare(self.configuration).create_model(seed=0)
        env = model.env
        if env is None:
            raise RuntimeError("the model was made without its environment")
        try:
            if uses_masks(model) and not is_masking_supported(env):
                raise UserError(
                    f"environment {self.env_id!r} has no method action_masks, which {self.algo} needs: add one, "
                    "or choose ppo"
                )
            spec = env.get_attr("spec", indices=0)[0]
            return _Environment(
                observation_space=str(env.observation_space),
                action_space=str(env.action_space),
                has_box_actions=isinstance(env.action_space, gym.spaces.Box),
                max_episode_steps=None if spec is None else spec.max_episode_steps,
                reward_threshold=None if spec is None else spec.reward_threshold,
            )
        finally:
            env.close()


@dataclasses.dataclass(frozen=True)
class _Environment:
    """What is known of the environment once it was built."""

    observation_space: str
    action_space: str
    has_box_actions: bool
    max_episode_steps: int | None
    reward_threshold: float | None

    @property
    def in_text(self) -> dict[str, str]:
        names = ("observation_space", "action_space", "max_episode_steps", "reward_threshold")
        return {name: str(getattr(self, name)) for name in names}


class ZooTraining:
    """A configuration pre-processed by the zoo. Implements :class:`sb3_hpo.task.Training`."""

    def __init__(self, experiment: ExperimentManager, configuration: Mapping[str, Any]) -> None:
        # The zoo keeps what it reads from a configuration in the manager: each configuration gets its own.
        self._experiment = copy.copy(experiment)
        self._experiment.verbose = 0
        self._experiment.normalize_kwargs = {}
        with _quiet():
            self._model_kwargs, self._experiment.env_wrapper, _, self._experiment.vec_env_wrapper = (
                self._experiment._preprocess_hyperparams(copy.deepcopy(to_objects(configuration)))
            )
        # The zoo reads the configuration's arguments of the environment for training alone.
        self._experiment.eval_env_kwargs = self._experiment._eval_env_kwargs_args or self._experiment.env_kwargs
        self._n_envs: int = 1 if experiment.algo == "ars" else self._experiment.n_envs

    @property
    def n_timesteps(self) -> int:
        """Environment steps of one training."""
        return int(self._experiment.n_timesteps)

    def create_model(self, seed: int) -> BaseAlgorithm:
        """A model and its environments, seeded as ``rl_zoo3 train --seed`` does."""
        env = self._create_envs(seed, self._n_envs, eval_env=False)
        try:
            with _quiet():
                kwargs = self._experiment._preprocess_action_noise(copy.deepcopy(self._model_kwargs), {}, env)
            return ALGOS[self._experiment.algo](
                env=env, seed=seed, verbose=0, device=self._device(env), tensorboard_log=None, **kwargs
            )
        except BaseException:
            env.close()
            raise

    def save(self, model: BaseAlgorithm, folder: Path) -> None:
        """Write a model as SB3 and the zoo do: weights, replay buffer, statistics of ``VecNormalize``."""
        save_model(model, folder)

    def restore(self, folder: Path, seed: int) -> BaseAlgorithm | None:
        """A model that was written, on new environments; None for ARS, whose schedules cannot go on."""
        if self._experiment.algo == "ars":
            return None
        env = self._create_envs(seed, self._n_envs, eval_env=False)
        try:
            return load_model(ALGOS[self._experiment.algo], folder, env, seed, self._device(env))
        except BaseException:
            env.close()
            raise

    def create_eval_env(self, seed: int, n_envs: int) -> VecEnv:
        """Environments for evaluation, with the zoo's wrappers."""
        return self._create_envs(seed, n_envs, eval_env=True)

    def learn(self, model: BaseAlgorithm, callbacks: Sequence[BaseCallback]) -> None:
        """Train as the zoo's own training does."""
        callbacks = [*get_callback_list({"callback": self._experiment.specified_callbacks}), *callbacks]
        if isinstance(model, ARS):
            ars.learn(model, self.n_timesteps, callbacks, self._async_eval(model))
            return
        # SB3 adds what is done already to the first; the whole training is what its schedules go by.
        n_left, is_new = self.n_timesteps - model.num_timesteps, model.num_timesteps == 0
        model.learn(n_left, callback=callbacks, reset_num_timesteps=is_new)

    def _async_eval(self, model: ARS) -> AsyncEval | None:
        n_workers = self._experiment.n_envs
        make_env = functools.partial(self._create_envs, model.seed or 0, 1, eval_env=False)
        return AsyncEval([make_env] * n_workers, model.policy) if n_workers > 1 else None

    def _device(self, env: VecEnv) -> str:
        return training_device(str(self._experiment.device), self._model_kwargs, env.observation_space)

    def _create_envs(self, seed: int, n_envs: int, *, eval_env: bool) -> VecEnv:
        experiment = copy.copy(self._experiment)
        experiment.seed = seed
        return experiment.create_envs(n_envs, eval_env=eval_env, no_log=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the zoo prints for every configuration off the screen."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
