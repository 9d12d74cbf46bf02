"""A storage file that is damaged: what is told, and where what can be read of it is kept."""

from __future__ import annotations

import dataclasses
import errno
from typing import TYPE_CHECKING

from sb3_hpo.errors import UserError, one_line
from sb3_hpo.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FAILURE = "failure"
"""Trial attribute that says why a trial failed, as :mod:`sb3_hpo.objective` writes it."""

LOST = "TrialInterruptedError: the storage file was damaged, and not all of this trial could be read"
"""Why a trial of a damaged file failed: a reason outside it, so that it says nothing about its configuration."""


@dataclasses.dataclass(frozen=True)
class Contents:
    """How much of a damaged file could be read."""

    n_studies: int
    n_finished: int

    def __str__(self) -> str:
        studies = "1 study" if self.n_studies == 1 else f"{self.n_studies:,} studies"
        return f"{studies} with {count(self.n_finished, 'finished trial')}"


def damaged(path: Path, what: str, location: Callable[[Path], str], rescue: Callable[[Path], Contents]) -> UserError:
    """Save what can be read of a damaged file in a new file beside it; the error that tells about both.

    :param path: the damaged file, which is only read
    :param what: what is wrong with it, and where
    :param location: how ``--storage`` names a file
    :param rescue: writes what can be read into a file that it makes; raises OSError if that cannot be written
    """
    told = f"storage {str(path)!r} is damaged: {what}; it is left as it is, and"
    target = _free_name(path)
    try:
        with target.open("xb"):
            pass
    except OSError as error:
        return UserError(f"{told} {_not_saved(error)}")
    contents = Contents(0, 0)
    try:
        contents = rescue(target)
    except OSError as error:
        return UserError(f"{told} {_not_saved(error)}")
    finally:
        if not contents.n_studies:
            target.unlink(missing_ok=True)
    if not contents.n_studies:
        return UserError(f"{told} nothing in it could be read: restore a copy of it, or name another file by --storage")
    return UserError(
        f"{told} {contents} could be read and saved in {str(target)!r}: go on with --storage {location(target)}"
    )


def _free_name(path: Path) -> Path:
    """``study.recovered.db`` beside ``study.db``, with a number where that is taken."""
    number = 1
    while True:
        suffix = "recovered" if number == 1 else f"recovered-{number}"
        target = path.with_name(f"{path.stem}.{suffix}{path.suffix}")
        if not target.exists():
            return target
        number += 1


def _not_saved(error: OSError) -> str:
    reason = error.strerror or one_line(error)
    remedy = "free some space" if error.errno == errno.ENOSPC else "copy it to a folder that can be written"
    return f"what can be read of it could not be saved beside it ({reason}): {remedy}, then try again"
