"""The command line, run in this process: a second instead of five for each command."""

from __future__ import annotations

from sb3_hpo.cli import main


def run_command(words: list[str]) -> int:
    """Run ``sb3-hpo`` with these words and return its exit code; trainings are done in this process, too."""
    if words[:1] in (["tune"], ["validate"]) and "--n-jobs" not in words:
        words = [*words, "--n-jobs", "1"]
    try:
        return main(words)
    except SystemExit as stop:
        return int(stop.code or 0)
