"""Whole commands, run as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
SB3_HPO = [str(BIN / "sb3-hpo")]
RL_ZOO3 = [str(BIN / "rl_zoo3"), "train"]
PLUGIN = ["--gym-packages", "sb3_hpo.plugin"]
SHORT = ["--algo", "dqn", "--env", "CartPole-v1", "-n", "400", "--seed", "7", "--n-jobs", "1"]
TIMEOUT_S = 180


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, and fail with what it printed unless it succeeds."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, env=_environment())
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}
