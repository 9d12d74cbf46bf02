"""Trials are evaluated as they are trained: the same returns come out of an evaluation that is built here by hand."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import optuna
import pytest
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecFrameStack, VecNormalize, VecTransposeImage

from tests.integration.in_process import run_command

N_EPISODES = 3
FILES = {
    "normalized": "Pendulum-v1: {policy: MlpPolicy, n_timesteps: 200, n_envs: 2, normalize: true, learning_rate: 0.01}",
    "stacked": "Image-v0: {policy: CnnPolicy, n_timesteps: 60, frame_stack: 4, learning_starts: 50, buffer_size: 500}",
    "dict": "Dict-v0: {policy: MultiInputPolicy, n_timesteps: 100, n_steps: 64}",
    "her": (
        "Goal-v0: {policy: MultiInputPolicy, n_timesteps: 100, learning_starts: 90,"
        " replay_buffer_class: HerReplayBuffer, replay_buffer_kwargs: 'dict(n_sampled_goal=2)'}"
    ),
}
CASES = {
    "normalized": ("ppo", "Pendulum-v1", PPO),
    "stacked": ("dqn", "Image-v0", DQN),
    "dict": ("ppo", "Dict-v0", PPO),
    "her": ("sac", "Goal-v0", SAC),
}


def evaluate(case: str, model_class: type, env_id: str, seed: int, number: int) -> list[float]:
    """The returns of a saved model, in environments that are wrapped by hand."""
    models = Path("logs") / CASES[case][0] / "s" / "models"
    env = make_vec_env(lambda: gym.make(env_id), n_envs=N_EPISODES)
    if case == "normalized":
        env = VecNormalize.load(str(models / f"trial_{number}_vecnormalize.pkl"), env)
        env.training = env.norm_reward = False
    if case == "stacked":
        env = VecTransposeImage(VecFrameStack(env, 4))
    model = model_class.load(models / f"trial_{number}.zip", env=env, device="cpu")
    env.seed(seed)  # Loading seeded them as the model was.
    returns, _ = evaluate_policy(model, env, N_EPISODES, return_episode_rewards=True)
    return returns


@pytest.mark.parametrize("case", CASES)
def test_the_returns_are_those_of_an_evaluation_built_by_hand(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    algo, env_id, model_class = CASES[case]
    Path("mine.yml").write_text(FILES[case])
    options = ["--algo", algo, "--env", env_id, "--gym-packages", "tests.environments", "-conf", "mine.yml"]
    n_trials = "1" if case in ("stacked", "her") else "2"  # These take seconds each.
    # The first evaluation of each environment is the only one, so the best one.
    budget = ["--n-trials", n_trials, "--n-evaluations", "1", "--eval-episodes", str(N_EPISODES), "--pruner", "none"]
    words = ["tune", *options, *budget, "--n-validation-seeds", "0", "--study-name", "s", "--seed", "1"]
    assert run_command([*words, "--save-models"]) == 0
    trials = optuna.load_study(study_name="s", storage="sqlite:///logs/sb3_hpo.db").trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * int(n_trials)
    for trial in trials:
        (run,) = trial.user_attrs["runs"]
        (returns,) = run["returns"]
        assert evaluate(case, model_class, env_id, run["eval_env_seed"], trial.number) == pytest.approx(returns)
        if case == "normalized":
            # Rewards as the environment gives them: normalized ones lie within 10 a step.
            assert min(returns) < -500
