from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.storages import JournalStorage

from sb3_hpo.errors import UserError
from sb3_hpo.journal_backend import WholeLineBackend, end_of_whole_lines

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    storage = JournalStorage(WholeLineBackend(str(tmp_path / "s.log")))
    return optuna.create_study(storage=storage, study_name="s")


@pytest.mark.parametrize("n_written", [0, 1, 30])
def test_write_that_fails_leaves_nothing(study: optuna.Study, tmp_path: Path, monkeypatch, n_written: int) -> None:
    file = tmp_path / "s.log"
    before = file.read_bytes()
    write, n_calls = os.write, 0

    def full(descriptor: int, content: bytes) -> int:
        nonlocal n_calls
        n_calls += 1
        if n_calls > 1 or not n_written:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, content[:n_written])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left") as caught:
            study.ask()
    assert caught.value.filename == str(file)
    assert file.read_bytes() == before
    assert not list(tmp_path.glob("*.lock"))
    study.tell(study.ask(), 1.0)
    again = optuna.load_study(study_name="s", storage=JournalStorage(WholeLineBackend(str(file))))
    assert [trial.value for trial in again.trials] == [1.0]


def test_half_a_line_of_a_dead_writer_is_cut_off(study: optuna.Study, tmp_path: Path) -> None:
    file = tmp_path / "s.log"
    before = file.read_bytes()
    file.write_bytes(before + b'{"op_code":4,"wor')
    study.tell(study.ask(), 1.0)
    assert [trial.value for trial in study.trials] == [1.0]
    assert file.read_bytes().startswith(before + b'{"op_code":4,"worker_id"')


def test_file_that_becomes_shorter_is_told(study: optuna.Study, tmp_path: Path) -> None:
    file = tmp_path / "s.log"
    study.tell(study.ask(), 1.0)
    content = file.read_bytes()[:200]
    file.write_bytes(content)
    with pytest.raises(UserError, match="was cut off while it was in use"):
        study.ask()
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("content", "end"), [(b"", 0), (b"a", 0), (b"a\n", 2), (b"a\nb", 2), (b"a\n" + b"b" * 200_000, 2), (b"\n" * 9, 9)]
)
def test_end_of_whole_lines(tmp_path: Path, content: bytes, end: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    assert end_of_whole_lines(file) == end
