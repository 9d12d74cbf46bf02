"""Optuna's journal file, written so that no line is left half."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import get_lock_file

from sb3_hpo.errors import UserError

_BLOCK = 65_536
"""Bytes read at a time when looking for the end of the last whole line."""


class WholeLineBackend(JournalFileBackend):
    """A journal file whose writes either succeed or leave nothing behind.

    Optuna's own leaves half a line where the disk is full, and the next line that is appended to it makes the file
    unreadable for everyone. Here what was written of it is cut off again, under the same lock, so that the study can
    go on once there is space. Half a line of a process that was killed while it wrote, and which was confirmed to
    nobody, is cut off before the next one is appended.

    :param file_path: the journal, made where there is none
    """

    def __init__(self, file_path: str) -> None:
        super().__init__(file_path)
        self._least_size = 0

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append operations, all of them or none.

        :raises OSError: if they cannot be written, naming the file
        :raises UserError: if the file is shorter than it was: somebody cut it off while it was in use
        """
        path = Path(self._file_path)
        content = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        try:
            with get_lock_file(self._lock), path.open("r+b") as file:
                size = end_of_whole_lines(path)
                if size < self._least_size:
                    raise UserError(
                        f"storage {self._file_path!r} was cut off while it was in use: from {self._least_size:,} bytes "
                        f"to {size:,}; restore it, or name another file with --storage"
                    )
                _append(file.fileno(), content, size)
                self._least_size = size + len(content)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._file_path) from error


def _append(descriptor: int, content: bytes, size: int) -> None:
    """Write at the end of what is whole; cut off again what a failure leaves."""
    try:
        os.ftruncate(descriptor, size)
        os.lseek(descriptor, size, os.SEEK_SET)
        written = 0
        while written < len(content):
            written += os.write(descriptor, content[written:])
        os.fsync(descriptor)
    except BaseException:
        os.ftruncate(descriptor, size)
        raise


def end_of_whole_lines(path: Path) -> int:
    """Bytes up to the end of the last line that ends; all of them unless the last line is cut off."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - _BLOCK)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0
