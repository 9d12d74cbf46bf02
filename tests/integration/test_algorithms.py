"""Every algorithm is tuned on a real environment, and a trial of it is trained again by the zoo."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
import yaml

from sb3_hpo.algorithms import algorithm_names
from tests.integration.in_process import run_command

ENVIRONMENT = {
    "a2c": "CartPole-v1",
    "ars": "CartPole-v1",
    "crossq": "Pendulum-v1",
    "ddpg": "Pendulum-v1",
    "dqn": "CartPole-v1",
    "ppo": "Pendulum-v1",
    "ppo_lstm": "CartPole-v1",
    "ppo_mask": "Masked-v0",
    "qrdqn": "CartPole-v1",
    "sac": "Pendulum-v1",
    "td3": "Pendulum-v1",
    "tqc": "Pendulum-v1",
    "trpo": "Pendulum-v1",
}
CASES = [(algo, env, ()) for algo, env in ENVIRONMENT.items()] + [
    ("sac", "Goal-v0", ("-conf", "her.yml")),
    ("ppo", "Dict-v0", ()),
    ("dqn", "Image-v0", ()),
]
PAUSING = [case for case in CASES if case[0] in ("ars", "dqn", "ppo", "ppo_lstm", "ppo_mask", "tqc", "sac")][:-2]
"""One of each kind of rollout, policy, replay buffer and normalization; images and dicts only take longer."""

FEWER_STEPS = ("crossq", "ddpg", "sac", "td3", "tqc")
"""A gradient step of these takes so long that a third as many must do."""
N_FINAL_EPISODES = 5

SHORT_EPISODES = {"Pendulum-v1": ("--env-kwargs", "max_episode_steps:50")}
"""Most of the time would go into evaluations: an episode of Pendulum has 200 steps else."""

HER = """
Goal-v0:
  n_timesteps: 200
  policy: MultiInputPolicy
  learning_starts: 20
  buffer_size: 1000
  replay_buffer_class: HerReplayBuffer
  replay_buffer_kwargs: "dict(n_sampled_goal=2)"
"""


def short_budget(algo: str, n_trials: int) -> list[str]:
    """Options that make a tuning as short as it can be with two evaluations."""
    options = {
        "-n": 40 if algo in FEWER_STEPS else 120,
        "--n-trials": n_trials,
        "--n-evaluations": 2,
        "--n-validation-seeds": 0,
        "--n-validation-episodes": N_FINAL_EPISODES,
    }
    return [str(word) for option in options.items() for word in option]


def test_every_built_in_algorithm_is_among_the_cases():
    assert set(algorithm_names()) >= set(ENVIRONMENT)
    assert len(ENVIRONMENT) == 13


@pytest.mark.parametrize(("algo", "env", "options"), CASES, ids=[f"{algo} {env}" for algo, env, _ in CASES])
def test_an_algorithm_is_tuned_and_its_trials_trained_again(algo, env, options, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("her.yml").write_text(HER)
    common = ["--algo", algo, "--env", env, "--gym-packages", "tests.environments", "--study-name", "s", "--seed", "1"]
    budget = short_budget(algo, n_trials=3)
    options = (*options, *SHORT_EPISODES.get(env, ()))
    assert run_command(["tune", *common, *budget, "--pruner", "none", "--eval-episodes", "2", *options]) == 0
    trials = optuna.load_study(study_name="s", storage="sqlite:///logs/sb3_hpo.db").trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 3
    assert all(run["returns"] for trial in trials for run in trial.user_attrs["runs"])
    if "her.yml" in options:
        assert "goal_selection_strategy" in trials[1].params

    for number in ("0", "2"):
        assert (
            run_command(["replay", "--study-name", "s", "--trial", number, "--gym-packages", "tests.environments"]) == 0
        )
    assert capsys.readouterr().out.count("returns are the same to the last digit") == 2

    for number in (0, 1):
        again = ["--trial-id", str(number), "--eval-freq", "-1", *SHORT_EPISODES.get(env, ())]
        assert run_command(["train", *common, *again]) == 0
        saved = next(Path("logs", algo).glob(f"{env}_{number + 1}/{env}/config.yml"))
        config = yaml.load(saved.read_text(), Loader=yaml.UnsafeLoader)
        assert dict(config) == trials[number].user_attrs["hyperparams"]
        assert next(Path("logs", algo).glob(f"{env}_{number + 1}/{env}.zip")).stat().st_size > 0


@pytest.mark.parametrize(("algo", "env", "options"), PAUSING, ids=[f"{algo} {env}" for algo, env, _ in PAUSING])
def test_an_algorithm_pauses_and_goes_on(algo, env, options, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("her.yml").write_text(HER)
    common = ["--env", env, "--gym-packages", "tests.environments", "--study-name", "s"]
    budget = short_budget(algo, n_trials=8)
    options = (*options, *SHORT_EPISODES.get(env, ()))
    assert run_command(["tune", "--algo", algo, *common, *budget, "--eval-episodes", "1", "--seed", "1", *options]) == 0
    trials = optuna.load_study(study_name="s", storage="sqlite:///logs/sb3_hpo.db").trials
    assert [trial.state.name for trial in trials if trial.state.name not in ("COMPLETE", "PRUNED")] == []
    assert len(trials) == 8
    went_on = next(trial for trial in trials if trial.state.name == "COMPLETE" and "continues" in trial.user_attrs)
    run = went_on.user_attrs["runs"][0]
    if algo == "ars":  # Its schedules cannot go on: it begins anew.
        assert "resumed_at" not in run
    else:
        assert run["resumed_at"] == trials[went_on.user_attrs["continues"]].user_attrs["runs"][0]["n_timesteps"]
    assert len(run["returns"]) == 2
    capsys.readouterr()
    assert run_command(["replay", *common[2:], "--trial", str(went_on.number)]) == 0
    assert f"all {2 + N_FINAL_EPISODES} returns are the same to the last digit" in capsys.readouterr().out
