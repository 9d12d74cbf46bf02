"""sb3-hpo validate, export and replay on studies that exist."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import optuna
import pytest
import yaml
from optuna.trial import TrialState

from sb3_hpo.choice_size import ChoiceSize
from sb3_hpo.crew import ProcessCrew, WorkersDieError
from sb3_hpo.trial_attributes import WORKER
from tests.forked_commands import forked
from tests.integration.commands import RL_ZOO3, run
from tests.integration.in_process import run_command
from tests.integration.made_studies import STORAGE, copied_study, made_study
from tests.report_pages import read_page


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with a study of three complete trials, not validated."""
    options = ["-n", "300", "--n-trials", "3", "--n-validation-seeds", "0", "--pruner", "none", "--seed", "1"]
    return made_study(tmp_path_factory, options)


@pytest.fixture
def study(made, tmp_path, monkeypatch) -> optuna.Study:
    return copied_study(made, tmp_path, monkeypatch)


def trainings() -> list[tuple[str, int]]:
    """What was trained in the validation study: candidate and seed."""
    trials = optuna.load_study(study_name="s-validation", storage=STORAGE).trials
    return [(trial.user_attrs["candidate"], trial.user_attrs["seed"]) for trial in trials]


def result() -> dict:
    return json.loads(Path("logs/dqn/s/result.json").read_text())


@pytest.mark.usefixtures("study")
def test_validate_adds_to_what_is_there_and_starts_nobody_where_nothing_is_left(monkeypatch):
    options = ["--study-name", "s", "--n-finalists", "1", "--n-validation-episodes", "3"]
    assert run_command(["validate", *options, "--n-validation-seeds", "2"]) == 0
    first, done = result(), trainings()
    assert len(first["validation"]["seeds"]) == 2
    assert len(done) == 4
    assert run_command(["validate", *options, "--n-validation-seeds", "4"]) == 0
    second = result()
    assert second["validation"]["seeds"][:2] == first["validation"]["seeds"]
    assert second["validation"]["default"]["scores"][:2] == first["validation"]["default"]["scores"]
    assert trainings()[:4] == done
    assert len(set(trainings())) == len(trainings()) == 8
    assert second["verdict"]["verdict"] in ("better", "not distinguishable", "worse")
    started: list[ProcessCrew] = []
    monkeypatch.setattr(ProcessCrew, "start", started.append)
    assert run_command(["validate", *options, "--n-validation-seeds", "4", "--n-jobs", "2"]) == 0
    assert (result()["validation"], started) == (second["validation"], [])


def test_with_several_processes_a_validation_comes_to_the_same(study, tmp_path):
    """What a second one is interrupted in, a third one goes on with; the study is searched as before."""
    attributes, n_trials = study.user_attrs, len(study.trials)
    shutil.copytree("logs", "alone")
    options = ["--study-name", "s", "--n-finalists", "2", "--n-validation-seeds", "3", "--n-validation-episodes", "3"]
    assert run_command(["validate", *options, "-f", "alone"]) == 0
    words = ["validate", *options, "--n-jobs", "2"]
    with forked(words, tmp_path) as command:
        command.wait_for("mean return")
        command.send(signal.SIGINT)
        output = command.ends(130)
    assert "Traceback" not in output
    n_done = output.count("\nvalidation: ")
    assert n_done >= 1
    with forked(words, tmp_path) as command:
        went_on = command.ends()
    together, alone = (json.loads(Path(f"{folder}/dqn/s/result.json").read_text()) for folder in ("logs", "alone"))
    assert together["validation"] == alone["validation"]
    assert together["verdict"] == alone["verdict"]
    validation = optuna.load_study(study_name="s-validation", storage=STORAGE)
    # A worker that is stopped where a training begins has not said yet that it is its own.
    pids = {trial.user_attrs[WORKER]["pid"] for trial in validation.trials if WORKER in trial.user_attrs}
    assert len(pids) >= 3
    assert not validation.get_trials(states=(TrialState.RUNNING, TrialState.WAITING))
    complete = validation.get_trials(states=(TrialState.COMPLETE,))
    assert len({(trial.user_attrs["candidate"], trial.user_attrs["seed"]) for trial in complete}) == len(complete)
    assert went_on.count("\nvalidation: ") <= len(complete) - n_done
    after = optuna.load_study(study_name="s", storage=STORAGE)
    assert (after.user_attrs, len(after.trials)) == (attributes, n_trials)


def test_workers_that_die_one_after_the_other_end_a_validation_in_a_line(monkeypatch, capsys):
    def dies(words):
        raise WorkersDieError("6 workers died one after the other")

    monkeypatch.setattr("sb3_hpo.study_commands.validate_command", dies)
    assert run_command(["validate", "--study-name", "s"]) == 1
    said = "sb3-hpo: the validation stops: 6 workers died one after the other; finished trainings are kept\n"
    assert capsys.readouterr().err == said


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("n_finalists", [1, 2])
def test_as_many_finalists_are_validated_as_the_search_is_large(n_finalists, monkeypatch):
    size = ChoiceSize(n_finalists, n_seeds=0, n_trainings=0)
    monkeypatch.setattr("sb3_hpo.study_commands.choice_size_of", lambda study, task, settings: size)
    options = ["--n-validation-seeds", "1", "--n-validation-episodes", "1"]
    assert run_command(["validate", "--study-name", "s", *options]) == 0
    assert len(result()["validation"]["finalists"]) == n_finalists


