from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import optuna
import pytest
from optuna.pruners import BasePruner
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback, StopTrainingOnRewardThreshold
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnvWrapper, VecMonitor

from sb3_hpo import callbacks
from sb3_hpo.callbacks import InterruptionCallback, TrialEvalCallback
from tests.tasks import Faulty, cartpole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

MODELS = {
    "dqn": (DQN, {"learning_starts": 40, "buffer_size": 1_000}),
    "a2c": (A2C, {}),
    "ppo": (PPO, {"n_steps": 16, "batch_size": 16, "n_epochs": 1}),
}
EVERY_MODEL = pytest.mark.parametrize("algo", MODELS)
ANY_NUMBER_OF_ENVS = pytest.mark.parametrize("n_envs", [1, 4])


def create_model(algo: str = "a2c", n_envs: int = 1) -> BaseAlgorithm:
    model, kwargs = MODELS[algo]
    return model("MlpPolicy", cartpole(n_envs, 0), seed=0, device="cpu", policy_kwargs={"net_arch": [4]}, **kwargs)


class PruneFrom(BasePruner):
    def __init__(self, step: int) -> None:
        self.step = step

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        return trial.last_step >= self.step


class Scripted(BaseCallback):
    """Answers its calls from a list, then with True."""

    def __init__(self, *answers: bool) -> None:
        super().__init__()
        self.answers = list(answers)

    def _on_step(self) -> bool:
        return self.answers.pop(0) if self.answers else True


class ConstantReward(gym.RewardWrapper):
    def __init__(self, env: gym.Env, value: float) -> None:
        super().__init__(env)
        self.value = value

    def reward(self, reward: float) -> float:
        return self.value


def steps_of_evaluations(n_timesteps: int, every: int, n_envs: int) -> list[int]:
    """The first step that a callback sees at or after each multiple of ``every``."""
    return [math.ceil(step / n_envs) * n_envs for step in range(every, n_timesteps + 1, every)]


@EVERY_MODEL
@ANY_NUMBER_OF_ENVS
def test_evaluates_after_environment_steps(study: optuna.Study, algo: str, n_envs: int) -> None:
    callback = TrialEvalCallback(cartpole(2, 1), study.ask(), n_eval_episodes=3, eval_freq=50)
    model = create_model(algo, n_envs)
    model.learn(320, callback=callback)

    expected = steps_of_evaluations(320, 50, n_envs)
    assert model.num_timesteps == 320
    assert callback.evaluations_timesteps == expected
    reported = study.trials[0].intermediate_values
    assert list(reported) == expected
    assert list(reported.values()) == [np.mean(returns) for returns in callback.evaluations_results]
    assert reported[expected[-1]] == callback.last_mean_reward
    assert not callback.is_pruned


@pytest.mark.parametrize("with_log_path", [False, True])
def test_every_return_is_kept_once(study: optuna.Study, tmp_path: Path, with_log_path: bool) -> None:
    log_path = str(tmp_path) if with_log_path else None
    callback = TrialEvalCallback(cartpole(2, 1), study.ask(), n_eval_episodes=3, eval_freq=50, log_path=log_path)
    create_model().learn(150, callback=callback)

    assert callback.evaluations_timesteps == [50, 100, 150]
    assert [len(returns) for returns in callback.evaluations_results] == [3, 3, 3]
    # CartPole gives a reward of 1 at each step.
    assert callback.evaluations_results == callback.evaluations_length
    assert (tmp_path / "evaluations.npz").exists() == with_log_path
    if with_log_path:
        assert np.load(tmp_path / "evaluations.npz")["results"].tolist() == callback.evaluations_results


def test_earlier_trainings_of_the_trial_are_part_of_the_report(study: optuna.Study) -> None:
    callback = TrialEvalCallback(
        cartpole(1, 1),
        study.ask(),
        n_eval_episodes=2,
        eval_freq=50,
        step_offset=1_000,
        earlier_curves=[[2.0, 10.0], [4.0]],
    )
    create_model().learn(100, callback=callback)
    means = [np.mean(returns) for returns in callback.evaluations_results]
    assert study.trials[0].intermediate_values == {
        # At its first evaluation this training is ahead of the others by means[0] - 3, a third of which counts.
        1_050: pytest.approx(7.0 + (means[0] - 3.0) / 3),
        1_100: pytest.approx((10.0 + 4.0 + means[1]) / 3),
    }
    assert callback.evaluations_timesteps == [50, 100]


