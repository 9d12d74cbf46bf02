"""A disk that is full: a small tmpfs, filled up with ballast."""

from __future__ import annotations

import errno
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from sb3_hpo.objective import Objective
from sb3_hpo.trial_attributes import was_interrupted
from tests.integration.in_process import run_command

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = "600k"
SHORT = ["-n", "60", "--n-evaluations", "3", "--eval-episodes", "1", "--pruner", "none", "--n-validation-seeds", "0"]


@pytest.fixture
def disk(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    """The folder of a small disk; the commands run beside it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted: {done.stderr.strip()}")
    monkeypatch.chdir(tmp_path)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Fill a disk to the last byte."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return ballast


def trials(file: Path) -> list[optuna.trial.FrozenTrial]:
    storage = JournalStorage(JournalFileBackend(str(file))) if file.suffix == ".log" else f"sqlite:///{file}"
    return optuna.load_study(study_name="s", storage=storage).trials


def finished(file: Path) -> dict[int, tuple]:
    found = trials(file)
    assert [trial.number for trial in found] == list(range(len(found)))
    return {t.number: (t.values, t.params, t.user_attrs) for t in found if t.state.name in ("COMPLETE", "PRUNED")}


@pytest.mark.parametrize("name", ["s.db", "s.log"])
def test_search_on_a_full_disk_ends_in_one_line_and_goes_on(disk: Path, monkeypatch, capsys, name: str):
    file = disk / name
    location = str(file) if name.endswith(".log") else f"sqlite:///{file}"
    command = ["tune", *SHORT, "--study-name", "s", "--storage", location, "--n-trials"]
    assert run_command([*command, "2"]) == 0
    before = finished(file)
    result = Path("logs/dqn/s/result.json").read_text()
    train, n_trained = Objective._train, 0

    def train_and_fill(self, *args, **kwargs):
        nonlocal n_trained
        n_trained += 1
        if n_trained == 2:
            fill(disk)
        train(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Objective, "_train", train_and_fill)
        capsys.readouterr()
        assert run_command([*command, "4"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("sb3-hpo: the disk is full: ")
    assert str(file) in error
    assert error.endswith(
        "finished trials are kept: free some space, then go on with the same command and --study-name s\n"
    )
    assert n_trained == 2
    assert Path("logs/dqn/s/result.json").read_text() == result
    (disk / "ballast").unlink()
    kept = finished(file)
    # A write that needs no new page of the disk may still have gone through.
    assert len(kept) in (3, 4)
    assert all(kept[number] == before[number] for number in before)
    assert run_command([*command, "2"]) == 0
    after = finished(file)
    assert len(after) == len(kept) + 2
    assert all(after[number] == kept[number] for number in kept)


def test_disk_that_is_full_before_the_study_is_made(disk: Path, capsys):
    ballast = fill(disk)
    for name in (f"sqlite:///{disk}/s.db", f"{disk}/s.log"):
        command = ["tune", *SHORT, "--study-name", "s", "--n-trials", "1", "--storage", name]
        assert run_command(command) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert error.startswith("sb3-hpo: the disk is full: ")
    ballast.unlink()
    for name in (f"sqlite:///{disk}/s.db", f"{disk}/s.log"):
        assert run_command(["tune", *SHORT, "--study-name", "s", "--n-trials", "1", "--storage", name]) == 0


@pytest.mark.parametrize("option", [[], ["--save-models"]])
def test_result_and_models_on_a_full_disk(disk: Path, capsys, option: list[str]):
    """The storage lies elsewhere; what is there of the result stays whole, and the search ends at once."""
    command = [
        "tune",
        *SHORT,
        "--study-name",
        "s",
        "--storage",
        "sqlite:///s.db",
        "-f",
        str(disk),
        "--algo",
        "a2c",
        *option,
    ]
    assert run_command([*command, "--n-trials", "1"]) == 0
    folder = disk / "a2c" / "s"
    names = sorted(folder.iterdir())
    result, best = (folder / "result.json").read_text(), (folder / "best.yml").read_text()
    ballast = fill(disk)
    capsys.readouterr()
    assert run_command([*command, "--n-trials", "3"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(folder) in error
    assert sorted(folder.iterdir()) == names
    assert json.loads((folder / "result.json").read_text()) == json.loads(result)
    assert (folder / "best.yml").read_text() == best
    if option:
        *_, interrupted, handed_back = trials(Path("s.db"))
        assert was_interrupted(interrupted)
        assert handed_back.state == optuna.trial.TrialState.WAITING
    ballast.unlink()
    n_before = len(finished(Path("s.db")))
    assert n_before == (1 if option else 4)
    assert run_command([*command, "--n-trials", "1"]) == 0
    assert len(finished(Path("s.db"))) == n_before + 1
    assert (folder / "result.json").read_text() != result
