"""The two ways to tune, and what the plugin must leave alone."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import optuna
import pytest
import torch
import yaml
from stable_baselines3 import DQN

from tests.integration.commands import PLUGIN, RL_ZOO3, SB3_HPO, SHORT, run

if TYPE_CHECKING:
    from pathlib import Path

BUDGET = ["--n-trials", "2", "--study-name", "routes"]


def sampled_params(folder: Path) -> list[dict]:
    study = optuna.load_study(study_name="routes", storage=f"sqlite:///{folder / 'logs' / 'sb3_hpo.db'}")
    return [trial.params for trial in study.trials]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory) -> Path:
    """A folder in which `sb3-hpo tune` has run, with validation."""
    folder = tmp_path_factory.mktemp("tuned")
    run([*SB3_HPO, "tune", *SHORT, *BUDGET, "--n-validation-seeds", "2", "--pruner", "none"], folder)
    return folder


@pytest.mark.parametrize(
    "zoo",
    [RL_ZOO3, [sys.executable, "-m", "rl_zoo3.train"]],
    ids=["rl_zoo3 train", "python -m rl_zoo3.train"],
)
def test_the_zoos_own_command_samples_what_sb3_hpo_tune_samples(tuned, tmp_path, zoo):
    options = ["-params", "hpo:dict(n_validation_seeds=0, pruner='none')"]
    done = run([*zoo, *SHORT, "-optimize", *PLUGIN, *BUDGET, *options], tmp_path)
    assert sampled_params(tmp_path) == sampled_params(tuned)
    assert "search space dqn (14 parameters), sampler tpe, pruner none" in done.stdout


def test_the_result_is_complete(tuned):
    folder = tuned / "logs" / "dqn" / "routes"
    result = json.loads((folder / "result.json").read_text())
    assert result["n_trials"] == {"complete": 2, "pruned": 0, "failed": 0}
    assert (result["algo"], result["env"], result["study_name"]) == ("dqn", "CartPole-v1", "routes")
    validation = result["validation"]
    assert len(validation["seeds"]) == 2
    for who in ("winner", "default"):
        scores = validation[who]["scores"]
        low, high = validation[who]["ci95"]
        assert len(scores) == 2
        assert min(scores) <= low <= validation[who]["iqm"] <= high <= max(scores)
    # Two trials and two configurations on two seeds, 400 steps each, and what an off-policy rollout adds at the end.
    assert 6 * 400 <= result["n_timesteps_spent"] <= 6 * (400 + 256)
    assert (folder / "best.yml").read_text().startswith("# dqn on CartPole-v1, tuned by sb3-hpo")
    assert yaml.safe_load((folder / "best.yml").read_text())["CartPole-v1"] == result["winner"]["hyperparams"]


def test_the_stock_zoo_trains_from_best_yml_without_the_plugin(tuned, tmp_path):
    best = tuned / "logs" / "dqn" / "routes" / "best.yml"
    script = (
        "import sys, rl_zoo3.train; sys.argv[0] = 'train'; rl_zoo3.train.train();"
        "assert not [name for name in sys.modules if name.startswith('sb3_hpo')]"
    )
    run([sys.executable, "-c", script, *SHORT, "-conf", str(best)], tmp_path)
    run_folder = tmp_path / "logs" / "dqn" / "CartPole-v1_1"
    expected = yaml.safe_load(best.read_text())["CartPole-v1"]
    model = DQN.load(run_folder / "CartPole-v1.zip")
    assert model.batch_size == expected["batch_size"]
    assert model.gamma == expected["gamma"]
    assert model.num_timesteps >= 400


def test_a_validation_score_is_what_the_stock_zoo_reaches_with_the_same_seed(tuned, tmp_path):
    """What you tune is what you get: the same configuration and seed give the same weights in the stock zoo."""
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy

    from sb3_hpo.configuration import from_zoo
    from sb3_hpo.seeds import evaluation_seed

    folder = tuned / "logs" / "dqn" / "routes"
    result = json.loads((folder / "result.json").read_text())
    seed = result["validation"]["seeds"][0]
    options = ["--seed", str(seed), "-conf", str(folder / "best.yml"), "--num-threads", "1", "--eval-freq", "-1"]
    run([*RL_ZOO3, "--algo", "dqn", "--env", "CartPole-v1", *options], tmp_path)
    model = DQN.load(tmp_path / "logs" / "dqn" / "CartPole-v1_1" / "CartPole-v1.zip", device="cpu")
    returns, _ = evaluate_policy(
        model, make_vec_env("CartPole-v1", 10, seed=evaluation_seed(seed)), 20, return_episode_rewards=True
    )
    assert sum(returns) / len(returns) == pytest.approx(result["validation"]["winner"]["scores"][0])
    assert from_zoo(result["winner"]["hyperparams"])["n_timesteps"] == 400


def test_training_without_optimize_is_untouched(tmp_path):
    """Same seed, same weights, with the plugin loaded and without."""
    weights = []
    for name, options in (("stock", []), ("plugin", PLUGIN)):
        folder = tmp_path / name
        folder.mkdir()
        run([*RL_ZOO3, *SHORT, "-params", "train_freq:4", "gradient_steps:1", "learning_starts:100", *options], folder)
        weights.append(DQN.load(folder / "logs" / "dqn" / "CartPole-v1_1" / "CartPole-v1.zip").policy.state_dict())
    stock, plugin = weights
    assert stock.keys() == plugin.keys()
    assert all(torch.equal(stock[key], plugin[key]) for key in stock)


def test_an_hpo_block_in_a_configuration_file_sets_options_and_the_stock_zoo_ignores_it(tmp_path):
    (tmp_path / "mine.yml").write_text(
        "hpo:\n  n_seeds: 2\n  n_validation_seeds: 0\n  sampler: random\n"
        "CartPole-v1:\n  n_timesteps: 200\n  policy: MlpPolicy\n  learning_starts: 50\n"
    )
    conf = ["--algo", "dqn", "--seed", "1", "-conf", "mine.yml"]
    done = run([*RL_ZOO3, *conf, "-optimize", *PLUGIN, *BUDGET], tmp_path)
    assert "sampler random" in done.stdout
    study = optuna.load_study(study_name="routes", storage=f"sqlite:///{tmp_path / 'logs' / 'sb3_hpo.db'}")
    seeds = [[run["seed"] for run in trial.user_attrs["runs"]] for trial in study.trials]
    assert len(seeds[0]) == 2
    assert all(trial_seeds == seeds[0][: len(trial_seeds)] for trial_seeds in seeds)
    run([*RL_ZOO3, *conf, "--eval-freq", "-1"], tmp_path)
    assert (tmp_path / "logs" / "dqn" / "CartPole-v1_1" / "CartPole-v1.zip").exists()
