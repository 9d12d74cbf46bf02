from __future__ import annotations

import signal
import socket

import optuna
import pytest

from sb3_hpo.errors import UserError
from sb3_hpo.storage_proxy import check_free, worker_location
from tests import storages
from tests.integration.in_process import run_command


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_proxy_in_order(number, tmp_path):
    served = f"sqlite:///{tmp_path / 'study.db'}"
    with storages.proxy(served) as (location, process):
        with storages.read_with_optuna(location) as storage:
            study = optuna.create_study(storage=storage, study_name="s")
            study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
            params = [trial.params for trial in study.trials]
        process.send_signal(number)
        output, _ = process.communicate(timeout=20)
        assert (process.returncode, output) == (0, "")
    with storages.read_with_optuna(served) as storage:
        assert [trial.params for trial in optuna.load_study(study_name="s", storage=storage).trials] == params


def test_a_port_that_another_proxy_listens_on_is_told(tmp_path, capsys):
    """gRPC itself would listen on it, too, and take half of the requests."""
    with storages.proxy(f"sqlite:///{tmp_path / 'one.db'}") as (location, _):
        port = location.rpartition(":")[2]
        assert run_command(["storage-proxy", "--storage", f"sqlite:///{tmp_path / 'two.db'}", "--port", port]) == 2
    error = capsys.readouterr().err
    assert error == (
        f"sb3-hpo: error: cannot listen on 127.0.0.1:{port}: Address already in use; give another --port or --host\n"
    )
    assert not (tmp_path / "two.db").exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--storage", "journal.log"], "'journal.log' is no database"),
        (["--storage", "nowhere"], "'nowhere' is no database URL"),
        (["--storage", "sqlite:///s.db", "--port", "0"], "--port is 0, it must be from 1 to 65535"),
        (["--storage", "sqlite:///s.db", "--port", "65536"], "--port is 65536"),
        (["--storage", "sqlite:///s.db", "--port", "many"], "--port"),
        (["--storage", "sqlite:///s.db", "--host", "no-such-host.invalid"], "cannot listen on no-such-host.invalid"),
        ([], "no storage to serve: give --storage, or set SB3_HPO_STORAGE"),
    ],
)
def test_what_cannot_be_served_is_told(words, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    port = [] if "--port" in words else ["--port", str(storages.free_port())]
    assert run_command(["storage-proxy", *port, *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("sb3-hpo: error: ")
    assert error.count("\n") == 1
    assert reason in error


def test_a_proxy_of_a_proxy_is_refused(tmp_path, capsys):
    with storages.proxy(f"sqlite:///{tmp_path / 'study.db'}") as (location, _):
        port = str(storages.free_port())
        with pytest.MonkeyPatch.context() as monkeypatch, storages.closed_afterwards(monkeypatch):
            assert run_command(["storage-proxy", "--storage", location, "--port", port]) == 2
    assert f"{location!r} is no database" in capsys.readouterr().err


def test_help_says_that_there_is_no_authentication(capsys):
    assert run_command(["storage-proxy", "--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "There is no authentication" in printed
    assert "127.0.0.1" in printed


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "grpc://127.0.0.1:1"),
        ("::1", "grpc://[::1]:1"),
        ("head-node", "grpc://head-node:1"),
        ("0.0.0.0", f"grpc://{socket.gethostname()}:1"),
        ("::", f"grpc://{socket.gethostname()}:1"),
    ],
)
def test_address_for_workers(host, expected):
    assert worker_location(host, 1) == expected


def test_port_that_is_free_can_be_listened_on_afterwards():
    port = storages.free_port()
    check_free("127.0.0.1", port)
    with socket.create_server(("127.0.0.1", port)) as taken, pytest.raises(UserError, match="Address already in use"):
        check_free(*taken.getsockname())
