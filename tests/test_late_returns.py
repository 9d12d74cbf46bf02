"""What agents were worth towards the end of their trainings."""

from __future__ import annotations

from typing import Any

import pytest
from stable_baselines3 import A2C
from stable_baselines3.common.env_util import make_vec_env

from sb3_hpo import late_returns
from sb3_hpo.late_returns import LateEvaluations, late_mean, late_mean_of_curve


@pytest.mark.parametrize(("n_envs", "steps"), [(1, [300, 320, 340, 360, 380]), (50, [300, 350, 400])])
def test_agents_of_the_last_quarter_are_evaluated(
    monkeypatch: pytest.MonkeyPatch, n_envs: int, steps: list[int]
) -> None:
    judged: list[int] = []

    def judge(model: A2C, env: Any, n_episodes: int, *, deterministic: bool) -> list[float]:
        assert (n_episodes, deterministic) == (5, False)
        judged.append(model.num_timesteps)
        return [float(model.num_timesteps), float(model.num_timesteps) + 2.0]

    monkeypatch.setattr(late_returns, "judge_agent", judge)
    model = A2C("MlpPolicy", make_vec_env("CartPole-v1", n_envs, seed=0), seed=0, device="cpu", n_steps=4)
    late = LateEvaluations(400, make_vec_env("CartPole-v1", 2, seed=1), deterministic=False)
    model.learn(400, callback=late)
    assert judged == steps
    assert late.means == [step + 1.0 for step in steps]


def test_evaluations_do_not_change_the_training() -> None:
    def weights(*callbacks: LateEvaluations) -> list[float]:
        model = A2C("MlpPolicy", make_vec_env("CartPole-v1", 1, seed=0), seed=3, device="cpu")
        model.learn(400, callback=list(callbacks))
        return [float(parameter.detach().sum()) for parameter in model.policy.parameters()]

    late = LateEvaluations(400, make_vec_env("CartPole-v1", 5, seed=1), deterministic=True)
    assert weights(late) == weights()
    assert len(late.means) == 5
    assert all(1.0 <= mean <= 500.0 for mean in late.means)


def test_the_mean_counts_the_agent_at_the_end_once() -> None:
    assert late_mean([100.0, 200.0], 300.0) == 200.0
    assert late_mean([], 300.0) == 300.0


def test_of_a_curve_the_last_quarter_counts_and_the_end_stands_for_its_last_evaluation() -> None:
    timesteps = list(range(50, 1_001, 50))
    means = [float(step) for step in timesteps]
    assert late_mean_of_curve(timesteps, means, 1_000, 2_000.0) == (750 + 800 + 850 + 900 + 950 + 2_000) / 6
    assert late_mean_of_curve([400], [7.0], 1_000, 9.0) == 9.0
