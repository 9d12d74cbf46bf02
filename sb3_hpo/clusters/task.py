"""What runs in a cluster's own process: it starts a worker as a process of its own, and waits for it.

Dask runs tasks in threads of a process that may not use :mod:`multiprocessing`; a worker needs signals, memory and
threads of its own, and must be able to crash alone. Only the standard library is imported here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sb3_hpo.clusters.jobs import Order, Report

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable

PROGRAM = "sb3_hpo.plugin.cluster_process"
"""Module that a worker's process runs."""

LEAVE_S = 30.0
"""Seconds that a worker which nobody wants any more has to hand back what it runs."""

_NAP_S = 0.5
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def place() -> dict[str, str]:
    """Where this process runs: the host, the start of its machine, and the Python that its workers would be run by."""
    try:
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return {"host": socket.gethostname(), "boot": boot, "python": sys.executable}


def run_worker(order: Order, is_wanted: Callable[[], bool] = lambda: True) -> Report:
    """Run a worker until it ends: see :func:`serve_order`."""
    return asyncio.run(serve_order(order, is_wanted))


async def serve_order(order: Order, is_wanted: Callable[[], bool] = lambda: True) -> Report:
    """Run a worker until it ends.

    The plan, a password in it, goes through a pipe, so that no list of processes shows it. The pipe stays open: where
    it ends, this process being killed or the worker being wanted no more, the worker hands back what it runs.

    :param is_wanted: asked again and again whether anybody still waits for it
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as told:
        # A session of its own: signals for the cluster's processes are theirs.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", PROGRAM, stdin=subprocess.PIPE, stdout=told, start_new_session=True
        )
        end = asyncio.ensure_future(process.wait())
        try:
            await _send(process, order)
            while not end.done() and is_wanted():
                await asyncio.wait([end], timeout=_NAP_S)
        finally:
            await _end(process, end)
        told.seek(0)
        return Report(end.result(), _messages(told))


async def _send(process: Process, order: Order) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):  # It died at once: its exit code says so.
            process.stdin.write(order.text.encode() + b"\n")
            await process.stdin.drain()


async def _end(process: Process, end: asyncio.Future[int]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    await asyncio.wait([end], timeout=LEAVE_S)
    if not end.done():
        process.kill()
        await end


def _messages(told: IO[str]) -> tuple[tuple[str, str], ...]:
    """What the worker told; anything else is what some library printed."""
    messages = []
    for line in told:
        with contextlib.suppress(ValueError):
            match json.loads(line):
                case [str(kind), str(text)]:
                    messages.append((kind, text))
    return tuple(messages)
