"""The arguments of an environment go with what is tuned: into the study, best.yml, exports and trainings of trials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from sb3_hpo.plugin.rebuild import rebuild_task
from sb3_hpo.study_description import read_description
from tests.integration.in_process import run_command
from tests.integration.made_studies import STORAGE, copied_study, made_study

ENV = ["--algo", "dqn", "--env", "FrozenLake-v1"]
ENV_KWARGS = {"is_slippery": False, "map_name": "8x8"}
GIVEN = ["--env-kwargs", "is_slippery:False", "map_name:'8x8'"]
IN_FILE = "FrozenLake-v1: {policy: MlpPolicy, n_timesteps: 60, env_kwargs: {is_slippery: false, map_name: 8x8}}"
SHORT = ["-n", "60", "--n-evaluations", "2", "--eval-episodes", "1", "--pruner", "none", "--seed", "1"]
BUDGET = ["--n-trials", "1", "--n-validation-seeds", "2", "--n-validation-episodes", "1"]
VALIDATION = ["--n-validation-seeds", "2", "--n-validation-episodes", "1"]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with a study that was given the arguments on the command line."""
    return made_study(tmp_path_factory, [*ENV, *GIVEN, *SHORT, *BUDGET])


@pytest.fixture
def study(made, tmp_path, monkeypatch) -> optuna.Study:
    return copied_study(made, tmp_path, monkeypatch)


@pytest.fixture
def older(study) -> optuna.Study:
    """The study as it was made before its configurations held the arguments: they stood beside them alone."""
    made = optuna.create_study(study_name="older", storage=STORAGE, direction="maximize")
    for key, value in study.user_attrs.items():
        made.set_user_attr(key, value)
    description = study.user_attrs["sb3_hpo"]
    made.set_user_attr("sb3_hpo", {**description, "configuration": without_env_kwargs(description["configuration"])})
    for trial in study.trials:
        hyperparams = without_env_kwargs(trial.user_attrs["hyperparams"])
        trial.user_attrs = {**trial.user_attrs, "hyperparams": hyperparams}
        made.add_trial(trial)
    return made


def without_env_kwargs(configuration: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in configuration.items() if key != "env_kwargs"}


def entry(file: str) -> dict[str, Any]:
    return yaml.safe_load(Path(file).read_text())["FrozenLake-v1"]


def test_what_is_written_holds_the_arguments_of_the_command_line(study):
    assert entry("logs/dqn/s/best.yml")["env_kwargs"] == ENV_KWARGS
    assert study.user_attrs["sb3_hpo"]["configuration"]["env_kwargs"] == ENV_KWARGS
    assert run_command(["export", "--study-name", "s", "--trial", "0", "--output", "out.yml"]) == 0
    assert entry("out.yml")["env_kwargs"] == ENV_KWARGS


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("source", [["-conf", "logs/dqn/s/best.yml"], ["--study-name", "s", "--trial-id", "0"]])
def test_what_is_trained_has_the_arguments_of_the_command_line(source):
    assert run_command(["train", *ENV, *source, "--seed", "1", "--eval-freq", "-1"]) == 0
    from stable_baselines3 import DQN

    model = DQN.load("logs/dqn/FrozenLake-v1_1/FrozenLake-v1.zip", device="cpu")
    assert model.observation_space.n == 64


@pytest.mark.usefixtures("study")
def test_a_study_with_the_arguments_is_replayed_validated_and_gone_on_with(capsys):
    assert run_command(["replay", "--study-name", "s", "--trial", "0"]) == 0
    assert run_command(["validate", "--study-name", "s", *VALIDATION]) == 0
    assert run_command(["tune", *ENV, *GIVEN, *SHORT, *BUDGET, "--study-name", "s"]) == 0
    capsys.readouterr()
    assert run_command(["tune", *ENV, *SHORT, *BUDGET, "--study-name", "s"]) == 2
    assert "give the same, or another --study-name" in capsys.readouterr().err


def test_a_study_with_a_tuple_among_the_arguments_is_gone_on_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [*ENV, "--env-kwargs", "desc:('SFFF','FHFH','FFFH','HFFG')", *SHORT, *BUDGET, "--study-name", "s"]
    for _ in range(2):
        assert run_command(["tune", *given]) == 0
    assert entry("logs/dqn/s/best.yml")["env_kwargs"] == {"desc": ["SFFF", "FHFH", "FFFH", "HFFG"]}


def test_an_older_study_is_replayed_validated_and_rebuilt(older, tmp_path):
    assert run_command(["replay", "--study-name", "older", "--trial", "0"]) == 0
    assert run_command(["validate", "--study-name", "older", *VALIDATION]) == 0
    task = rebuild_task(read_description(older, "older"), [], str(tmp_path))
    env = task.prepare(task.configuration).create_eval_env(seed=0, n_envs=1)
    assert env.observation_space.n == 64
    env.close()


def test_an_older_study_is_gone_on_with(older, capsys):
    assert run_command(["tune", *ENV, *GIVEN, *SHORT, *BUDGET, "--study-name", "older"]) == 0
    trials = optuna.load_study(study_name="older", storage=STORAGE).trials
    assert len(trials) > 1
    # Its trials are of one kind, and so are its workers, who have its description alone.
    assert not any("env_kwargs" in trial.user_attrs.get("hyperparams", {}) for trial in trials)
    assert "older than configurations that hold --env-kwargs: give them again" in capsys.readouterr().out
    others = ["--env-kwargs", "is_slippery:True", "map_name:'8x8'"]
    assert run_command(["tune", *ENV, *others, *SHORT, *BUDGET, "--study-name", "older"]) == 2
    assert "give the same, or another --study-name" in capsys.readouterr().err


def test_the_arguments_of_the_command_line_go_before_those_of_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yml").write_text(IN_FILE)
    given = ["--env-kwargs", "map_name:'4x4'"]
    assert run_command(["tune", *ENV, "-conf", "mine.yml", *given, *SHORT, *BUDGET, "--study-name", "s"]) == 0
    assert entry("logs/dqn/s/best.yml")["env_kwargs"] == {"map_name": "4x4"}


def test_arguments_that_are_no_plain_values_are_refused_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine.yml").write_text("FrozenLake-v1: {policy: MlpPolicy, n_timesteps: 60}")
    given = ["-conf", "mine.yml", "--env-kwargs", "is_slippery:object()"]
    assert run_command(["tune", *ENV, *given, *SHORT, *BUDGET]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("sb3-hpo: error: hyperparameter 'env_kwargs' is <object object at ")
