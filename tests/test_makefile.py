from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def tuning(arguments: str) -> list[str]:
    """The words of the command that ``make tune`` ends with."""
    make = [shutil.which("make") or "make", "--dry-run", "tune", f"ARGS={arguments}"]
    # Not as part of the make that may run the tests, which would say which folder it enters and leaves.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(make, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    program, *words = lines[-1].split()
    assert program == ".venv/bin/sb3-hpo"
    return words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", ["--shorten"]),
        ("--seed 3", ["--shorten", "--seed", "3"]),
        ("-n 64", ["--shorten", "-n", "64"]),
        ("--n-trials 8", ["-n", "20000", "--n-trials", "8"]),
        ("--max-total-trials=8 -n 64", ["-n", "20000", "--max-total-trials=8", "-n", "64"]),  # The later one counts.
        ("--seed 3 --algo ppo", ["--seed", "3", "--algo", "ppo"]),
        ("--env=Acrobot-v1", ["--env=Acrobot-v1"]),
        ("--env-kwargs a:1", ["--shorten", "--env-kwargs", "a:1"]),
        ("--algo=ppo", ["--algo=ppo"]),
        ("--env Acrobot-v1", ["--env", "Acrobot-v1"]),
        ("-conf my.yml", ["-conf", "my.yml"]),
        ("--conf-file my.yml", ["--conf-file", "my.yml"]),
    ],
)
def test_make_tune_shortens_the_trainings_of_its_own_task_alone(arguments: str, words: list[str]) -> None:
    assert tuning(arguments) == ["tune", *words]
