"""Whole commands on every kind of storage, on real servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from subprocess import PIPE, STDOUT

import optuna
import pytest
import yaml
from optuna.trial import TrialState

from tests import storages
from tests.integration.commands import SB3_HPO, SHORT
from tests.integration.in_process import run_command

TINY = ["tune", *SHORT, "--n-trials", "2", "--study-name", "kept", "--pruner", "none"]


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs a command in this process, in a folder of its own; what it opened is closed after the test."""
    monkeypatch.chdir(tmp_path)

    def run(words: list[str]) -> None:
        monkeypatch.setattr(sys, "orig_argv", [*SB3_HPO, *words])
        assert run_command(words) == 0

    with storages.closed_afterwards(monkeypatch):
        yield run


def test_a_study_is_kept_judged_and_exported(location, command, tmp_path):
    command([*TINY, "--n-validation-seeds", "1", "--storage", location])
    with storages.read_with_optuna(location) as storage:
        study = optuna.load_study(study_name="kept", storage=storage)
        trials = study.get_trials()
        assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 2
        assert [len(trial.intermediate_values) for trial in trials] == [20, 20]
        assert trials[0].user_attrs["origin"] == "default configuration"
        assert study.user_attrs["sb3_hpo"]["tuning_seeds"] == [run["seed"] for run in trials[1].user_attrs["runs"]]
        assert sorted(optuna.get_all_study_names(storage)) == ["kept", "kept-validation"]
    result = json.loads((tmp_path / "logs" / "dqn" / "kept" / "result.json").read_text())
    assert result["n_trials"] == {"complete": 2, "pruned": 0, "failed": 0}
    assert len(result["validation"]["default"]["scores"]) == 1
    command(["export", "--study-name", "kept", "--trial", "1", "--output", "trial.yml", "--storage", location])
    exported = yaml.safe_load((tmp_path / "trial.yml").read_text())
    assert exported["CartPole-v1"] == trials[1].user_attrs["hyperparams"]


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_processes_that_find_no_tables_at_the_same_instant_share_them(kind, tmp_path):
    with storages.fresh(kind, tmp_path) as location:
        program = "import sys, sb3_hpo.storage as s; print(s.study_names(s.open_storage(sys.argv[1])))"
        processes = [
            subprocess.Popen([sys.executable, "-c", program, location], stdout=PIPE, stderr=STDOUT, text=True)
            for _ in range(4)
        ]
        outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert outputs == ["[]\n"] * 4


@pytest.mark.parametrize(("kind", "with_user"), [("mysql", storages.mysql_user), ("redis", storages.redis_user)])
def test_a_password_works_and_is_written_nowhere(kind, with_user, command, tmp_path, capfd):
    password = storages.new_password()
    with storages.fresh(kind, tmp_path) as location, with_user(location, password) as with_password:
        command([*TINY, "--n-validation-seeds", "0", f"--storage={with_password}"])
        command(["train", *SHORT, "--study-name", "kept", "--trial-id", "1", "--storage", with_password])
        printed = "".join(capfd.readouterr())
        with storages.read_with_optuna(location) as storage:
            study = optuna.load_study(study_name="kept", storage=storage)
            kept = json.dumps([study.user_attrs, [trial.user_attrs for trial in study.trials]])
        assert ":***@" in study.user_attrs["sb3_hpo"]["command"]
    written = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    assert (tmp_path / "logs" / "dqn" / "CartPole-v1_1" / "CartPole-v1" / "command.txt").exists()
    assert ":***@" in written
    secret = password[-16:]
    assert secret not in printed + kept + written


