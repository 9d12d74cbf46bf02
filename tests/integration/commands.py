"""Whole commands, run as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal

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


def interrupt_after(command: list[str], folder: Path, line: str, number: signal.Signals) -> tuple[int, str]:
    """Run a command, send it a signal once it has printed a line with this text; its exit code and its output."""
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment()
    )
    output = ""
    deadline = time.monotonic() + TIMEOUT_S
    for printed in process.stdout:
        output += printed
        if line in printed:
            process.send_signal(number)
            break
        assert time.monotonic() < deadline, output
    rest, _ = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, output + rest


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}
