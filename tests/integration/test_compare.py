"""``sb3-hpo compare`` on a real task: in one process and in two, stopped and gone on."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

from tests.forked_commands import forked

if TYPE_CHECKING:
    from pathlib import Path

COMPARE = [
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
    with forked([*COMPARE, "--n-jobs", "1"], one) as command:
        assert "trainings of a search try" in command.ends()
    assert (one / "compare.png").read_bytes().startswith(b"\x89PNG")
    with forked([*COMPARE, "--n-jobs", "2"], two) as command:
        command.wait_for("fresh seed")
        command.send(signal.SIGINT)
        assert "the same command goes on" in command.ends(128 + signal.SIGINT)
    assert not (two / "compare.png").exists()
    with forked([*COMPARE, "--n-jobs", "2"], two) as command:
        assert "picture: compare.png" in command.ends()
    assert found(one) == found(two)
