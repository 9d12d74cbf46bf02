"""Storage files that are cut off or overwritten, given to whole commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from tests.integration.in_process import run_command

N_TRIALS = 5
SHORT = ["-n", "60", "--n-evaluations", "3", "--eval-episodes", "1", "--pruner", "none", "--n-validation-seeds", "0"]


def opened(file: Path) -> optuna.storages.BaseStorage:
    """A storage file, opened by Optuna itself."""
    if file.suffix == ".log":
        return JournalStorage(JournalFileBackend(str(file)))
    return optuna.storages.RDBStorage(f"sqlite:///{file}")


def location(file: Path) -> str:
    return str(file) if file.suffix == ".log" else f"sqlite:///{file}"


def finished(file: Path) -> dict[int, tuple]:
    trials = optuna.load_study(study_name="s", storage=opened(file)).trials
    assert [trial.number for trial in trials] == list(range(len(trials)))
    return {t.number: (t.values, t.params, t.user_attrs) for t in trials if t.state.name in ("COMPLETE", "PRUNED")}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with a study in an SQLite file, and the same in a journal."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        options = ["--study-name", "s", "--n-trials", str(N_TRIALS), "--storage"]
        assert run_command(["tune", *SHORT, *options, "sqlite:///s.db"]) == 0
    optuna.copy_study(
        from_study_name="s", from_storage=f"sqlite:///{folder / 's.db'}", to_storage=opened(folder / "s.log")
    )
    return folder


def damage(file: Path, how: str) -> bytes:
    content = bytearray(file.read_bytes())
    if how == "cut off":
        del content[-max(10, len(content) // 100) :]
    else:
        # The last page of the database, or a line in the middle of the journal.
        start = len(content) - 4096 if file.suffix == ".db" else len(content) // 2
        content[start : start + 200] = bytes(range(56, 256))
    file.write_bytes(content)
    return bytes(content)


@pytest.mark.parametrize("how", ["cut off", "overwritten"])
@pytest.mark.parametrize("name", ["s.db", "s.log"])
def test_damaged_file_is_told_and_left_alone_and_what_is_saved_goes_on(
    made: Path, tmp_path: Path, monkeypatch, capsys, name: str, how: str
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(made / name, name)
    file, sound = Path(name), finished(made / name)
    content = damage(file, how)
    for command in (["tune", *SHORT, "--n-trials", "1"], ["validate"], ["export"]):
        assert run_command([*command, "--study-name", "s", "--storage", location(file)]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"sb3-hpo: error: storage {name!r} is damaged: ")
        assert error.count("\n") == 1
        assert file.read_bytes() == content
    recovered = Path(f"s.recovered{file.suffix}")
    saved = finished(recovered)
    assert all(saved[number] == sound[number] for number in saved)
    assert saved
    assert len(list(tmp_path.glob("s.recovered*"))) == 3
    go_on = ["--study-name", "s", "--storage", error.split()[-1]]
    assert run_command(["export", *go_on]) == 0
    assert run_command(["tune", *SHORT, "--n-trials", "1", *go_on]) == 0
    after = finished(Path(f"s.recovered-3{file.suffix}"))
    assert len(after) == len(saved) + 1
    assert all(after[number] == saved[number] for number in saved)
