"""Workers on a cluster of Ray, through its client server (``ray://``)."""

from __future__ import annotations

import logging
import os
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sb3_hpo.clusters.jobs import CONNECT_TIMEOUT_S, ClusterLostError, JobLostError, Order, Report
from sb3_hpo.clusters.task import place, run_worker
from sb3_hpo.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sb3_hpo.clusters.addresses import ClusterAddress

_ATTEMPTS = 3
"""How often Ray's client tries to connect, and we where it is the server that failed."""
_PAUSE_S = 1.0
"""Seconds before we try again."""


class RayCluster:
    """Implements :class:`sb3_hpo.clusters.jobs.Cluster`. A worker takes one CPU, and a GPU where it needs one.

    :param address: of the client server
    :param needs_gpu: whether each worker takes a GPU: Ray hides them from tasks that ask for none
    :raises ClusterLostError: if no client server answers there, or one of another version
    """

    def __init__(self, address: ClusterAddress, *, needs_gpu: bool = False) -> None:
        for name in ("INITIAL", "MAX"):  # Read when Ray is imported; by themselves they add up to half a minute.
            os.environ.setdefault(f"RAY_CLIENT_{name}_CONNECTION_TIMEOUT_S", str(CONNECT_TIMEOUT_S // _ATTEMPTS))
        self._ray: Any = import_module("ray")
        self._strategies: Any = import_module("ray.util.scheduling_strategies")
        logging.getLogger("ray.client_builder").setLevel(logging.WARNING)
        self._connect(str(address))
        self._options = {"num_cpus": 1, "max_retries": 0, "name": "sb3-hpo worker", "num_gpus": int(needs_gpu)}

    def _connect(self, address: str) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._ray.init(address, log_to_driver=False)
            except ConnectionAbortedError as error:
                # The server starts a process for each client, which on a busy machine fails now and then.
                if attempt == _ATTEMPTS:
                    raise ClusterLostError(_first_and_last_line(error)) from None
                time.sleep(_PAUSE_S)
            except Exception as error:
                raise ClusterLostError(one_line(error) or type(error).__name__) from None
            else:
                return

    @property
    def n_slots(self) -> int:
        """CPUs of all its nodes; GPUs if there are fewer and workers need them."""
        resources = self._ray.cluster_resources()
        slots = [resources.get("CPU", 0)]
        if self._options["num_gpus"]:
            slots.append(resources.get("GPU", 0))
        return int(min(slots))

    def places(self) -> Mapping[str, Mapping[str, str]]:
        """Where the tasks of each of its nodes run."""
        nodes = [node for node in self._ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
        return self._run_at([node["NodeID"] for node in nodes], place)

    def check(self, order: Order, places: Sequence[str]) -> Mapping[str, Report]:
        """Run an order at each of some nodes, in no slot."""
        return self._run_at(places, run_worker, order)

    def _run_at(self, nodes: Sequence[str], function: Any, *args: Any) -> dict[str, Any]:
        jobs = {
            node: self._ray.remote(function)
            .options(
                num_cpus=0,
                max_retries=0,
                name="sb3-hpo check",
                scheduling_strategy=self._strategies.NodeAffinitySchedulingStrategy(node, soft=False),
            )
            .remote(*args)
            for node in nodes
        }
        return {node: self._get(job) for node, job in jobs.items()}

    def submit(self, order: Order) -> Any:
        """Run an order wherever a CPU is free."""
        try:
            return self._ray.remote(run_worker).options(**self._options).remote(order)
        except Exception as error:
            raise ClusterLostError(one_line(error)) from None

    def finished(self, jobs: Sequence[Any]) -> Sequence[Any]:
        """Those that have ended."""
        if not jobs:
            return []
        try:
            done, _ = self._ray.wait(list(jobs), num_returns=len(jobs), timeout=0)
        except Exception as error:
            raise ClusterLostError(one_line(error)) from None
        return list(done)

    def report(self, job: Any) -> Report:
        """How a job ended."""
        report: Report = self._get(job)
        return report

    def _get(self, job: Any) -> Any:
        try:
            return self._ray.get(job)
        except Exception as error:  # Whatever the task, or Ray itself, raised; a traceback is in its lines.
            raise JobLostError(f"{type(error).__name__}: {_last_line(error)}") from None

    def close(self, jobs: Sequence[Any]) -> None:
        """Cancel jobs and leave the cluster."""
        try:
            for job in jobs:
                self._ray.cancel(job, force=True)
        finally:
            self._ray.shutdown()


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else ""


def _first_and_last_line(error: Exception) -> str:
    """What failed and why, of an error that holds the server's traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(dict.fromkeys([*lines[:1], *lines[-1:]])) or type(error).__name__
