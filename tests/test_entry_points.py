from __future__ import annotations

import importlib.metadata
import sys
from typing import TYPE_CHECKING

from sb3_hpo.algorithms import ENTRY_POINT_GROUP
from sb3_hpo.entry_points import entry_points

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_they_are_those_of_the_installed_packages() -> None:
    assert set(entry_points(ENTRY_POINT_GROUP)) == set(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP))
    assert "dqn" in entry_points(ENTRY_POINT_GROUP).names
    assert not entry_points("sb3_hpo.no_such_group")


def test_packages_are_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known = list(entry_points(ENTRY_POINT_GROUP))
    monkeypatch.setattr(importlib.metadata, "entry_points", None)
    assert list(entry_points(ENTRY_POINT_GROUP)) == known


def test_a_package_on_a_path_added_later_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not entry_points("sb3_hpo.later")
    folder = tmp_path / "later-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: later\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[sb3_hpo.later]\nmine = math:pi\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    (point,) = entry_points("sb3_hpo.later")
    assert point.load() == 3.141592653589793
