"""``sb3-hpo storage-proxy``: Optuna's gRPC server in front of a database, for workers that cannot reach it."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from typing import TYPE_CHECKING

import optuna
from optuna.storages._grpc.server import make_server

from sb3_hpo.errors import UserError
from sb3_hpo.interruption import StopSignal
from sb3_hpo.parsers import OneLineParser
from sb3_hpo.storage import STORAGE_VARIABLE, open_storage, redacted
from sb3_hpo.storages.proxies import DEFAULT_PORT, grpc_host

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from optuna.storages import BaseStorage

LOOPBACK = "127.0.0.1"

GRACE_S = 10.0
"""Seconds that a proxy which is asked to end gives the requests it works on."""

_LOOK_S = 0.2
"""Seconds between two looks at whether a signal has come."""


def storage_proxy_command(words: Sequence[str]) -> int:
    """Serve a database until Ctrl-C or SIGTERM."""
    args = proxy_parser().parse_args(list(words))
    location = args.storage or os.environ.get(STORAGE_VARIABLE)
    if location is None:
        raise UserError(f"no storage to serve: give --storage, or set {STORAGE_VARIABLE}")
    serve(location, args.host, args.port)
    return 0


def serve(location: str, host: str, port: int) -> None:
    """Serve a database until Ctrl-C or SIGTERM. Requests that are being worked on then are finished.

    Optuna's ``run_grpc_proxy_server`` does the same, but keeps its server to itself, so that none can end it in order.

    :param location: database to serve, as :func:`sb3_hpo.storage.open_storage` takes it
    :param host: name or address to listen on. There is no authentication: whoever reaches it can read and change
        every study
    :param port: port to listen on
    :raises UserError: if the storage cannot be opened or is no database, or the address cannot be listened on
    """
    check_free(host, port)
    storage = _served(location)
    try:
        server = make_server(storage, grpc_host(host), port)
    except ImportError:
        raise UserError("a storage proxy needs gRPC, which is not installed: pip install 'sb3-hpo[grpc]'") from None
    except RuntimeError:
        raise _taken(host, port, "it is taken") from None
    with StopSignal() as stop:
        server.start()
        sys.stdout.write(f"serving {redacted(location)}: workers take --storage {worker_location(host, port)}\n")
        sys.stdout.flush()
        while not stop.is_pending:
            server.wait_for_termination(_LOOK_S)
        server.stop(GRACE_S).wait()


def worker_location(host: str, port: int) -> str:
    """The storage that workers name for a proxy which listens there: on every address, the name of this machine."""
    reached = socket.gethostname() if _is_every_address(host) else host
    return f"grpc://{grpc_host(reached)}:{port}"


def check_free(host: str, port: int) -> None:
    """Check that an address can be listened on: gRPC itself would share a port with another proxy.

    :raises UserError: if it cannot
    """
    if not 1 <= port <= 65535:
        raise UserError(f"--port is {port}, it must be from 1 to 65535")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise _taken(host, port, str(error.strerror).partition(" (while")[0]) from None


def _is_every_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _taken(host: str, port: int, reason: str) -> UserError:
    return UserError(f"cannot listen on {grpc_host(host)}:{port}: {reason}; give another --port or --host")


def _served(location: str) -> BaseStorage:
    """The database, read through Optuna's cache, and waited for while it is away: workers see a slow answer, no error.

    Optuna's server does not work in front of a journal.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = open_storage(location)
    if not storage.is_database:
        raise UserError(
            f"storage {redacted(location)!r} is no database: a proxy serves SQLite, PostgreSQL or MySQL; workers "
            "open a journal, Redis or another proxy themselves"
        )
    return storage


def proxy_parser() -> argparse.ArgumentParser:
    """The parser of ``sb3-hpo storage-proxy``."""
    parser = OneLineParser(
        prog="sb3-hpo storage-proxy",
        description=(
            "Serve a database by Optuna's gRPC server, so that many workers share its connections, or reach it at all. "
            "There is no authentication and no encryption: whoever reaches the port can read and change every study. "
            "So it listens on this machine alone, unless --host says otherwise: do that in a network you trust."
        ),
    )
    parser.add_argument(
        "--storage", help=f"Database to serve: SQLite, PostgreSQL or MySQL (default: ${STORAGE_VARIABLE})"
    )
    parser.add_argument("--host", default=LOOPBACK, help=f"Name or address to listen on (default: {LOOPBACK})")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"Port to listen on (default: {DEFAULT_PORT})")
    return parser
