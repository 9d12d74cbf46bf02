"""What an agent was worth towards the end of its training, not only at its last step.

The agent that a training ends with is one of those that it passes through. Where learning fluctuates (DQN on CartPole
collapses and recovers within a few thousand steps) its return is the luck of that step, and at a ceiling few trainings
tell a configuration that stays there from one that happens to be there. Those of the last quarter tell it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from sb3_hpo.evaluation import judge_agent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stable_baselines3.common.vec_env import VecEnv

LATE_SHARE = 0.25
"""Share of a training that counts as late: with the default of 20 evaluations a trial has five in it before its end."""
N_LATE_EVALUATIONS = 5
N_LATE_EPISODES = 5
"""As an evaluation of a trial has by default."""


class LateEvaluations(BaseCallback):
    """Evaluates an agent at evenly spaced steps of the last quarter of its training, the end left out.

    :param n_timesteps: environment steps of the whole training
    :param env: environments for evaluation, wrapped in a ``Monitor`` each
    :param deterministic: whether the policy acts deterministically in evaluations
    """

    def __init__(self, n_timesteps: int, env: VecEnv, *, deterministic: bool) -> None:
        super().__init__()
        spacing = LATE_SHARE * n_timesteps / N_LATE_EVALUATIONS
        self._waiting = [n_timesteps - place * spacing for place in range(N_LATE_EVALUATIONS, 0, -1)]
        self._env = env
        self._deterministic = deterministic
        self.means: list[float] = []
        """Mean return of each evaluation so far."""

    def _on_step(self) -> bool:
        is_due = bool(self._waiting) and self.num_timesteps >= self._waiting[0]
        if is_due:
            # Where many environments pass several points in one step, one evaluation stands for them.
            self._waiting = [step for step in self._waiting if step > self.num_timesteps]
            returns = judge_agent(self.model, self._env, N_LATE_EPISODES, deterministic=self._deterministic)
            self.means.append(float(np.mean(returns)))
        return True


def late_mean(late: Sequence[float], final: float) -> float:
    """The mean over the agents of the last quarter of a training.

    :param late: mean returns of those before the last one
    :param final: mean return of the agent at the end
    """
    return float(np.mean([*late, final]))


def late_mean_of_curve(timesteps: Sequence[int], means: Sequence[float], n_timesteps: int, final: float) -> float:
    """:func:`late_mean` of a training that was evaluated all along.

    :param timesteps: environment steps of its evaluations, ascending
    :param means: mean return of each
    :param n_timesteps: environment steps of the whole training
    :param final: mean return of the agent at the end, which stands for an evaluation there
    """
    begins = (1.0 - LATE_SHARE) * n_timesteps
    late = [value for step, value in zip(timesteps, means, strict=True) if begins <= step < n_timesteps]
    return late_mean(late, final)
