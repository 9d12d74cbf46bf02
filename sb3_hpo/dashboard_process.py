"""The process that serves optuna-dashboard: to this machine only, until whoever started it ends."""

from __future__ import annotations

import contextlib
import logging
import signal
import socketserver
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import optuna
import optuna_dashboard

from sb3_hpo.errors import UserError
from sb3_hpo.storage import open_storage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from multiprocessing.connection import Connection

    from _typeshed.wsgi import StartResponse, WSGIApplication

LOOPBACK = "127.0.0.1"

_OWN_NAMES = (LOOPBACK, "localhost", "::1")


def serve(location: str, connection: Connection) -> None:
    """Serve the studies of a storage on a free port until the connection ends.

    :param location: the storage, its password included; it came by a pipe, and goes nowhere from here
    :param connection: the port goes out, or in text why nothing is served
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the command, which ends this.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("optuna_dashboard").setLevel(logging.CRITICAL)
    try:
        application = optuna_dashboard.wsgi(open_storage(location, create=False))
    except UserError as error:
        connection.send(str(error))
        return
    server = make_server(LOOPBACK, 0, ForThisMachine(application), _Server, _SilentHandler)
    threading.Thread(target=_end_with, args=(connection, server), daemon=True).start()
    connection.send(server.server_port)
    server.serve_forever()
    server.server_close()


class ForThisMachine:
    """A web application that answers requests to this machine's own name only.

    A page of somebody else's that is open in the user's browser could give its name this machine's address, and then
    read and delete studies.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if _name(environ.get("HTTP_HOST", "")) in _OWN_NAMES:
            answer: Iterable[bytes] = self._application(environ, start_response)
            return answer
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"This dashboard answers at 127.0.0.1 and localhost only.\n"]


def _name(host: str) -> str | None:
    """The name in a header ``Host``, without the port; None where there is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _SilentHandler(WSGIRequestHandler):
    def log_message(self, *args: Any, **kwargs: Any) -> None:
        pass


def _end_with(connection: Connection, server: WSGIServer) -> None:
    with contextlib.suppress(EOFError, OSError):
        connection.recv()
    server.shutdown()
