"""Studies that the stock zoo made, read with the plugin."""

from __future__ import annotations

import optuna
import yaml

from tests.integration.commands import PLUGIN, RL_ZOO3, run


def test_trials_of_the_stock_zoo_are_trained_again_trial_0_included(tmp_path):
    common = ["--algo", "dqn", "--env", "CartPole-v1", "-n", "200", "--study-name", "stock"]
    common += ["--storage", "sqlite:///s.db"]
    run([*RL_ZOO3, *common, "-optimize", "--n-trials", "2", "--no-optim-plots", "--seed", "1"], tmp_path)
    trials = optuna.load_study(study_name="stock", storage=f"sqlite:///{tmp_path / 's.db'}").trials
    for trial in trials:
        run([*RL_ZOO3, *common, *PLUGIN, "--trial-id", str(trial.number), "--eval-freq", "-1"], tmp_path)
        # The first folder is that of the search.
        saved = tmp_path / "logs" / "dqn" / f"CartPole-v1_{2 + trial.number}" / "CartPole-v1" / "config.yml"
        config = dict(yaml.load(saved.read_text(), Loader=yaml.UnsafeLoader))
        assert config["learning_rate"] == trial.params["learning_rate"]
        assert config["gamma"] == 1 - trial.params["one_minus_gamma"]
        assert config["batch_size"] == 2 ** trial.params["batch_size_pow"]


def test_what_the_stock_zoo_trips_over_is_read():
    from sb3_hpo.plugin.experiment import stock_hyperparams

    common = {"one_minus_gamma": 0.01, "batch_size_pow": 5, "learning_rate": 1e-3, "net_arch": "small"}
    without_noise = stock_hyperparams("td3", {**common, "noise_type": None, "noise_std": 0.1})
    assert "noise_type" not in without_noise
    assert "noise_std" not in without_noise
    her = stock_hyperparams("sac", {**common, "n_sampled_goal": 3, "goal_selection_strategy": "final"})
    assert her["replay_buffer_kwargs"] == {"n_sampled_goal": 3, "goal_selection_strategy": "final"}
    assert "n_sampled_goal" not in her
