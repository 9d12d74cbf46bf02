"""``sb3-hpo compare`` on a real task: in one process and in two, stopped and gone on."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

from tests.integration.commands import SB3_HPO, interrupt_after, run

if TYPE_CHECKING:
    from pathlib import Path

COMPARE = [
    *SB3_HPO,
    "compare",
    *("--algo", "a2c", "--env", "CartPole-v1", "-n", "200", "--samplers", "grid,random", "--budget", "2"),
    *("--repetitions", "1", "--n-seeds", "1", "--seed", "3", "--json", "found.json"),
]


def found(folder: Path) -> dict[str, Any]:
    """The numbers that a command has written, without those of time."""
    numbers = json.loads((folder / "found.json").read_text())
    for sampler in numbers["samplers"].values():
        sampler["curves"].pop("seconds")
        for repetition in sampler["repetitions"]:
            for timed in (repetition, *repetition["incumbents"]):
                timed.pop("seconds")
    return numbers


def test_two_processes_that_were_stopped_find_what_one_does(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    printed = run([*COMPARE, "--n-jobs", "1"], one).stdout
    assert "trainings of a search try" in printed
    assert (one / "compare.png").read_bytes().startswith(b"\x89PNG")
    code, output = interrupt_after([*COMPARE, "--n-jobs", "2"], two, "fresh seed", signal.SIGINT)
    assert code == 128 + signal.SIGINT, output
    assert "the same command goes on" in output
    assert not (two / "compare.png").exists()
    again = run([*COMPARE, "--n-jobs", "2"], two).stdout
    assert "picture: compare.png" in again
    assert found(one) == found(two)
