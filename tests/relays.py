"""A way to a server that can be cut: what happens when a database goes away, without ending one that others use."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url

from tests.storages import rendered

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFAULT_PORTS = {"postgresql": 5432, "mysql": 3306, "redis": 6379}


class Relay:
    """Passes on what comes in at a port of this machine.

    :param host: where to
    :param port: where to
    """

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._sockets: list[socket.socket] = []
        self._listener = self._listen(0)
        self.port = int(self._listener.getsockname()[1])
        self.n_connections = 0

    def cut(self) -> None:
        """Close all connections, and refuse new ones."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._sockets = []

    def mend(self) -> None:
        """Answer again."""
        self._listener = self._listen(self.port)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), backlog=64)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = listener.accept()
                there = socket.create_connection(self._to)
                self.n_connections += 1
                self._sockets += [here, there]
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relayed(location: str) -> Iterator[tuple[str, Relay]]:
    """The URL of a storage, through a relay."""
    url = make_url(location)
    relay = Relay(url.host or "127.0.0.1", url.port or _DEFAULT_PORTS[url.get_backend_name()])
    try:
        yield rendered(url.set(host="127.0.0.1", port=relay.port)), relay
    finally:
        relay.cut()
