"""TrialEvalCallback: evaluate during training, report to Optuna, prune."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback

from sb3_hpo.finite import check_weights, is_finite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import gymnasium as gym
    import optuna
    from stable_baselines3.common.vec_env import VecEnv


class TrialEvalCallback(EvalCallback):
    """An ``EvalCallback`` that reports every evaluation to an Optuna trial and stops training if it is pruned.

    Its constructor begins as that of ``rl_zoo3.callbacks.TrialEvalCallback``; it works with any SB3 algorithm and
    a hand-written objective::

        callback = TrialEvalCallback(eval_env, trial, eval_freq=1_000)
        model.learn(20_000, callback=callback)
        if callback.is_pruned:
            raise optuna.TrialPruned
        return callback.last_mean_reward

    Unlike the zoo's it counts in environment steps with any number of environments, heeds the stop signal of
    ``callback_on_new_best`` and ``callback_after_eval``, and keeps the return of every episode of every evaluation:
    ``evaluations_timesteps`` (environment steps), ``evaluations_results`` (returns) and ``evaluations_length``, a
    list per evaluation, are filled without a ``log_path`` too.

    :param eval_env: environment for evaluation
    :param trial: trial to report to
    :param n_eval_episodes: episodes of one evaluation
    :param eval_freq: environment steps between two evaluations, summed over the training environments
    :param deterministic: whether the policy acts deterministically in evaluations
    :param verbose: 0 for no output, 1 for the results of evaluations
    :param best_model_save_path: folder in which the best model is saved
    :param log_path: folder in which ``evaluations.npz`` is saved
    :param callback_on_new_best: called when an evaluation is the best so far; training stops if it returns False
    :param callback_after_eval: called after every evaluation; training stops if it returns False
    :param step_offset: step of the trial at which this training begins, added to the steps reported
    :param earlier_curves: mean returns of each training of the same trial before this one, on other seeds, shape
        ``(n_seeds, n_evaluations)``. The value reported is then the mean over all seeds so far as it is expected to
        become: the mean of the last column, moved towards this training by its share of how far it is ahead of (or
        behind) the others *at the same evaluation*. A seed that does as the others did reports their mean all along,
        without the dip of an agent that has just begun, and at its end the value is the mean over the seeds
    :param stops_between_rollouts: whether a training that is pruned ends where the next rollout begins, with all that
        it has collected learned from, rather than at once: so that another trial can go on with it
    :param is_reporting: whether evaluations are reported to the trial, and the trial asked whether to prune
    :raises FloatingPointError: during training, if at an evaluation the weights, an observation or the mean return are
        NaN or infinite; Optuna would take ``+inf`` for the best value of all
    """

    def __init__(
        self,
        eval_env: gym.Env[Any, Any] | VecEnv,
        trial: optuna.Trial,
        n_eval_episodes: int = 5,
        eval_freq: int = 10000,
        deterministic: bool = True,
        verbose: int = 0,
        best_model_save_path: str | None = None,
        log_path: str | None = None,
        *,
        callback_on_new_best: BaseCallback | None = None,
        callback_after_eval: BaseCallback | None = None,
        step_offset: int = 0,
        earlier_curves: Sequence[Sequence[float]] | np.ndarray[Any, Any] = (),
        is_reporting: bool = True,
        stops_between_rollouts: bool = False,
    ) -> None:
        super().__init__(
            eval_env=eval_env,
            callback_on_new_best=callback_on_new_best,
            callback_after_eval=callback_after_eval,
            n_eval_episodes=n_eval_episodes,
            eval_freq=eval_freq,
            log_path=log_path,
            best_model_save_path=best_model_save_path,
            deterministic=deterministic,
            verbose=verbose,
        )
        self.trial = trial
        self.step_offset = step_offset
        self.earlier_curves = [list(curve) for curve in earlier_curves]
        self.is_reporting = is_reporting
        self.stops_between_rollouts = stops_between_rollouts
        self.is_pruned = False
        self.evaluation_seconds = 0.0
        """Seconds spent on evaluations so far."""
        self.storage_seconds = 0.0
        """Seconds spent on reports to the trial, and on asking it whether to prune."""
        self._ends_here = False
        self._intervals_done = 0
        self._episode_returns: list[float] = []
        self._episode_lengths: list[int] = []
        self._environment = 0

    def _on_training_start(self) -> None:
        super()._on_training_start()
        if self.eval_freq > 0:
            self._intervals_done = self.model.num_timesteps // self.eval_freq

    def _on_rollout_start(self) -> None:
        super()._on_rollout_start()
        self._ends_here = self.is_pruned

    def _on_step(self) -> bool:
        if self.eval_freq <= 0 or self.num_timesteps // self.eval_freq <= self._intervals_done:
            return not self._ends_here
        self._intervals_done = self.num_timesteps // self.eval_freq
        check_weights(self.model)
        started = time.monotonic()
        continue_training = self._evaluate()
        evaluated = time.monotonic()
        self._check_finite()
        # An evaluation that is due at the very step where a training pauses is made, or nobody would make it. It is not
        # reported: a replay pauses by the last report, which would be too late for this step.
        if self.is_reporting and not self._ends_here and not self._is_past_the_end():
            self.trial.report(self._expected_mean(), self.step_offset + self.num_timesteps)
            if continue_training and self.trial.should_prune():
                self.is_pruned = True
                continue_training = self.stops_between_rollouts
        self.evaluation_seconds += evaluated - started
        self.storage_seconds += time.monotonic() - evaluated
        return continue_training and not self._ends_here

    def _evaluate(self) -> bool:
        """Have the parent class evaluate at this call, whatever its own count of calls says."""
        eval_freq, self.eval_freq = self.eval_freq, 1
        try:
            continue_training = super()._on_step()
        finally:
            self.eval_freq = eval_freq
        if self.log_path is None:
            self.evaluations_timesteps.append(self.num_timesteps)
            self.evaluations_results.append(self._episode_returns)
            self.evaluations_length.append(self._episode_lengths)
        return continue_training

    def _log_success_callback(self, locals_: dict[str, Any], globals_: dict[str, Any]) -> None:
        # Called for every environment at every step of an evaluation; these lists are complete when it ends.
        super()._log_success_callback(locals_, globals_)
        self._episode_returns = locals_["episode_rewards"]
        self._episode_lengths = locals_["episode_lengths"]
        # The evaluation with masks has no other name for them.
        observations = locals_.get("new_observations", locals_["observations"])
        # A step is told once for each environment that still plays, in ascending order, with the observations of all.
        is_another_step = locals_["i"] <= self._environment
        self._environment = locals_["i"]
        if is_another_step and not is_finite(observations):
            raise FloatingPointError(
                f"NaN or infinite observations in the evaluation after {self.num_timesteps} environment steps"
            )

    def _is_past_the_end(self) -> bool:
        """Whether this evaluation falls into what a last rollout trains beyond the steps asked for.

        Its step would be one of the next seed's.
        """
        return self._intervals_done * self.eval_freq > float(self.locals.get("total_timesteps", math.inf))

    def _check_finite(self) -> None:
        if not math.isfinite(self.last_mean_reward):
            raise FloatingPointError(
                f"the evaluation after {self.num_timesteps} environment steps has a mean return of "
                f"{self.last_mean_reward}: NaN or infinite rewards"
            )

    def _expected_mean(self) -> float:
        return expected_mean(float(self.last_mean_reward), len(self.evaluations_timesteps) - 1, self.earlier_curves)


def expected_mean(latest: float, place: int, earlier_curves: Sequence[Sequence[float]] | np.ndarray[Any, Any]) -> float:
    """What the mean return over all seeds of a trial is expected to become, as :class:`TrialEvalCallback` reports it.

    :param latest: mean return of the latest evaluation of the seed that is trained
    :param place: its place among the evaluations of the training, from 0
    :param earlier_curves: mean returns of the trainings on the seeds before
    """
    if len(earlier_curves) == 0:
        return latest
    final = float(np.mean([curve[-1] for curve in earlier_curves]))
    here = float(np.mean([curve[min(place, len(curve) - 1)] for curve in earlier_curves]))
    return final + (latest - here) / (len(earlier_curves) + 1)


class InterruptionCallback(BaseCallback):
    """Stops training at the next step once it is asked to.

    :param interrupted: asked at every callback call; must be cheap
    """

    def __init__(self, interrupted: Callable[[], bool]) -> None:
        super().__init__()
        self._interrupted = interrupted
        self.is_interrupted = False

    def _on_step(self) -> bool:
        self.is_interrupted = self._interrupted()
        return not self.is_interrupted
