"""A reader of the documentation, who does what a page says: writes its files, runs its Python and its commands.

Commands are run as they are written, with small budgets put behind what they ask for, in this process where that does.
Names of hosts stand for servers of the tests; one that is not there is an SQLite file.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rl_zoo3.train

from sb3_hpo.training_parsers import tune_parser
from tests import storages
from tests.integration.commands import RL_ZOO3, run
from tests.integration.in_process import run_command
from tests.pages import ROOT, Block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TRAINING = ["-n", "64", "--eval-episodes", "1"]
SEARCH = ["--n-evaluations", "2", "--n-jobs", "1"]
JUDGING = ["--n-finalists", "1", "--n-validation-episodes", "1", "--n-validation-seeds"]

SERVERS = {
    r"postgresql://user(:p%40ssword)?@host/database": "postgresql",
    r"redis://host:6379/0\?prefix=mine": "redis",
}
"""Locations in the documentation, and the kinds of storage that they stand for."""

LOGGED_BY = ("WANDB_MODE", "MLFLOW_TRACKING_URI")
"""Variables that commands in the documentation begin with."""

NOBODY = "127.0.0.1:1"
"""An address at which nothing answers."""


class Reader:
    """Follows one page.

    :param folder: where the reader works
    :param stack: ends what is started
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, stack: contextlib.ExitStack) -> None:
        self._folder = folder
        self._patch = patch
        self._stack = stack
        self._locations: dict[str, str] = {}
        self._proxy = ""
        # As for somebody without accounts; what is logged online has tests of its own.
        self._mlflow = f"sqlite:///{folder / 'mlflow.db'}"
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("MLFLOW_TRACKING_URI", self._mlflow)

    def follow(self, blocks: Sequence[Block]) -> None:
        """Do what the blocks of a page say, in their order."""
        for block in blocks:
            if block.title:
                Path(block.title).parent.mkdir(parents=True, exist_ok=True)
                Path(block.title).write_text(block.text, encoding="utf-8")
                if block.title == "my_package/callbacks.py":
                    self._patch.syspath_prepend(str(self._folder))
            elif block.language == "python":
                self._run_python(block.text)
            for command in block.commands:
                self.run(command)

    def _run_python(self, text: str) -> None:
        with self._patch.context() as patch:
            patch.syspath_prepend(str(self._folder))  # As in a Python that is started there.
            exec(compile(text, "the documentation", "exec"), {"__name__": "documentation"})

    def run(self, command: str) -> None:
        """Run one command; fails unless it succeeds."""
        command, _, file = command.partition(" > ")
        words = shlex.split(self._as_here(command))
        name, _, value = words[0].partition("=")
        with _output_in(file), self._patch.context() as patch:
            if name in LOGGED_BY:
                patch.setenv(name, value if "://host" not in value else self._mlflow)
                words = words[1:]
            if words[:2] == ["sb3-hpo", "compare"] and "--table" in words:
                _write_table(Path(words[words.index("--table") + 1]))
            self._run(words)

    def _run(self, words: list[str]) -> None:
        match words:
            case ["sb3-hpo", "storage-proxy", *options]:
                served = options[options.index("--storage") + 1]
                self._proxy, _ = self._stack.enter_context(storages.proxy(served))
            case ["sb3-hpo", *_] if "--cluster" in words:
                # As far as the cluster, which is not there; test_clusters.py has whole ones.
                with contextlib.redirect_stderr(io.StringIO()) as told:
                    assert run_command(_small(words)) == 2
                assert "answers there" in told.getvalue()
            case ["sb3-hpo", *_]:
                assert run_command(_small(words)) == 0, words
            case ["rl_zoo3", "train", *options] | ["python", "-m", "rl_zoo3.train", *options]:
                self._train_with_the_zoo(_small(["train", *options])[1:])
            case ["export", assignment]:
                self._export(*assignment.split("=", 1))
            case ["make", target, *arguments]:
                self._make(target, arguments)
            case ["pip", "install", "-e", "."]:
                self._install()
            case ["pip", "install", extras]:
                _check_extras(extras)
            case _:
                _check_files(words)

    def _train_with_the_zoo(self, options: list[str]) -> None:
        if "-optimize" in options and "sb3_hpo.plugin" not in options:
            run([*RL_ZOO3, *options], self._folder)  # In a process of its own, where the plugin was never turned on.
            return
        self._patch.setattr(sys, "argv", ["rl_zoo3", *options])
        rl_zoo3.train.train()

    def _export(self, name: str, value: str) -> None:
        self._patch.setenv(name, value)
        if name == "PYTHONPATH":
            self._patch.syspath_prepend(value)

    def _make(self, target: str, arguments: list[str]) -> None:
        assert f"\n{target}: " in (ROOT / "Makefile").read_text(encoding="utf-8")
        if target == "tune":
            given = [word for argument in arguments for word in shlex.split(argument.removeprefix("ARGS="))]
            self._run(["sb3-hpo", "tune", *given])

    def _install(self) -> None:
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command = [*install, "--no-build-isolation", "--target", "site", "."]
        subprocess.run(command, cwd=self._folder, check=True, capture_output=True, timeout=120)
        self._patch.syspath_prepend("site")

    def _as_here(self, command: str) -> str:
        for pattern, kind in SERVERS.items():
            if re.search(pattern, command):
                command = re.sub(pattern, lambda _, kind=kind: self._location(kind), command)
        command = re.sub(r"--at-trial \d+", "--at-trial 1", command)  # The studies here are small.
        command = re.sub(r"grpc://[\w.-]+:\d+", self._proxy, command)
        return re.sub(r"(dask|ray)://[\w.-]+:\d+", rf"\1://{NOBODY}", command)

    def _location(self, kind: str) -> str:
        if kind not in self._locations:
            try:
                self._locations[kind] = self._stack.enter_context(storages.fresh(kind, self._folder))
            except pytest.skip.Exception:
                self._locations[kind] = f"sqlite:///{kind}.db"
        return self._locations[kind]


