"""What is submitted to a cluster, what comes back, and what a kind of cluster has to offer.

Only the standard library: the cluster's own processes import this, its scheduler among them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONNECT_TIMEOUT_S = 10
"""Seconds that a cluster has to answer, as long as a storage has."""


@dataclasses.dataclass(frozen=True)
class Order:
    """What a worker on a cluster is to do. A cluster shows its arguments in logs, errors and on its pages.

    :param name: whom it is for; it may be shown
    :param text: the plan, as JSON, the storage's password included; never shown
    """

    name: str
    text: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Report:
    """How a worker's process ended.

    :param exit_code: 0 if it ended in order
    :param messages: what it told, as pairs of a kind (see :mod:`sb3_hpo.crew`) and a text
    """

    exit_code: int
    messages: tuple[tuple[str, str], ...]


class JobLostError(Exception):
    """A job will give no report: the cluster's process that ran it is gone, or it was cancelled. Says why."""


class ClusterLostError(Exception):
    """A cluster does not answer any more. Says why."""


class Cluster(Protocol):
    """A cluster that is connected."""

    @property
    def n_slots(self) -> int:
        """How many workers it has room for."""

    def places(self) -> Mapping[str, Mapping[str, str]]:
        """What :func:`sb3_hpo.clusters.task.place` says at each of the cluster's processes, by its name.

        :raises JobLostError: if one of them cannot run this package
        """

    def check(self, order: Order, places: Sequence[str]) -> Mapping[str, Report]:
        """Run an order at each of some places at once, whatever else they do.

        :raises JobLostError: if one of them cannot run it
        """

    def submit(self, order: Order) -> Any:
        """Run an order wherever there is room, as soon as there is.

        :return: a handle for it
        :raises ClusterLostError: if the cluster does not take it
        """

    def finished(self, jobs: Sequence[Any]) -> Sequence[Any]:
        """Those of some jobs that have ended, however they did.

        :raises ClusterLostError: if the cluster does not answer any more
        """

    def report(self, job: Any) -> Report:
        """How a finished job ended.

        :raises JobLostError: if it gave no report
        """

    def close(self, jobs: Sequence[Any]) -> None:
        """Cancel jobs and leave the cluster."""
