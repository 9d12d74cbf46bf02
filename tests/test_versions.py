from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING

from sb3_hpo._version import __version__
from sb3_hpo.versions import ABSENT, differences, installed_versions

if TYPE_CHECKING:
    import pytest


def test_versions_of_what_trains_are_looked_up() -> None:
    versions = installed_versions(["pytest.mark", "no_such_module"])
    assert platform.python_version().startswith(versions["python"] + ".")
    assert versions["sb3-hpo"] in (__version__, ABSENT)
    assert versions["torch"][0].isdigit()
    assert "pytest" in versions
    assert "pytest" not in installed_versions()


def test_packages_of_modules_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known = installed_versions(["pytest.mark"])
    monkeypatch.setattr(metadata, "packages_distributions", None)
    assert installed_versions(["pytest.mark"]) == known


def test_differences_are_named() -> None:
    study = {"python": "3.11", "torch": "2.1", "mine": "1.0"}
    assert differences(study, {"python": "3.11", "torch": "2.2", "numpy": "9"}) == [
        "torch: 2.1 in the study, 2.2 here",
        "mine: 1.0 in the study, not installed here",
    ]
    assert differences(study, study) == []