def _small(words: Sequence[str]) -> list[str]:
    """A command without its program, that asks for as little as it can; of two options the later one counts."""
    command, *options = [word for word in words if word != "sb3-hpo"]
    n_trials = "4" if "my-study" in options else "2"
    match command:
        case "tune":
            budget = ["--n-trials", n_trials]
            if "--max-total-trials" in options:
                budget = ["--max-total-trials", n_trials]
            return [command, *options, *TRAINING, *SEARCH, *budget, *JUDGING, "1"]
        case "validate" if "--algo" in options:
            return [command, *options, "-n", "64", "--n-jobs", "1", *JUDGING, "1"]
        case "validate":
            return [command, *options, "--n-jobs", "1", *JUDGING, "2"]
        case "train" if "-optimize" in options:
            without_validation = [] if "-params" in options else ["-params", "hpo:dict(n_validation_seeds=0)"]
            if "sb3_hpo.plugin" not in options:
                without_validation = ["--no-optim-plots"]
            return [command, *options, *TRAINING, *SEARCH, "--n-trials", n_trials, *without_validation]
        case "train":
            return [command, *options, *TRAINING, "--eval-freq", "-1"]
        case "compare":
            searches = ["--budget", "2", "--repetitions", "2", "--n-jobs", "1"]
            evaluations = ["--n-evaluations", "2", "--eval-episodes", "1"]
            training = [] if "--table" in options else ["-n", "64", "--n-seeds", "1", *evaluations]
            return [command, *options, *training, *searches]
        case "worker":
            return [command, *options, "--n-jobs", "1"]
        case _:
            return [command, *options]


def _write_table(file: Path) -> None:
    """Learning curves of nine configurations on three seeds."""
    rate, width = (column.ravel() for column in np.meshgrid([-4.0, -3.0, -2.0], [16.0, 32.0, 64.0]))
    level = np.linspace(0.0, 1.0, 20) * (10.0 + rate + 0.01 * width)[:, None, None]
    noise = np.random.default_rng(0).normal(size=(9, 3, 20))
    np.savez(file, mean_reward=level + noise, seeds=np.arange(3), log10_learning_rate=rate, width=width)


@contextlib.contextmanager
def _output_in(file: str) -> Iterator[None]:
    if not file:
        yield
        return
    with Path(file).open("w", encoding="utf-8") as target, contextlib.redirect_stdout(target):
        yield


def _check_extras(extras: str) -> None:
    """That what is installed besides is offered."""
    found = re.fullmatch(r"sb3-hpo\[([\w,]+)\]", extras)
    assert found is not None, extras
    offered = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in found[1].split(","):
        assert f"\n{extra} = [" in offered, extra


def _check_files(words: Sequence[str]) -> None:
    """Commands of other programs, which tests of their own stand for: that what they name is there.

    Setting up an environment: every run of the tests does it (Makefile). Slurm, Kubernetes: test_cluster_files.py.
    """
    names = ("python", "pip", "sbatch", "docker", "kubectl", "tensorboard")
    assignments = [word for word in words if re.match(r"^[A-Z_]+=", word)]
    rest = [word for word in words if word not in assignments]
    assert rest[0] in names, words
    for word in rest:
        if ("/" in word and word.startswith("docs")) or word.endswith(".txt"):
            assert (ROOT / word).exists(), word
    for assignment in assignments:
        if assignment.startswith("TUNE_OPTIONS="):
            tune_parser().parse_args(shlex.split(assignment.partition("=")[2]))
