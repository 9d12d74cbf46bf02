"""Evaluating agents of any algorithm: those that mask invalid actions are evaluated with their masks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.callbacks import MaskableEvalCallback
from sb3_contrib.common.maskable.evaluation import evaluate_policy as evaluate_masked_policy
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import sync_envs_normalization

from sb3_hpo.callbacks import TrialEvalCallback

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv


class MaskableTrialEvalCallback(TrialEvalCallback, MaskableEvalCallback):
    """A :class:`TrialEvalCallback` that evaluates with the masks of invalid actions."""


def eval_callback_class(model: BaseAlgorithm) -> type[TrialEvalCallback]:
    """The callback that evaluates a model during its training."""
    return MaskableTrialEvalCallback if uses_masks(model) else TrialEvalCallback


def uses_masks(model: BaseAlgorithm) -> bool:
    """Whether a model chooses among the actions that its environment's ``action_masks`` allow."""
    return isinstance(model, MaskablePPO)


def judge_agent(model: BaseAlgorithm, env: VecEnv, n_episodes: int, *, deterministic: bool) -> list[float]:
    """Returns of ``n_episodes`` episodes of an agent at the end of its training: what it is judged by.

    :param env: environments for evaluation, wrapped in a ``Monitor`` each; they take over the statistics of the
        training environments where those normalize
    :param deterministic: whether the policy acts deterministically
    :raises FloatingPointError: if the mean return is NaN or infinite
    """
    if model.get_vec_normalize_env() is not None and model.env is not None:
        sync_envs_normalization(model.env, env)
    returns = evaluate_agent(model, env, n_episodes, deterministic=deterministic)
    if not math.isfinite(score := float(np.mean(returns))):
        raise FloatingPointError(f"the trained agent has a mean return of {score}")
    return returns


def evaluate_agent(model: BaseAlgorithm, env: VecEnv, n_episodes: int, *, deterministic: bool) -> list[float]:
    """Returns of ``n_episodes`` episodes of a trained agent.

    :param env: environments for evaluation, wrapped in a ``Monitor`` each
    :param deterministic: whether the policy acts deterministically
    """
    if isinstance(model, MaskablePPO):
        returns, _ = evaluate_masked_policy(model, env, n_episodes, deterministic, return_episode_rewards=True)
    else:
        returns, _ = evaluate_policy(model, env, n_episodes, deterministic, return_episode_rewards=True)
    if isinstance(returns, float):
        raise TypeError("evaluate_policy gave a mean where the returns of all episodes were asked for")
    return [float(value) for value in returns]
