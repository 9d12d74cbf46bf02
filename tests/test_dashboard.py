from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest

from sb3_hpo.dashboard import check_storage, dashboard
from sb3_hpo.errors import UserError

pytest.importorskip("optuna_dashboard", reason="needs the extra dashboard")

from sb3_hpo.dashboard_process import ForThisMachine

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S = 60.0


@pytest.fixture
def location(tmp_path: Path) -> str:
    """A storage with one study, of one trial."""
    location = f"sqlite:///{tmp_path / 'study.db'}"
    study = optuna.create_study(storage=location, study_name="shown", direction="maximize")
    trial = optuna.trial.create_trial(
        value=3.0, user_attrs={"hyperparams": {"gamma": 0.98}, "seeds": [7], "reason": "went on with trial 0"}
    )
    study.add_trial(trial)
    return location


def answer(url: str) -> str:
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
        return str(response.read().decode())


def test_it_shows_the_study_on_this_machine_and_ends_with_the_command(location: str) -> None:
    told: list[str] = []
    with dashboard(location, 1, told.append):
        (line,) = told
        url = line.split()[1]
        assert line == f"dashboard: {url} (until this command ends)"
        base, _, path = url.partition("/dashboard")
        assert base.startswith("http://127.0.0.1:")
        assert path == "/studies/1"
        assert "<title>Optuna Dashboard</title>" in answer(url)
        (summary,) = json.loads(answer(f"{base}/api/studies"))["study_summaries"]
        assert summary["study_name"] == "shown"
        (trial,) = json.loads(answer(f"{base}/api/studies/1?after=0"))["trials"]
        shown = {attribute["key"]: attribute["value"] for attribute in trial["user_attrs"]}
        assert shown == {"hyperparams": '{"gamma": 0.98}', "seeds": "[7]", "reason": "went on with trial 0"}
        (address,) = listening(int(base.rpartition(":")[2]))
        assert address == "0100007F"
    with pytest.raises(urllib.error.URLError):
        answer(base)


def listening(port: int) -> list[str]:
    """Addresses, in hexadecimal, that a port is listened on (Linux, ``/proc/net/tcp`` and ``tcp6``)."""
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    return [
        words[1].partition(":")[0]
        for words in lines
        if words[1].partition(":")[2] == f"{port:04X}" and words[3] == "0A"
    ]


def test_it_ends_where_the_command_breaks_off(location: str) -> None:
    told: list[str] = []

    def break_off() -> None:
        with dashboard(location, 1, told.append):
            raise ConnectionError

    with pytest.raises(ConnectionError):
        break_off()
    with pytest.raises(urllib.error.URLError):
        answer(told[0].split()[1])


def test_a_storage_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    with (
        pytest.raises(UserError, match=r"no dashboard: storage .* does not exist"),
        dashboard(f"sqlite:///{tmp_path / 'none.db'}", 1, told.append),
    ):
        pass
    assert told == []


def test_a_storage_in_memory_is_refused() -> None:
    with pytest.raises(UserError, match="is in memory, which no dashboard sees"):
        check_storage("sqlite://")
    check_storage("study.log")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", "200 OK"),
        ("localhost:8080", "200 OK"),
        ("localhost", "200 OK"),
        ("[::1]:8080", "200 OK"),
        ("evil.example:8080", "403 Forbidden"),
        ("127.0.0.1.evil.example", "403 Forbidden"),
        ("", "403 Forbidden"),
        ("[", "403 Forbidden"),
    ],
)
def test_a_page_of_somebody_else_gets_nothing(host: str, status: str) -> None:
    statuses: list[str] = []

    def shown(environ: dict, start_response: Callable) -> list[bytes]:
        start_response("200 OK", [])
        return [b"studies"]

    content = ForThisMachine(shown)({"HTTP_HOST": host}, lambda status, headers: statuses.append(status))
    assert statuses == [status]
    assert (b"".join(content) == b"studies") == (status == "200 OK")