@pytest.mark.usefixtures("study")
def test_validate_takes_other_trials(capsys):
    options = ["--n-validation-seeds", "1", "--n-validation-episodes", "2"]
    assert run_command(["validate", "--study-name", "s", "--trials", "2", *options]) == 0
    assert [finalist["trial"] for finalist in result()["validation"]["finalists"]] == [2]
    assert run_command(["validate", "--study-name", "s", "--trials", "9"]) == 2
    assert "no trial 9" in capsys.readouterr().err


def test_export_writes_what_the_stock_zoo_trains_with(study, tmp_path):
    assert run_command(["export", "--study-name", "s", "--trial", "1", "--output", "deep/out.yml"]) == 0
    text = Path("deep/out.yml").read_text()
    assert text.startswith("# dqn on CartPole-v1: trial 1 of study s (complete, score ")
    assert yaml.safe_load(text)["CartPole-v1"] == study.trials[1].user_attrs["hyperparams"]
    run([*RL_ZOO3, "--algo", "dqn", "--env", "CartPole-v1", "-conf", "deep/out.yml", "--eval-freq", "-1"], tmp_path)
    assert (tmp_path / "logs" / "dqn" / "CartPole-v1_1" / "CartPole-v1.zip").exists()


def test_replay_tells_what_differs(study, capsys):
    trial = study.trials[1]
    runs = trial.user_attrs["runs"]
    runs[0]["returns"][2][0] += 1.0
    study._storage.set_study_user_attr(study._study_id, "unused", 1)
    altered = optuna.create_study(study_name="altered", storage=STORAGE, direction="maximize")
    for key, value in study.user_attrs.items():
        altered.set_user_attr(key, value)
    trial.user_attrs = {**trial.user_attrs, "runs": runs}
    altered.add_trial(trial)
    assert run_command(["replay", "--study-name", "altered", "--trial", "0"]) == 1
    printed = capsys.readouterr().out
    assert "the evaluation after 45 environment steps had the returns" in printed
    assert run_command(["replay", "--study-name", "s", "--trial", "1", "--seed", "5"]) == 0
    assert "seed 5: score" in capsys.readouterr().out


def test_a_stock_study_is_validated_and_exported_but_not_replayed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    zoo = ["--algo", "dqn", "--env", "CartPole-v1", "-n", "200", "--study-name", "stock", "--storage", "sqlite:///s.db"]
    run([*RL_ZOO3, *zoo, "-optimize", "--n-trials", "2", "--no-optim-plots", "--pruner", "none"], tmp_path)
    common = ["--study-name", "stock", "--storage", "sqlite:///s.db"]
    named = [*common, "--algo", "dqn", "--env", "CartPole-v1", "-n", "200"]
    assert run_command(["validate", *common]) == 2
    assert "give its --algo and --env" in capsys.readouterr().err
    options = ["--n-validation-seeds", "2", "--n-finalists", "1", "--n-validation-episodes", "2"]
    assert run_command(["validate", *named, *options, "--n-jobs", "2"]) == 0
    validation = optuna.load_study(study_name="stock-validation", storage="sqlite:///s.db")
    workers = {trial.user_attrs["worker"]["pid"] for trial in validation.trials if trial.state.name == "COMPLETE"}
    assert workers
    assert os.getpid() not in workers
    found = json.loads(Path("logs/dqn/stock/result.json").read_text())
    assert len(found["validation"]["default"]["scores"]) == 2
    assert run_command(["export", *named, "--trial", "0", "--output", "out.yml"]) == 0
    params = optuna.load_study(study_name="stock", storage="sqlite:///s.db").trials[0].params
    exported = yaml.safe_load(Path("out.yml").read_text())["CartPole-v1"]
    assert exported["learning_rate"] == params["learning_rate"]
    assert exported["batch_size"] == 2 ** params["batch_size_pow"]
    assert run_command(["replay", *common]) == 2
    assert "does not seed its trials" in capsys.readouterr().err
    assert run_command(["report", *common, "--output", "report.html"]) == 0
    page = read_page(Path("report.html"))
    assert found["verdict"]["text"] in page.text
    assert "dqn on CartPole-v1, made by the stock zoo or another program" in page.text
    assert page.column("learning_rate") == [
        pytest.approx(trial.params["learning_rate"], rel=1e-3)
        for trial in optuna.load_study(study_name="stock", storage="sqlite:///s.db").trials
    ]


