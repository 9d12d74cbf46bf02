"""Optuna's storage behind a gRPC server, the one that ``sb3-hpo storage-proxy`` runs."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from optuna.exceptions import ExperimentalWarning
from optuna.storages import GrpcStorageProxy

from sb3_hpo.storages.opening import CONNECT_TIMEOUT_S, MissingDriverError, OpeningError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

DEFAULT_PORT = 13000
"""Optuna's own default."""


def open_proxy(url: URL) -> GrpcStorageProxy:
    """Open the storage that a proxy serves.

    :raises OpeningError: if no proxy answers there
    :raises MissingDriverError: if gRPC is not installed
    """
    if not url.host or url.username is not None or url.database or url.query:
        raise OpeningError(f"a proxy has a host and a port and nothing else: write grpc://host:{DEFAULT_PORT}")
    try:
        import grpc

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            storage = GrpcStorageProxy(host=grpc_host(url.host), port=url.port or DEFAULT_PORT)
    except ImportError:
        raise MissingDriverError("sb3-hpo[grpc]") from None
    except RuntimeError as error:  # An older gRPC than Optuna's code was generated for.
        raise OpeningError(error) from None
    try:
        storage.wait_server_ready(timeout=CONNECT_TIMEOUT_S)
        storage.get_all_studies()
    except ConnectionError:
        storage.close()
        raise OpeningError(
            f"no storage proxy answers there within {CONNECT_TIMEOUT_S} s: start one with sb3-hpo storage-proxy"
        ) from None
    except grpc.RpcError as error:
        storage.close()
        reason = f"what answers there is no storage proxy, or its database fails: {error.details()}"
        raise OpeningError(reason) from None
    return storage


def grpc_host(host: str) -> str:
    """A host as gRPC takes it: an address of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host
