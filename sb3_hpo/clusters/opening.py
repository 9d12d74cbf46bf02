"""Opening the cluster that an address names."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sb3_hpo.clusters.addresses import DASK, ClusterAddress
from sb3_hpo.clusters.dask_cluster import DaskCluster
from sb3_hpo.clusters.jobs import CONNECT_TIMEOUT_S, ClusterLostError
from sb3_hpo.clusters.ray_cluster import RayCluster
from sb3_hpo.errors import UserError

if TYPE_CHECKING:
    from sb3_hpo.clusters.jobs import Cluster

_PACKAGES = {"dask": "distributed", "ray": "ray"}
_WHAT = {"dask": "scheduler of Dask", "ray": "client server of Ray (ray start --head opens one at port 10001)"}


def open_cluster(address: ClusterAddress, *, needs_gpu: bool = False) -> Cluster:
    """Connect to a cluster.

    :param needs_gpu: whether each worker trains on a GPU
    :raises UserError: if its package is not installed, or nothing of the kind answers within
        :data:`sb3_hpo.clusters.jobs.CONNECT_TIMEOUT_S`
    """
    if find_spec(_PACKAGES[address.kind]) is None:
        raise UserError(
            f"cluster '{address}' needs a package that is not installed: pip install 'sb3-hpo[{address.kind}]'"
        )
    try:
        _check_answer(address)
        return DaskCluster(address) if address.kind == DASK else RayCluster(address, needs_gpu=needs_gpu)
    except ClusterLostError as error:
        raise UserError(
            f"cluster '{address}' cannot be used: no {_WHAT[address.kind]} answers there ({error})"
        ) from None


def _check_answer(address: ClusterAddress) -> None:
    """Ask the port itself first: the packages take half a minute to say that nobody is there."""
    try:
        socket.create_connection((address.host, address.port), timeout=CONNECT_TIMEOUT_S).close()
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise ClusterLostError(reason) from None