def test_training_that_does_as_the_others_did_reports_their_mean(study: optuna.Study) -> None:
    twin = TrialEvalCallback(cartpole(1, 1), study.ask(), n_eval_episodes=2, eval_freq=50)
    create_model().learn(200, callback=twin)
    curve = [float(np.mean(returns)) for returns in twin.evaluations_results]
    callback = TrialEvalCallback(
        cartpole(1, 1), study.ask(), n_eval_episodes=2, eval_freq=50, step_offset=200, earlier_curves=[curve]
    )
    create_model().learn(200, callback=callback)
    assert study.trials[1].intermediate_values == pytest.approx(dict.fromkeys((250, 300, 350, 400), curve[-1]))


def test_evaluation_beyond_the_steps_asked_for_is_kept_but_not_reported(study: optuna.Study) -> None:
    callback = TrialEvalCallback(cartpole(1, 1), study.ask(), n_eval_episodes=1, eval_freq=30)
    model = A2C("MlpPolicy", cartpole(1, 0), n_steps=100, seed=0, device="cpu")
    model.learn(80, callback=callback)
    assert model.num_timesteps == 100
    assert callback.evaluations_timesteps == [30, 60, 90]
    assert list(study.trials[0].intermediate_values) == [30, 60]


def test_nothing_is_reported_or_pruned_where_the_trial_reports_for_itself(study: optuna.Study) -> None:
    study.pruner = optuna.pruners.ThresholdPruner(lower=1_000)
    callback = TrialEvalCallback(cartpole(1, 1), study.ask(), n_eval_episodes=1, eval_freq=50, is_reporting=False)
    create_model().learn(100, callback=callback)
    assert callback.evaluations_timesteps == [50, 100]
    assert study.trials[0].intermediate_values == {}
    assert not callback.is_pruned


@pytest.mark.parametrize("eval_freq", [0, -1, 1_000])
def test_no_evaluation_where_none_is_due(study: optuna.Study, eval_freq: int) -> None:
    callback = TrialEvalCallback(cartpole(1, 1), study.ask(), eval_freq=eval_freq)
    create_model().learn(20, callback=callback)
    assert callback.evaluations_timesteps == []
    assert study.trials[0].intermediate_values == {}


def test_evaluation_at_every_call_where_there_are_more_environments_than_steps_between(study: optuna.Study) -> None:
    callback = TrialEvalCallback(cartpole(1, 1), study.ask(), n_eval_episodes=1, eval_freq=1)
    create_model(n_envs=4).learn(20, callback=callback)
    assert callback.evaluations_timesteps == [4, 8, 12, 16, 20]


def test_training_that_goes_on_keeps_counting(study: optuna.Study) -> None:
    callback = TrialEvalCallback(cartpole(1, 1), study.ask(), n_eval_episodes=1, eval_freq=50)
    model = create_model()
    model.learn(80, callback=callback)
    model.learn(80, callback=callback, reset_num_timesteps=False)
    assert callback.evaluations_timesteps == [50, 100, 150]


def test_training_that_goes_on_with_a_new_callback_is_evaluated_at_the_next_interval(study: optuna.Study) -> None:
    model = create_model()
    model.learn(80)
    callback = TrialEvalCallback(cartpole(1, 1), study.ask(), n_eval_episodes=1, eval_freq=50)
    model.learn(80, callback=callback, reset_num_timesteps=False)
    assert callback.evaluations_timesteps == [100, 150]


@EVERY_MODEL
@ANY_NUMBER_OF_ENVS
def test_pruning_stops_the_training_at_once(algo: str, n_envs: int) -> None:
    study = optuna.create_study(direction="maximize", pruner=PruneFrom(100))
    callback = TrialEvalCallback(cartpole(1, 1), study.ask(), n_eval_episodes=1, eval_freq=50)
    model = create_model(algo, n_envs)
    model.learn(320, callback=callback)
    assert callback.is_pruned
    assert model.num_timesteps == 100
    assert list(study.trials[0].intermediate_values)[-1] == 100


@EVERY_MODEL
def test_stop_on_reward_threshold_is_heeded(study: optuna.Study, algo: str) -> None:
    threshold = StopTrainingOnRewardThreshold(reward_threshold=1.0)
    callback = TrialEvalCallback(
        cartpole(1, 1), study.ask(), n_eval_episodes=1, eval_freq=50, callback_on_new_best=threshold
    )
    model = create_model(algo)
    model.learn(320, callback=callback)
    assert model.num_timesteps == 50
    assert not callback.is_pruned
    assert list(study.trials[0].intermediate_values) == [50]


@EVERY_MODEL
def test_stop_after_an_evaluation_is_heeded(study: optuna.Study, algo: str) -> None:
    callback = TrialEvalCallback(
        cartpole(1, 1), study.ask(), n_eval_episodes=1, eval_freq=50, callback_after_eval=Scripted(True, False)
    )
    model = create_model(algo)
    model.learn(320, callback=callback)
    assert model.num_timesteps == 100
    assert not callback.is_pruned
    assert list(study.trials[0].intermediate_values) == [50, 100]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # numpy's, at the deviation of infinite returns
