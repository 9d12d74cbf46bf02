"""Addresses of clusters, as ``--cluster`` takes them."""

from __future__ import annotations

import dataclasses
import socket
from urllib.parse import urlsplit

from sb3_hpo.errors import UserError

DASK, RAY = "dask", "ray"

_EXAMPLES = "write dask://host:8786 or ray://host:10001"
"""The ports are the ones that a scheduler of Dask and the client server of Ray listen on unless told otherwise."""


@dataclasses.dataclass(frozen=True)
class ClusterAddress:
    """Where a cluster is reached.

    :param kind: :data:`DASK` or :data:`RAY`
    :param host: name or address, of IPv6 without its brackets
    :param port: TCP port
    """

    kind: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> ClusterAddress:
        """The address in a URL.

        :raises UserError: if it is none of a cluster
        """
        try:
            url = urlsplit(text)
            host, port = url.hostname, url.port
        except ValueError:
            raise _no_cluster(text) from None
        if url.scheme not in (DASK, RAY) or not host or not port:
            raise _no_cluster(text)
        if url.username is not None or url.path not in ("", "/") or url.query or url.fragment:
            raise UserError(f"cluster {_shown(text)!r} has more than a host and a port: {_EXAMPLES}")
        return cls(url.scheme, host, port)

    @property
    def netloc(self) -> str:
        """``host:port``, an address of IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.kind}://{self.netloc}"

    def is_on_this_machine(self) -> bool:
        """Whether it is reached at an address of this machine: only those can be bound."""
        try:
            found = socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM)
        except OSError:
            return False
        return any(_can_be_bound(family, address[0]) for family, _, _, _, address in found)


def _can_be_bound(family: int, host: str | int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


def _no_cluster(text: str) -> UserError:
    return UserError(f"cluster {_shown(text)!r} is no address of a cluster: {_EXAMPLES}")


def _shown(text: str) -> str:
    """An address as it may be shown: without a user and a password, which it must not have."""
    scheme, separator, rest = text.partition("://")
    return scheme + separator + rest.rpartition("@")[2]