def test_an_empty_study_of_the_stock_zoo_has_a_report(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("logs").mkdir()
    optuna.create_study(study_name="empty", storage=STORAGE)
    assert run_command(["report", "--study-name", "empty"]) == 0
    assert capsys.readouterr().out == "report: logs/stock/empty/report.html\n"
    assert "It has no trial yet" in read_page(Path("logs/stock/empty/report.html")).text


def test_an_empty_study_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("logs").mkdir()
    optuna.create_study(study_name="empty", storage=STORAGE)
    for command in ("validate", "export"):
        assert run_command([command, "--study-name", "empty", "--algo", "dqn", "--env", "CartPole-v1"]) == 2
        error = capsys.readouterr().err
        assert "no complete trial" in error
        assert error.count("\n") == 1


def test_a_storage_cannot_make_us_import_what_the_user_did_not_allow(study, capsys):
    description = dict(study.user_attrs["sb3_hpo"])
    description["configuration"] = {**description["configuration"], "env_wrapper": [{"subprocess.run": {"args": "ls"}}]}
    study.set_user_attr("sb3_hpo", description)
    assert run_command(["replay", "--study-name", "s"]) == 2
    assert "names 'subprocess.run'" in capsys.readouterr().err
    study.set_user_attr("sb3_hpo", {**description, "arguments": {**description["arguments"], "gym_packages": ["evil"]}})
    assert run_command(["replay", "--study-name", "s"]) == 2
    assert "imports evil" in capsys.readouterr().err


CODE = "__import__('pathlib').Path('run').touch() or {}"


@pytest.mark.parametrize("text", [CODE, repr(CODE)])
def test_text_of_a_storage_is_never_run_nor_written_for_the_zoo_to_run(study, capsys, text):
    trial = study.trials[0]
    hyperparams = {**trial.user_attrs["hyperparams"], "normalize": text}
    altered = optuna.create_study(study_name="altered", storage=STORAGE, direction="maximize")
    altered.set_user_attr("sb3_hpo", study.user_attrs["sb3_hpo"])
    altered.add_trial(copied(trial, {**trial.user_attrs, "hyperparams": hyperparams}))
    common = ["--algo", "dqn", "--env", "CartPole-v1", "--study-name", "altered"]
    for command in (["export", "--study-name", "altered"], ["train", *common, "--trial-id", "0"]):
        assert run_command(command) == 2
        captured = capsys.readouterr()
        assert "normalize" not in captured.out
        assert "__import__" in captured.err
    assert not Path("run").exists()


def test_params_of_a_stock_study_are_never_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("logs").mkdir()
    stock = optuna.create_study(study_name="team/stock", storage=STORAGE, direction="maximize")
    distributions = {"normalize": optuna.distributions.CategoricalDistribution([CODE])}
    usual = {"one_minus_gamma": 0.01, "batch_size_pow": 5, "learning_rate": 1e-3, "net_arch": "small"}
    for name, value in usual.items():
        distributions[name] = optuna.distributions.CategoricalDistribution([value])
    params = {**usual, "normalize": CODE}
    stock.add_trial(optuna.trial.create_trial(value=1.0, params=params, distributions=distributions))
    common = ["--algo", "dqn", "--env", "CartPole-v1", "--study-name", "team/stock", "-n", "100"]
    assert run_command(["train", *common, "--trial-id", "0", "--eval-freq", "-1"]) == 2
    assert "nothing is run as code" in capsys.readouterr().err
    assert run_command(["export", *common, "--trial", "0"]) == 2
    assert not Path("run").exists()


def test_a_trial_of_a_study_whose_name_has_a_slash_is_trained(study, capsys):
    named = optuna.create_study(study_name="team/x", storage=STORAGE, direction="maximize")
    named.set_user_attr("sb3_hpo", study.user_attrs["sb3_hpo"])
    named.add_trial(study.trials[1])
    common = ["--algo", "dqn", "--env", "CartPole-v1", "--study-name", "team/x"]
    assert run_command(["train", *common, "--trial-id", "0", "--eval-freq", "-1", "-n", "100"]) == 0
    assert next(Path("logs/dqn").glob("CartPole-v1_*/CartPole-v1.zip")).stat().st_size > 0


def test_an_export_names_no_class_that_the_user_did_not_allow(study, capsys):
    trial = study.trials[0]
    hyperparams = {**trial.user_attrs["hyperparams"], "callback": [{"subprocess.run": {"args": "ls"}}]}
    altered = optuna.create_study(study_name="altered", storage=STORAGE, direction="maximize")
    altered.set_user_attr("sb3_hpo", study.user_attrs["sb3_hpo"])
    altered.add_trial(copied(trial, {**trial.user_attrs, "hyperparams": hyperparams}))
    assert run_command(["export", "--study-name", "altered"]) == 2
    assert "names 'subprocess.run'" in capsys.readouterr().err


def copied(trial: optuna.trial.FrozenTrial, user_attrs: dict) -> optuna.trial.FrozenTrial:
    """A complete trial with other attributes."""
    return optuna.trial.create_trial(
        value=trial.value, params=trial.params, distributions=trial.distributions, user_attrs=user_attrs
    )