@pytest.mark.parametrize("reward", [math.nan, math.inf, -math.inf])
def test_return_that_is_no_number_is_an_error_and_is_not_reported(study: optuna.Study, reward: float) -> None:
    callback = TrialEvalCallback(
        cartpole(1, 1, lambda env: ConstantReward(env, reward)), study.ask(), n_eval_episodes=1, eval_freq=50
    )
    with pytest.raises(FloatingPointError, match=f"after 50 environment steps has a mean return of {reward}"):
        create_model().learn(320, callback=callback)
    assert study.trials[0].intermediate_values == {}


def test_observation_of_an_evaluation_that_is_no_number_is_an_error(study: optuna.Study) -> None:
    env = cartpole(1, 1, lambda env: Faulty(env, "nan observation", 3))
    callback = TrialEvalCallback(env, study.ask(), n_eval_episodes=1, eval_freq=50)
    with pytest.raises(FloatingPointError, match="observations in the evaluation after 50 environment steps"):
        create_model().learn(320, callback=callback)
    assert study.trials[0].intermediate_values == {}


class SameArray(VecEnvWrapper):
    """Gives all its observations in one array."""

    def reset(self) -> Any:
        self._array = self.venv.reset()
        return self._array

    def step_wait(self) -> Any:
        self._array[:], *rest = self.venv.step_wait()
        return self._array, *rest


@pytest.mark.filterwarnings("ignore:Training and eval env are not of the same type")
@pytest.mark.parametrize("wrap", [lambda env: env, SameArray])
def test_observations_of_all_environments_of_an_evaluation_are_looked_at_at_every_step(
    study: optuna.Study, wrap: Callable[[VecEnv], VecEnv]
) -> None:
    short = gym.wrappers.TimeLimit(gym.make("CartPole-v1").unwrapped, 3)
    faulty = Faulty(gym.make("CartPole-v1"), "nan observation", 7)
    env = wrap(VecMonitor(DummyVecEnv([lambda: short, lambda: faulty])))
    callback = TrialEvalCallback(env, study.ask(), n_eval_episodes=2, eval_freq=50)
    with pytest.raises(FloatingPointError, match="observations in the evaluation after 50 environment steps"):
        create_model().learn(320, callback=callback)


def test_observations_of_an_evaluation_are_looked_at_once_a_step(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    monkeypatch.setattr(callbacks, "is_finite", lambda observations: looks.append(observations) is None)
    callback = TrialEvalCallback(cartpole(4, 1), study.ask(), n_eval_episodes=4, eval_freq=50)
    create_model().learn(50, callback=callback)
    assert len(looks) == sum(max(lengths) for lengths in callback.evaluations_length)


def test_best_model_is_saved(study: optuna.Study, tmp_path: Path) -> None:
    callback = TrialEvalCallback(
        cartpole(1, 1), study.ask(), n_eval_episodes=1, eval_freq=50, best_model_save_path=str(tmp_path)
    )
    create_model().learn(50, callback=callback)
    assert A2C.load(tmp_path / "best_model", device="cpu").num_timesteps == 50


def test_evaluation_interval_is_what_was_asked_for_when_it_breaks(study: optuna.Study) -> None:
    """The interval is set aside while the parent class evaluates."""

    class Broken(gym.Wrapper):
        def step(self, action: object) -> tuple:
            raise OSError("broken")

    callback = TrialEvalCallback(cartpole(1, 1, Broken), study.ask(), eval_freq=50)
    with pytest.raises(OSError, match="broken"):
        create_model().learn(100, callback=callback)
    assert callback.eval_freq == 50


def positional(callback: type) -> Iterable[tuple[str, object]]:
    for parameter in inspect.signature(callback).parameters.values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            yield parameter.name, parameter.default


def test_constructor_takes_what_that_of_the_zoo_takes() -> None:
    from rl_zoo3.callbacks import TrialEvalCallback as OfTheZoo

    assert list(positional(TrialEvalCallback)) == list(positional(OfTheZoo))


@EVERY_MODEL
@ANY_NUMBER_OF_ENVS
def test_interruption_stops_at_the_next_step(algo: str, n_envs: int) -> None:
    model = create_model(algo, n_envs)
    callback = InterruptionCallback(lambda: model.num_timesteps >= 2 * n_envs)
    model.learn(320, callback=callback)
    assert callback.is_interrupted
    assert model.num_timesteps == 2 * n_envs


def test_training_that_nobody_interrupts_ends_as_asked() -> None:
    model = create_model()
    callback = InterruptionCallback(lambda: False)
    model.learn(50, callback=callback)
    assert not callback.is_interrupted
    assert model.num_timesteps == 50
