"""How long trainings may be so that a time limit is worth enough of them.

A search of few trainings finds hardly anything that holds: of DQN on CartPole, 20 minutes on two cores found a winner
that does in most runs where they were worth forty trainings of the default, and in one of six where they were worth
half as many; shorter trainings are then better ones to tune (``benchmarks/README.md``, ``repeat_tune.py``).
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from stable_baselines3.common.callbacks import BaseCallback

from sb3_hpo.objective import close_environments
from sb3_hpo.verdict_time import ENOUGH

if TYPE_CHECKING:
    from sb3_hpo.task import Training

SHORTEST = 0.4
"""Share of the configuration's length that trainings keep at least: what is best in a fraction of it need not be in all
of it. DQN on CartPole was tuned with 20,000 of the zoo's 50,000 steps (``benchmarks/README.md``)."""

MEASURED = 0.05
"""Share of a training that is measured, after the steps that only fill a replay buffer."""

EVALUATIONS = 1.1
"""What evaluations make of the time of a training, at most: a tenth more."""


def affordable_length(n_timesteps: int, seconds: float, available: float) -> int:
    """Environment steps of a training of which the time is worth enough, two digits of them; no more than there are.

    :param n_timesteps: environment steps that trainings should have
    :param seconds: what such a training takes
    :param available: seconds of all workers together, search and validation
    :return: as many, or fewer, but no less than :data:`SHORTEST` of them, rounded down to two digits
    """
    wanted = n_timesteps * max(SHORTEST, available / (ENOUGH * seconds))
    if wanted >= n_timesteps:
        return n_timesteps
    unit: int = 10 ** max(0, math.floor(math.log10(wanted)) - 1)
    return max(1, math.floor(wanted / unit) * unit)


def measured_seconds(training: Training, seed: int, longest: float) -> float | None:
    """Seconds of a whole training, by its first steps that learn; evaluations are added as they are on average.

    :param longest: seconds after which measuring ends
    :return: None where the training did not come to learn by then
    """
    model = training.create_model(seed)
    try:
        pace = _Pace(math.ceil(MEASURED * training.n_timesteps), longest)
        training.learn(model, [pace])
        per_step = pace.seconds_per_timestep(model.num_timesteps)
    finally:
        close_environments(model)
    return None if per_step is None else EVALUATIONS * per_step * training.n_timesteps


class _Pace(BaseCallback):
    """Times environment steps between two rollouts, so with all that is learned from them, and ends the training then.

    :param n_timesteps: environment steps to time
    :param longest: seconds after which it ends the training in any case
    """

    def __init__(self, n_timesteps: int, longest: float) -> None:
        super().__init__()
        self._n_timesteps = n_timesteps
        self._longest = longest
        self._begin: tuple[int, float] | None = None
        self._end: tuple[int, float] | None = None

    def seconds_per_timestep(self, n_timesteps: int) -> float | None:
        """Seconds of an environment step; None where the training ended before it learned.

        :param n_timesteps: environment steps that were trained
        """
        n_end, end = self._end or (n_timesteps, time.monotonic())
        if self._begin is None or n_end <= self._begin[0]:
            return None
        return (end - self._begin[1]) / (n_end - self._begin[0])

    def _on_training_start(self) -> None:
        self._deadline = time.monotonic() + self._longest
        self._n_filling = int(getattr(self.model, "learning_starts", 0))
        self._look()

    def _on_rollout_start(self) -> None:
        self._look()

    def _on_step(self) -> bool:
        return self._end is None and time.monotonic() < self._deadline

    def _look(self) -> None:
        now = (self.model.num_timesteps, time.monotonic())
        if self._begin is None:
            self._begin = now if now[0] >= self._n_filling else None
        elif self._end is None and now[0] - self._begin[0] >= self._n_timesteps:
            self._end = now
