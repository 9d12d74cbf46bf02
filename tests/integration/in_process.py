"""The command line, run in this process: a second instead of five for each command."""

from __future__ import annotations

from sb3_hpo.cli import main


def run_command(words: list[str]) -> int:
    """Run ``sb3-hpo`` with these words and return its exit code."""
    try:
        return main(words)
    except SystemExit as stop:
        return int(stop.code or 0)
