"""A journal that is damaged: found when it is opened, and read as far as it can be."""

from __future__ import annotations

import collections
import json
from typing import TYPE_CHECKING

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileSymlinkLock
from optuna.storages.journal._file import get_lock_file
from optuna.trial import TrialState

from sb3_hpo.damage import Contents, damaged
from sb3_hpo.journal_backend import WholeLineBackend
from sb3_hpo.journal_lines import broken_line, parse
from sb3_hpo.journal_trials import mended

if TYPE_CHECKING:
    from pathlib import Path

    from sb3_hpo.errors import UserError

_REPLAY_ERRORS = (ValueError, KeyError, TypeError, AttributeError, AssertionError, IndexError, RecursionError)
"""What Optuna raises for lines that it did not write."""


def open_journal(path: Path) -> JournalStorage:
    """Open a journal that exists.

    Optuna reads every line of it, so that only the last one, which Optuna leaves out where it is broken, is checked
    beforehand.

    :raises UserError: if it is damaged; what can be read of it is then saved
    :raises OSError: if it cannot be read
    """
    what = _broken_end(path)
    if what is not None:
        raise damaged_journal(path, what)
    try:
        return JournalStorage(WholeLineBackend(str(path)))
    except _REPLAY_ERRORS:
        what = journal_damage(path)
        if what is None:
            raise
    raise damaged_journal(path, what)


def journal_damage(path: Path) -> str | None:
    """What is wrong with a journal, and where; None where nothing is."""
    broken = broken_line(parse(path.read_bytes()))
    return broken or _broken_end(path)


def damaged_journal(path: Path, what: str) -> UserError:
    """The error for a damaged journal, after what can be read of it was saved."""

    def rescue(target: Path) -> Contents:
        content = path.read_bytes()
        logs = mended(parse(content), len(content))
        target.write_text("".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs), encoding="utf-8")
        try:
            storage = JournalStorage(WholeLineBackend(str(target)))
        except _REPLAY_ERRORS:
            return Contents(0, 0)
        studies = storage.get_all_studies()
        states = [trial.state for study in studies for trial in storage.get_all_trials(study._study_id, deepcopy=False)]
        return Contents(len(studies), sum(state in (TrialState.COMPLETE, TrialState.PRUNED) for state in states))

    return damaged(path, what, str, rescue)


def _broken_end(path: Path) -> str | None:
    """What is wrong with the last line. One without an end may be about to be written, so it is looked at again."""
    what = _end(path)
    if what is None:
        return None
    try:
        with get_lock_file(JournalFileSymlinkLock(str(path))):
            return _end(path)
    except OSError:
        return what  # In a folder that cannot be written nobody else writes either.


def _end(path: Path) -> str | None:
    with path.open("rb") as file:
        last = collections.deque(enumerate(file, start=1), maxlen=1)
    return broken_line([line for number, content in last for line in parse(content, first=number)])
