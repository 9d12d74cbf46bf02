"""Where the files of a study are."""

from __future__ import annotations

from pathlib import Path


def study_folder(log_folder: str, algo: str, study_name: str) -> Path:
    """Where the results of a study are written."""
    return Path(log_folder) / algo / study_name