@pytest.mark.parametrize(
    ("kind", "with_user", "reason"),
    [("mysql", storages.mysql_user, "Access denied for user"), ("redis", storages.redis_user, "invalid username-pass")],
)
def test_a_wrong_password_is_told_before_any_training(kind, with_user, reason, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with storages.fresh(kind, tmp_path) as location, with_user(location, "r1ght-one") as right:
        told = mistake(right.replace("r1ght-one", "wr0ng-one"), capfd)
    assert reason in told
    assert "wr0ng" not in told


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        ("postgresql", {"database": "no_such_database"}, 'database "no_such_database" does not exist'),
        ("postgresql", {"username": "nobody", "password": "s3cret"}, 'role "nobody" does not exist'),
        ("postgresql", {"host": "no-such-host.invalid"}, "no-such-host.invalid"),
        ("postgresql", {"port": 1}, "Connection refused"),
        ("mysql", {"database": "no_such_database"}, "Unknown database 'no_such_database'"),
        ("mysql", {"host": "no-such-host.invalid"}, "Can't connect to MySQL server on 'no-such-host.invalid'"),
        ("mysql", {"port": 1}, "Connection refused"),
        ("redis", {"database": "study"}, "Redis numbers its databases, 'study' is none"),
        ("redis", {"database": "100000"}, "DB index is out of range"),
        ("redis", {"host": "no-such-host.invalid"}, "no-such-host.invalid"),
        ("redis", {"port": 1}, "Connection refused"),
    ],
)
def test_a_wrong_address_is_told_before_any_training(kind, change, reason, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    url = storages.make_url(storages.server(getattr(storages, kind.upper()))).set(**change)
    with storages.fresh(kind, tmp_path):  # Skips the test where nothing answers.
        told = mistake(storages.rendered(url), capfd)
    assert reason in told
    assert "s3cret" not in told


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("grpc://127.0.0.1:1", "no storage proxy answers there within 1 s"),
        ("grpc://u@host:1", "write grpc://host:13000"),
        ("postgres://u:s3cret@host/s", "did you mean postgresql://?"),
        ("mysql://u:s3cret@more@host/s", "more than one @: write those of the password as %40"),
        ("folder.log", "Is a directory"),
    ],
)
def test_a_location_that_leads_nowhere_is_told_before_any_training(location, reason, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sb3_hpo.storages.proxies.CONNECT_TIMEOUT_S", 1)
    (tmp_path / "folder.log").mkdir()
    told = mistake(location, capfd)
    assert reason in told
    assert "s3cret" not in told


@pytest.mark.parametrize("scheme", ["mysql", "postgresql", "redis", "rediss", "grpc"])
def test_a_server_that_never_answers_is_given_up(scheme, tmp_path, monkeypatch, capfd):
    """A listening port that says nothing, as that of another service may."""
    monkeypatch.chdir(tmp_path)
    for module in ("databases", "journals", "proxies"):
        monkeypatch.setattr(f"sb3_hpo.storages.{module}.CONNECT_TIMEOUT_S", 2)
    with storages.socket.create_server(("127.0.0.1", 0)) as silent:
        database = "" if scheme in ("grpc", "redis", "rediss") else "/study"
        started = time.monotonic()
        mistake(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}{database}", capfd)
    assert time.monotonic() - started < 10


def mistake(location: str, capfd: pytest.CaptureFixture[str]) -> str:
    """The one line that ``sb3-hpo tune`` says about a storage that cannot be opened."""
    assert run_command([*TINY, "--storage", location]) == 2
    printed = capfd.readouterr()
    assert printed.err.startswith("sb3-hpo: error: storage ")
    assert printed.err.count("\n") == 1
    assert "trial" not in printed.out
    return printed.err


@pytest.mark.parametrize("command", ["tune", "validate", "export", "replay", "train", "storage-proxy", "rl_zoo3 train"])
def test_the_environment_names_the_storage_where_no_option_does(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SB3_HPO_STORAGE", "sqlit:///from_the_environment.db")
    study = ["--study-name", "s"]
    words = {
        "tune": ["tune", *SHORT],
        "train": ["train", *SHORT, *study, "--trial-id", "0"],
        "storage-proxy": ["storage-proxy", "--port", str(storages.free_port())],
    }.get(command, [command, *study])
    if command == "rl_zoo3 train":
        words = ["train", *SHORT, "-optimize"]
    assert run_command(words) == 2
    assert "'sqlit:///from_the_environment.db'" in capsys.readouterr().err
    if command != "rl_zoo3 train":
        assert run_command([*words, "--storage", "sqlit:///from_the_option.db"]) == 2
        assert "'sqlit:///from_the_option.db'" in capsys.readouterr().err


def test_a_password_is_not_sent_to_a_tracker(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_command(["tune", "--track", "--storage", "mysql://u:s3cret@host/s"]) == 2
    printed = capsys.readouterr()
    assert "--track" in printed.err
    assert "SB3_HPO_STORAGE" in printed.err
    assert "s3cret" not in printed.err + printed.out


@pytest.mark.parametrize("command", ["tune", "train", "export", "storage-proxy"])
def test_an_option_that_does_not_exist_does_not_show_a_password(command, capsys):
    study = ["--study-name", "s"] if command == "export" else []
    for words in (["--storage-url", "mysql://u:s3cret@host/s"], ["--storage-url=redis://:s3cret@host/0"]):
        assert run_command([command, *study, *words]) == 2
        error = capsys.readouterr().err
        assert "--storage-url" in error
        assert ":***@host" in error
        assert "s3cret" not in error


def test_workers_share_a_study_through_a_proxy(postgresql_location, tmp_path):
    with storages.proxy(postgresql_location) as (location, _):
        environment = {**os.environ, "SB3_HPO_STORAGE": location, "OMP_NUM_THREADS": "1"}
        words = [*SB3_HPO, *TINY, "--n-validation-seeds", "0"]
        processes = [
            subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=PIPE, stderr=STDOUT, text=True)
            for _ in range(2)
        ]
        for process in processes:
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0, output
    with storages.read_with_optuna(postgresql_location) as storage:
        trials = optuna.load_study(study_name="kept", storage=storage).trials
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
    assert sum(trial.user_attrs.get("origin") == "default configuration" for trial in trials) == 1
