"""Files that are written whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sb3_hpo.whole_files import write_whole, write_whole_bytes
from tests.full_disks import no_file_beyond

if TYPE_CHECKING:
    from pathlib import Path


def test_text_and_bytes_replace_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_whole(file, "größer\n")
    assert file.read_bytes() == "größer\n".encode()
    write_whole_bytes(file, b"\x89PNG\r\n")
    assert file.read_bytes() == b"\x89PNG\r\n"
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("is_text", [True, False])
def test_full_disk_leaves_what_was_there_and_names_the_file(tmp_path: Path, is_text: bool) -> None:
    file = tmp_path / "file"
    file.write_text("as it was")
    with no_file_beyond(1_000), pytest.raises(OSError, match="File too large") as caught:
        write_whole(file, "x" * 2_000) if is_text else write_whole_bytes(file, b"x" * 2_000)
    assert caught.value.filename == str(file)
    assert file.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [file]
