"""Files that a storage lies in, checked before it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def writable(path: Path) -> Path:
    """A file that can be written, made together with its folders where it does not exist.

    :raises UserError: if it cannot be written
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise UserError(f"storage {str(path)!r} cannot be written: {error.strerror}; name another file") from None
    return path


def existing(path: Path) -> Path:
    """A file that exists.

    :raises UserError: if it does not
    """
    if path.is_dir():
        raise UserError(f"storage {str(path)!r} is a folder: name the file that holds the study with --storage")
    if not path.is_file():
        raise UserError(f"storage {str(path)!r} does not exist: name the one that holds the study with --storage")
    return path
