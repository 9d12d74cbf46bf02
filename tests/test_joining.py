"""What a machine that joins a study is refused, and told."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import optuna
import pytest

from sb3_hpo import tracking
from sb3_hpo.commands import Command, Phase
from sb3_hpo.errors import UserError
from sb3_hpo.interruption import Deadline
from sb3_hpo.plugin import joining
from sb3_hpo.plugin.joining import Joining, wait_for_command
from sb3_hpo.settings import TuningSettings
from sb3_hpo.study_description import DESCRIPTION, describe
from tests.integration.in_process import run_command
from tests.tasks import SPACE, FakeTask

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = TuningSettings(n_trials=3)
ARGUMENTS = {"gym_packages": ["mine"], "device": "cpu"}


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> optuna.Study:
    """A study with a command, and a task that can be rebuilt without the zoo."""
    task = FakeTask()
    monkeypatch.setattr(joining, "rebuild_task", lambda *args: task)
    study = optuna.create_study(study_name="s")
    description = dataclasses.replace(describe(task, SPACE, SETTINGS), arguments=ARGUMENTS)
    study.set_user_attr(DESCRIPTION, dataclasses.asdict(description))
    Command.begin(study, SETTINGS)
    return study


def plan(study: optuna.Study, n_jobs: int = 2, n_threads: int | None = None) -> tuple[Any, list[str]]:
    told: list[str] = []
    made = Joining("postgresql://u:s3cret@h/d", ["mine"], "logs", n_threads).plan(study, n_jobs, told.append)
    return made, told


def changed(study: optuna.Study, **changes: Any) -> None:
    study.set_user_attr(DESCRIPTION, {**study.user_attrs[DESCRIPTION], **changes})


def test_a_plan_has_what_the_study_says_and_shows_no_password(joined: optuna.Study) -> None:
    made, told = plan(joined)
    assert told == []
    assert (made.study_name, made.settings.n_trials, made.gym_packages, made.n_threads) == ("s", 3, ("mine",), 1)
    assert "s3cret" not in repr(made) + repr(Joining("postgresql://u:s3cret@h/d", [], "logs", None))


@pytest.mark.parametrize(("n_threads", "n_jobs", "each"), [(8, 2, 4), (1, 4, 1), (None, 4, 1)])
def test_threads_are_shared(joined: optuna.Study, n_threads: int | None, n_jobs: int, each: int) -> None:
    assert plan(joined, n_jobs, n_threads)[0].n_threads == each


def test_differences_of_versions_are_named_and_allowed(joined: optuna.Study) -> None:
    versions = joined.user_attrs[DESCRIPTION]["versions"]
    changed(joined, versions={**versions, "torch": "0.1"})
    assert plan(joined)[1] == [f"another version: torch: 0.1 in the study, {versions['torch']} here"]


def test_an_environment_that_differs_is_refused(joined: optuna.Study) -> None:
    changed(joined, environment={"action_space": "Discrete(3)"})
    with pytest.raises(UserError, match=r"has action_space Discrete\(2\) on this machine, the study has Discrete\(3\)"):
        plan(joined)


def test_a_study_that_begins_meanwhile_is_found(joined: optuna.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([[], ["s"]])
    monkeypatch.setattr(joining, "study_names", lambda storage: next(answers))
    monkeypatch.setattr(joining, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda seconds: None))
    assert wait_for_command(joined._storage, "s", Deadline(5.0)).study_name == "s"


def test_there_is_no_study_to_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    storage = optuna.storages.RDBStorage("sqlite:///s.db")
    storage.engine.dispose()
    words = ["worker", "--study-name", "s", "--storage", "sqlite:///s.db"]
    assert run_command(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("sb3-hpo: error: there is no study 's' in this storage: start sb3-hpo tune with this")
    assert run_command([*words, "--n-jobs", "0"]) == 2
    assert run_command([*words, "--wait", "nan"]) == 2


def test_a_command_that_has_ended_is_seen(joined: optuna.Study) -> None:
    command = Command.newest(joined, "")
    command.enter(joined, Phase.END)
    assert Command.newest(joined, "").phase(joined.user_attrs) == Phase.END


def test_a_module_that_was_not_allowed_is_refused(joined: optuna.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    changed(joined, arguments={**ARGUMENTS, "gym_packages": ["evil_module"]})
    with pytest.raises(UserError, match="the study imports evil_module: if you trust it, give --gym-packages"):
        plan(joined)


def test_a_callback_of_the_study_needs_leave(joined: optuna.Study) -> None:
    Command.begin(joined, TuningSettings(callback=["tests.study_callbacks.note"]))
    with pytest.raises(UserError, match=r"calls 'tests.study_callbacks.note' after .* --gym-packages tests$"):
        plan(joined)
    made = Joining("sqlite:///x.db", ["mine", "tests"], "logs", None, "tb").plan(joined, 1, print)
    assert (list(made.settings.callback), made.settings.tensorboard_log) == (["tests.study_callbacks.note"], "tb")


def test_a_tracker_of_the_study_has_to_be_installed(joined: optuna.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    Command.begin(joined, TuningSettings(track=True))
    monkeypatch.setattr(tracking, "_is_installed", lambda module: False)
    with pytest.raises(UserError, match=r"pip install 'sb3-hpo\[wandb\]'"):
        plan(joined)
