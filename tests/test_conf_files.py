"""Configuration files, checked before the zoo reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sb3_hpo.errors import UserError
from sb3_hpo.plugin.conf_files import check_conf_file, read_conf_file

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = {"A-v0": {"policy": "MlpPolicy"}}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mine.yml", "A-v0: {policy: MlpPolicy}"),
        ("mine.yaml", "A-v0: {policy: MlpPolicy}"),
        ("mine.py", "hyperparams = {'A-v0': {'policy': 'MlpPolicy'}}"),
    ],
)
def test_a_file_is_read_as_the_zoo_reads_it(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert read_conf_file(str(path)) == CONTENT
    check_conf_file(str(path), "A-v0", is_atari=False)


def test_a_module_is_read_as_the_zoo_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf_in_a_module.py").write_text("hyperparams = {'A-v0': {'policy': 'MlpPolicy'}}")
    monkeypatch.syspath_prepend(tmp_path)
    assert read_conf_file("conf_in_a_module") == CONTENT


@pytest.mark.parametrize(
    ("text", "env_id", "is_atari", "expected"),
    [
        ("A-v0: {gamma: 0.9}\ndefault:", "B-v0", False, "the entry default in .* is None"),
        ("atari: 3", "B-v0", True, "the entry atari in .* is 3"),
        ("default: {gamma: 0.9}", "B-v0", True, "has no entry for B-v0: add one, or one named 'atari'"),
        ("B-v0: {gamma: 0.9, true: 3}", "B-v0", False, "has the key True"),
    ],
)
def test_the_entry_that_the_zoo_takes_is_checked(
    text: str, env_id: str, is_atari: bool, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(text)
    with pytest.raises(UserError, match=expected) as caught:
        check_conf_file(str(path), env_id, is_atari=is_atari)
    assert "\n" not in str(caught.value)


def test_entries_of_other_environments_are_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text("A-v0:\nB-v0: {gamma: 0.9}")
    check_conf_file(str(path), "B-v0", is_atari=False)
    check_conf_file(str(path), "C-v0", is_atari=False)
