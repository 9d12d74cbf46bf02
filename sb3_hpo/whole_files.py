"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a text so that whoever reads it, and a full disk, finds the old content or the new one, never a part.

    :param path: the file, in a folder that exists
    :param text: its content, written as UTF-8
    :raises OSError: if it cannot be written, naming ``path``; what was there before is still there
    """
    write_whole_bytes(path, text.encode("utf-8"))


def write_whole_bytes(path: Path, content: bytes) -> None:
    """Write a file of any kind, a picture for instance, as :func:`write_whole` writes a text.

    :param path: the file, in a folder that exists
    :param content: all of its bytes
    :raises OSError: if it cannot be written, naming ``path``; what was there before is still there
    """
    try:
        handle, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(partial).chmod(0o644)
            Path(partial).replace(path)
        finally:
            Path(partial).unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
