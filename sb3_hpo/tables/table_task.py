"""A table of learning curves as a task of the project: what is trained, evaluated and paid for.

The project's objective trains it as it trains anything else. A training walks along its curve, an evaluation plays one
episode of one step whose return is the table's value, and each evaluation of the table that a training passes is paid
from a purse. What was paid for once is free from then on: a configuration that goes on on the same seed goes on from
its checkpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv

from sb3_hpo.late_returns import late_mean_of_curve
from sb3_hpo.training_queue import Trained

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stable_baselines3.common.callbacks import BaseCallback

    from sb3_hpo.tables.curve_table import CurveTable
    from sb3_hpo.tables.purse import Purse

_LOGGER = Logger(None, [])
"""Writes nowhere."""


class TableTask:
    """A table as a task: what the objective asks of :class:`sb3_hpo.task.Task`.

    :param column: the column of the table that stands for a training seed
    """

    algo = "table"
    env_id = "table"
    deterministic_eval = True
    features: ClassVar[frozenset[str]] = frozenset()
    max_episode_steps = None
    arguments: ClassVar[dict[str, object]] = {}

    def __init__(self, table: CurveTable, purse: Purse, column: Callable[[int], int]) -> None:
        self.table = table
        self.purse = purse
        self.column = column
        self.prepared: set[int] = set()
        """The configurations that trials had."""
        self.configuration: Mapping[str, Any] = {"n_timesteps": table.n_evaluations}

    def prepare(self, configuration: Mapping[str, Any]) -> TableTraining:
        """The training of the configuration that is nearest."""
        index = self.table.index(configuration)
        self.prepared.add(index)
        return TableTraining(self, index)

    def train(
        self, task: object, configuration: Mapping[str, Any], seed: int, n_episodes: int, *rest: object
    ) -> Trained:
        """A whole training for the choice among finalists: what it is worth, and its length.

        Validation plays four times as many episodes as an evaluation of the search: here it is what the table has of
        the agents at the end, or all evaluations of the last tenth, of which the search sees every fifth or so.

        :raises RuntimeError: if the purse is not enough for it
        """
        index, column = self.table.index(configuration), self.column(seed)
        n_evaluations = self.table.n_evaluations
        if not self.purse.pay((index, column), n_evaluations, n_evaluations - self.purse.reached((index, column))):
            raise RuntimeError("a training began that the budget is not enough for")
        final, curve = float(self.table.final[index, column]), self.table.curves[index, column]
        late = late_mean_of_curve(range(1, n_evaluations + 1), curve.tolist(), n_evaluations, final)
        return Trained(final, n_evaluations, late)


class TableTraining:
    """A configuration of a table, ready to be trained: what the objective asks of :class:`sb3_hpo.task.Training`."""

    def __init__(self, task: TableTask, index: int) -> None:
        self.n_timesteps = task.table.n_evaluations
        self._task = task
        self._index = index
        self._column = 0
        self._position = 0
        self._is_over = False

    def create_model(self, seed: int) -> _Model:
        """Something that callbacks take for a model."""
        self._column = self._task.column(seed)
        return _Model(_EvalEnv(self))

    def create_eval_env(self, seed: int, n_envs: int) -> _EvalEnv:
        """An environment whose episode is worth where the training is."""
        return _EvalEnv(self)

    def learn(self, model: _Model, callbacks: Sequence[BaseCallback]) -> None:
        """Walk along the curve until its end or until a callback says stop, as the objective's does without means."""
        stand_in: Any = model
        for callback in callbacks:
            callback.init_callback(stand_in)
            callback.on_training_start({"total_timesteps": self.n_timesteps}, {})
        purse, training = self._task.purse, (self._index, self._column)
        reached = purse.reached(training)
        for position in range(1, self.n_timesteps + 1):
            if position <= reached or purse.pay(training, position):
                self._position = model.num_timesteps = position
            # All of them are called, as those of SB3 are.
            if False in [callback.on_step() for callback in callbacks]:
                return
        self._is_over = True

    @property
    def value(self) -> float:
        """The table's value where the training is; after its end what validation would find, as in ``train``."""
        if self._is_over:
            return float(self._task.table.final[self._index, self._column])
        return float(self._task.table.curves[self._index, self._column, self._position - 1])


class _Policy:
    @staticmethod
    def parameters() -> tuple[()]:
        return ()


class _Model:
    """What the project's and SB3's callbacks ask of a model; it predicts the one action there is."""

    env: ClassVar[None] = None
    policy = _Policy()
    _last_obs: ClassVar[None] = None

    def __init__(self, env: _EvalEnv) -> None:
        self.num_timesteps = 0
        self.logger = _LOGGER
        self._env = env

    def get_env(self) -> _EvalEnv:
        return self._env

    @staticmethod
    def get_vec_normalize_env() -> None:
        return None

    @staticmethod
    def predict(observation: np.ndarray, **kwargs: object) -> tuple[np.ndarray, None]:
        return observation, None


_ZERO = np.zeros(1, dtype=np.int64)
_DONE = np.ones(1, dtype=bool)


class _EvalEnv(VecEnv):
    """One episode of one step, worth the training's present value."""

    def __init__(self, training: TableTraining) -> None:
        self._training = training
        self.num_envs = 1
        self.render_mode = None

    def reset(self) -> np.ndarray:
        return _ZERO

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        value = self._training.value
        return _ZERO, np.array([value]), _DONE, [{"episode": {"r": value, "l": 1}}]

    def env_is_wrapped(self, wrapper_class: type, indices: object = None) -> list[bool]:
        return [True]

    def close(self) -> None:
        pass

    def step_async(self, actions: np.ndarray) -> None:
        raise NotImplementedError

    def step_wait(self) -> Any:
        raise NotImplementedError

    def get_attr(self, attr_name: str, indices: object = None) -> list[Any]:
        raise NotImplementedError

    def set_attr(self, attr_name: str, value: object, indices: object = None) -> None:
        raise NotImplementedError

    def env_method(self, method_name: str, *args: object, indices: object = None, **kwargs: object) -> list[Any]:
        raise NotImplementedError
