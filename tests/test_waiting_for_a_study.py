from __future__ import annotations

import threading

import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from sb3_hpo.errors import UserError
from sb3_hpo.interruption import Deadline
from sb3_hpo.plugin.joining import open_when_there


def test_a_storage_that_is_not_there_is_told_at_once_without_a_wait(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        open_when_there(str(tmp_path / "a.log"), Deadline(0), pytest.fail)


def test_a_storage_is_waited_for_and_what_is_waited_for_is_told_once(tmp_path, monkeypatch):
    monkeypatch.setattr("sb3_hpo.plugin.joining.WAIT_POLL_S", 0.01)
    path = tmp_path / "a.log"
    told = []
    timer = threading.Timer(0.2, lambda: JournalStorage(JournalFileBackend(str(path))))
    timer.start()
    storage = open_when_there(str(path), Deadline(30), told.append)
    timer.join()
    assert storage.get_all_studies() == []
    assert len(told) == 1
    assert told[0].startswith("waiting: storage ")
