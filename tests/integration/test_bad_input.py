"""Mistakes: one clear line with the value and the remedy, exit code 2, before any training."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.in_process import run_command

FILES = {
    "no_space.yml": "- 1",
    "tag_space.yml": "parameters: !!python/object/apply:pathlib.Path ['hacked']\n",
    "near_space.yml": "parameters: {learning_rat: {low: 1}}",
    "range_space.yml": "parameters: {learning_rate: {low: 1, high: 0.1}}",
    "noise_space.yml": "parameters: {noise_type: {choices: [gauss]}}",
    "argument_space.yml": "parameters: {tua: {type: float, low: 0.1, high: 1}}",
    "hpo_space.yml": (
        "hpo: {search_space: {parameters: {net_arch: huge}}}\nCartPole-v1: {policy: MlpPolicy, n_timesteps: 100}\n"
    ),
    "empty.yml": "",
    "broken.yml": "CartPole-v1: [",
    "list.yml": "- 1",
    "no_entry.yml": "Acrobot-v1:\n  policy: MlpPolicy\n  n_timesteps: 100\n",
    "no_steps.yml": "CartPole-v1:\n  policy: MlpPolicy\n",
    "bad_option.yml": "hpo:\n  n_seed: 2\nCartPole-v1:\n  policy: MlpPolicy\n",
    "code.yml": (
        "CartPole-v1:\n  policy: MlpPolicy\n  n_timesteps: 100\n"
        "  policy_kwargs: \"__import__('pathlib').Path('hacked').touch()\"\n"
    ),
    "no_value.yml": "CartPole-v1:\n",
    "list_entry.yml": "CartPole-v1: [policy, MlpPolicy]\n",
    "odd_key.yml": "CartPole-v1: {policy: MlpPolicy, n_timesteps: 100, 3: 4}\n",
    "odd_nested_key.yml": "CartPole-v1: {policy: MlpPolicy, n_timesteps: 100, env_kwargs: {rewards: {0: 1.0}}}\n",
    "no_hyperparams.py": "hyperparameters = {}\n",
    "no_mapping.py": "hyperparams = 3\n",
    "no_entry.py": "hyperparams = {'CartPole-v1': None}\n",
    "raises.py": "import no_such_module\n",
    "module_without.py": "",
    "when_space.yml": "parameters: {buffer_size: {when: net_arch}}",
    "widened_space.yml": "parameters: {buffer_size: {widened: 3}}",
    "wider_space.yml": "parameters: {buffer_size: {widened: {her: 3}}}",
    "same_space.yml": "parameters: {buffer_size: {default: {same_as: x}}}",
    "source_space.yml": "parameters: {buffer_size: {source: 3}}",
    "schedule_space.yml": "parameters: {learning_rate: lin_0.0005}",
    "tag.yml": "CartPole-v1: !!python/object/apply:pathlib.Path ['hacked']\n",
}

MISTAKES = [
    (["--algo", "dqnn"], ["'dqnn'", "did you mean 'dqn'"]),
    (["--env", "CartPol-v1"], ["'CartPol-v1'", "did you mean 'CartPole-v1'"]),
    (["--env", "Pendulum-v1"], ["Pendulum-v1", "action spaces"]),
    (["--sampler", "tpee"], ["'tpee'", "did you mean 'tpe'"]),
    (["--pruner", "halvin"], ["'halvin'", "did you mean 'halving'"]),
    (["--sampler-kwargs", "n_ei_candidate: 3"], ["'n_ei_candidate'", "did you mean 'n_ei_candidates'"]),
    (["--sampler-kwargs", "n_ei_candidates"], ["--sampler-kwargs", "'n_ei_candidates' is no mapping"]),
    (["--pruner-kwargs", "{a: [}"], ["--pruner-kwargs", "'{a: [}' is no valid YAML"]),
    (["--pruner-kwargs", "reduction_factor: 1"], ["'promote' does not take reduction_factor 1"]),
    (["--pruner", "wilcoxon", "--n-seeds", "3"], ["n_seeds is 3", "--n-seeds 4"]),
    (["--pruner", "threshold"], ["'threshold' needs", "--pruner-kwargs"]),
    (["--n-evaluations", "1"], ["'promote'", "n_evaluations is 1", "--pruner none"]),
    (["--sampler", "brute-force"], ["no end for", "--sampler grid"]),
    (["--sampler", "grid", "--sampler-kwargs", "points: 1"], ["points of", "is 1", "from 2 on"]),
    (["--n-trials", "0"], ["n_trials is 0", "at least 1"]),
    (["--n-trials", "many"], ["--n-trials", "'many'"]),
    (["--max-total-trials", "-3"], ["max_total_trials is -3", "at least 1"]),
    (["--n-seeds", "-1"], ["n_seeds is -1", "at least 1"]),
    (["--n-evaluations", "0"], ["n_evaluations is 0", "at least 1"]),
    (["--eval-episodes", "0"], ["n_eval_episodes is 0", "at least 1"]),
    (["--n-validation-seeds", "-1"], ["n_validation_seeds is -1", "at least 0"]),
    (["--stop-at", "treshold"], ["stop_at is 'treshold'", "'threshold'"]),
    (["--stop-at", "nan"], ["stop_at is nan", "a mean return"]),
    (["--stop-after", "0"], ["stop_after is 0", "at least 1"]),
    (["--no-improvement", "0"], ["no_improvement is 0", "at least 1"]),
    (["--stop-at", "threshold", "--algo", "sac", "--env", "Pendulum-v1"], ["'Pendulum-v1'", "no reward_threshold"]),
    (["-n", "0"], ["n_timesteps is 0", "at least 1"]),
    (["--timeout", "-5"], ["timeout is -5.0", "above 0"]),
    (["--timeout", "nan"], ["timeout is nan", "above 0"]),
    (["--n-jobs", "0"], ["n_jobs is 0", "at least 1"]),
    (["-conf", "missing.yml"], ["'missing.yml'", "No such file"]),
    (["-conf", "empty.yml"], ["'empty.yml' holds None", "must map"]),
    (["-conf", "broken.yml"], ["'broken.yml' is no valid YAML"]),
    (["-conf", "list.yml"], ["holds [1]", "must map"]),
    (["-conf", "no_entry.yml"], ["dqn-CartPole-v1", "add an entry"]),
    (["-conf", "no_steps.yml", "-n", "-1"], ["no n_timesteps", "give -n"]),
    (["-conf", "bad_option.yml"], ["'n_seed'", "did you mean 'n_seeds'"]),
    (["-conf", "code.yml"], ["cannot read", "nothing is run as code"]),
    (["-conf", "no_value.yml"], ["CartPole-v1 in no_value.yml is None", "a mapping"]),
    (["-conf", "no_value.yml", "-params", "gamma:0.9"], ["CartPole-v1 in no_value.yml is None", "a mapping"]),
    (["-conf", "list_entry.yml"], ["CartPole-v1 in list_entry.yml is ['policy', 'MlpPolicy']", "a mapping"]),
    (["-conf", "odd_key.yml"], ["CartPole-v1 in odd_key.yml has the key 3", "text"]),
    (["-conf", "odd_nested_key.yml"], ["'env_kwargs' has the key 0", "text"]),
    (["-conf", "best"], ["'best'", "No module named 'best'", "end with .yml"]),
    (["-conf", "module_without"], ["'module_without'", "hyperparams"]),
    (["-conf", "no_such_file.py"], ["'no_such_file.py' cannot be read", "No such file"]),
    (["-conf", "no_hyperparams.py"], ["'no_hyperparams.py'", "hyperparams"]),
    (["-conf", "no_mapping.py"], ["'no_mapping.py' holds 3", "must map"]),
    (["-conf", "no_entry.py"], ["CartPole-v1 in no_entry.py is None", "a mapping"]),
    (["-conf", "raises.py"], ["'raises.py'", "No module named 'no_such_module'"]),
    (["-conf", "tag.yml"], ["'tag.yml' is no valid YAML"]),
    (["-f", "a_file/logs"], ["'a_file/logs'", "--log-folder"]),
    (["--storage", "nowhere"], ["'nowhere' is no database URL", "sqlite:///study.db"]),
    (["--storage", "a_file/study.log"], ["'a_file/study.log' cannot be written"]),
    (["--gym-packages", "no_such_package"], ["no_such_package", "cannot be imported"]),
    (["-params", "hpo:dict(pruner='halvin')"], ["'halvin'", "did you mean 'halving'"]),
    (["-params", "hpo:dict(sampler_kwargs=dict(n_ei_candidate=3))"], ["did you mean 'n_ei_candidates'"]),
    (["-params", "hpo:3"], ["-params hpo must be a mapping", "3"]),
    (["-params", "no_such_argument:3"], ["unexpected keyword argument 'no_such_argument'"]),
    (["-params", "learning_rate"], ["write -params"]),
    (["-params", "policy_kwargs:dict(activation_fn=nn.Relu)"], ["no attribute 'Relu'", "write -params"]),
    (["-params", "gamma:1/0"], ["division by zero", "write -params"]),
    (["--device", "gpu"], ["device 'gpu'", "cpu", "cuda"]),
    (
        ["--algo", "sac", "--env", "Pendulum-v1", "-params", "noise_type:'gauss'", "noise_std:0.1"],
        ["'gauss'", "normal"],
    ),
    (["--algo", "sac", "--env", "Pendulum-v1", "-params", "noise_type:3", "noise_std:0.1"], ["3", "normal"]),
    (["--algo", "sac", "--env", "Pendulum-v1", "-params", "noise_type:'normal'"], ["noise_std is None", "a number"]),
    (["-params", "learning_rate:'fast'"], ["learning_rate is 'fast'", "lin_0.001"]),
    (["--trained-agent", "nope.zip"], ["'nope.zip'", "leave it out"]),
    (["--trained-agent", "agent"], ["'agent'", ".zip"]),
    (["--search-space", "missing.yml"], ["'missing.yml'", "No such file"]),
    (["--search-space", "no_space.yml"], ["'no_space.yml'", "must be a mapping"]),
    (["--search-space", "tag_space.yml"], ["'tag_space.yml' is no valid YAML"]),
    (["--search-space", "near_space.yml"], ["'learning_rat'", "did you mean 'learning_rate'"]),
    (["--search-space", "range_space.yml"], ["low 1.0 is above high 0.1"]),
    (["--algo", "td3", "--env", "Pendulum-v1", "--search-space", "noise_space.yml"], ["'gauss'", "normal"]),
    (["--search-space", "argument_space.yml"], ["'tua'", "did you mean 'tau'"]),
    (["--search-space", "when_space.yml"], ["when is 'net_arch'", "a mapping"]),
    (["--search-space", "widened_space.yml"], ["widened is 3", "a mapping"]),
    (["--search-space", "wider_space.yml"], ["her", "is 3", "a mapping"]),
    (["--search-space", "same_space.yml"], ["{'same_as': 'x'}", "default"]),
    (["--search-space", "source_space.yml"], ["source is 3", "text"]),
    (["--search-space", "schedule_space.yml"], ["'lin_0.0005'", "lr_schedule: linear"]),
    (["-conf", "hpo_space.yml"], ["'huge'", "hpo_space.yml"]),
    (["--algo", "ppo_mask"], ["action_masks"]),
    (["--algo", "sac"], ["CartPole-v1", "action spaces"]),
    (["--no-such-option"], ["--no-such-option"]),
]


@pytest.mark.parametrize(("options", "expected"), MISTAKES, ids=[" ".join(options) for options, _ in MISTAKES])
def test_a_mistake_is_told_in_one_line(options, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text)
    Path("a_file").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    exit_code = run_command(["tune", "--n-trials", "1", "-n", "100", *options])
    error = capsys.readouterr().err
    assert exit_code == 2
    assert error.startswith("sb3-hpo: error: ")
    assert error.count("\n") == 1
    for text in expected:
        assert text in error
    assert not Path("hacked").exists()
    assert not list(tmp_path.rglob("result.json"))


def test_a_password_is_not_repeated(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run_command(["tune", "--n-trials", "1", "-n", "100", "--storage", "nosuchdb://user:s3cret@host/s"]) == 2
    printed = capsys.readouterr()
    assert "user:***@host" in printed.err
    assert "s3cret" not in printed.err + printed.out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--study-name", "s", "--trial-id", "7"], ["no trial 7", "0 to 0"]),
        (["--study-name", "t", "--trial-id", "0"], ["unknown study 't'", "known: s"]),
        (["--study-name", "s", "--trial-id", "0", "--algo", "qrdqn"], ["tunes 'dqn', not 'qrdqn'"]),
        (["--study-name", "s", "--trial-id", "best", "--storage", "sqlite:///no.db"], ["'no.db' does not exist"]),
        (["--study-name", "s", "--trial-id", "first"], ["--trial-id", "'first'"]),
    ],
)
def test_a_trial_that_is_not_there_is_never_silently_the_default(options, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    budget = ["-n", "100", "--n-trials", "1", "--n-validation-seeds", "0"]
    assert run_command(["tune", "--study-name", "s", *budget]) == 0
    capsys.readouterr()
    assert run_command(["train", *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    for text in expected:
        assert text in error


@pytest.mark.parametrize("agent", ["nope.zip", "agent"])
def test_an_agent_to_go_on_with_that_is_not_there_is_told_in_one_line(agent, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_command(["train", "-n", "100", "--trained-agent", agent]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"sb3-hpo: error: --trained-agent '{agent}'")
    assert error.count("\n") == 1
