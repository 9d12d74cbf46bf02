"""Clusters of Dask and Ray to test with: each test gets processes of its own, which are ended afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.storages import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent
TIMEOUT_S = 90


@contextlib.contextmanager
def dask(folder: Path, **environment: str) -> Iterator[str]:
    """The address of a scheduler of Dask with a worker of two threads; their logs are in a folder.

    :param environment: variables of the worker
    """
    pytest.importorskip("distributed")
    port = free_port()
    scheduler = [
        str(BIN / "dask"),
        "scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-dashboard",
    ]
    worker = [str(BIN / "dask"), "worker", f"tcp://127.0.0.1:{port}", "--nthreads", "2", "--no-dashboard"]
    with _process(scheduler, folder, "scheduler.log"):
        wait_for_port(port)
        with _process([*worker, "--local-directory", str(folder)], folder, "worker.log", **environment):
            wait_for_line(folder / "scheduler.log", "Register worker")
            yield f"dask://127.0.0.1:{port}"


@contextlib.contextmanager
def ray() -> Iterator[tuple[str, Path]]:
    """The address of the client server of a node of Ray with two CPUs, and the folder of its logs."""
    pytest.importorskip("ray")
    port, client_port = free_port(), free_port()
    command = [str(BIN / "ray"), "start", "--head", "--block", "--port", str(port), "--node-ip-address", "127.0.0.1"]
    command += ["--ray-client-server-port", str(client_port), "--num-cpus", "2", "--disable-usage-stats"]
    command += ["--object-store-memory", "80000000", "--include-dashboard", "false"]
    # A short path: Ray puts sockets into it, whose names have at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with _process([*command, "--temp-dir", name], folder, "ray.log"):
            wait_for_port(client_port)
            yield f"ray://127.0.0.1:{client_port}", folder


def wait_for_port(port: int) -> None:
    """Wait until something listens on a port of this machine."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port}")


def wait_for_line(path: Path, text: str) -> None:
    """Wait until a log says something."""
    deadline = time.monotonic() + TIMEOUT_S
    while text not in path.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, path.read_text(encoding="utf-8")
        time.sleep(0.1)


def parent_of(pid: int) -> int:
    """The process that started another one."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"^PPid:\s*(\d+)", status, flags=re.MULTILINE)[1])


def command_lines() -> str:
    """What a list of all processes shows."""
    shown = ""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            shown += path.read_bytes().replace(b"\0", b" ").decode(errors="replace") + "\n"
    return shown


@contextlib.contextmanager
def _process(command: list[str], folder: Path, log: str, **environment: str) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / log).open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
