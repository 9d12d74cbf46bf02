"""Search spaces changed without touching the source, in whole commands."""

from __future__ import annotations

from pathlib import Path

import optuna

from tests.integration.in_process import run_command

COMMON = ["tune", "--study-name", "s", "-n", "100", "--n-validation-seeds", "0", "--pruner", "none", "--seed", "1"]


def trials() -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="s", storage="sqlite:///logs/sb3_hpo.db").trials


def test_printed_edited_used_and_kept_in_the_study(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_command(["spaces", "dqn", "--format", "yaml"]) == 0
    printed = capsys.readouterr().out
    assert "    low: 1.0e-05\n    high: 0.01\n" in printed
    edited = printed.replace("low: 1.0e-05\n    high: 0.01\n", "low: 0.002\n    high: 0.003\n", 1)
    Path("mine.yml").write_text(edited)
    assert run_command([*COMMON, "--n-trials", "3", "--search-space", "mine.yml"]) == 0
    Path("mine.yml").unlink()
    # A study is the whole truth: what it samples need not be given again.
    assert run_command([*COMMON, "--n-trials", "1"]) == 0
    rates = [trial.params["learning_rate"] for trial in trials()]
    assert len(rates) == 4
    assert rates[0] == 0.0023  # the zoo's own, which lies inside
    assert all(0.002 <= rate <= 0.003 for rate in rates)
    Path("other.yml").write_text("parameters: {net_arch: small}")
    assert run_command([*COMMON, "--n-trials", "1", "--search-space", "other.yml"]) == 2


def test_an_hpo_block_fixes_drops_and_adds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yml").write_text(
        "hpo:\n"
        "  search_space:\n"
        "    parameters:\n"
        "      net_arch: small\n"
        "      buffer_size: null\n"
        "      max_grad_norm: {type: float, low: 0.5, high: 20, log: true}\n"
        "CartPole-v1: {policy: MlpPolicy, n_timesteps: 100, buffer_size: 777}\n"
    )
    assert run_command([*COMMON, "--n-trials", "2", "-conf", "mine.yml"]) == 0
    for trial in trials():
        assert trial.params["net_arch"] == "small"
        assert "buffer_size" not in trial.params
        assert trial.user_attrs["hyperparams"]["buffer_size"] == 777
        assert trial.user_attrs["hyperparams"]["max_grad_norm"] == trial.params["max_grad_norm"]


def test_no_noise_means_none_even_where_the_base_has_some(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yml").write_text("parameters: {noise_type: {value: null}}")
    options = ["--algo", "td3", "--env", "Pendulum-v1", "--n-trials", "1", "--search-space", "mine.yml"]
    # The zoo's Pendulum configuration has normal noise.
    assert run_command([*COMMON, *options]) == 0
    (trial,) = trials()
    assert "noise_type" not in trial.user_attrs["hyperparams"]
    assert "noise_std" not in trial.user_attrs["hyperparams"]


def test_a_file_without_n_timesteps_is_fine_with_n(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yml").write_text("CartPole-v1: {policy: MlpPolicy}\n")
    assert run_command([*COMMON, "--n-trials", "1", "-conf", "mine.yml"]) == 0
    assert trials()[0].user_attrs["hyperparams"]["n_timesteps"] == 100
