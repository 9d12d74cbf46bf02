"""Workers on a cluster of Dask (dask.distributed)."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sb3_hpo.clusters.jobs import CONNECT_TIMEOUT_S, ClusterLostError, JobLostError, Order, Report
from sb3_hpo.clusters.task import place, run_worker, serve_order
from sb3_hpo.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sb3_hpo.clusters.addresses import ClusterAddress


class DaskCluster:
    """Implements :class:`sb3_hpo.clusters.jobs.Cluster`. A worker takes one thread of Dask's.

    :param address: of the scheduler
    :raises ClusterLostError: if no scheduler answers there
    """

    def __init__(self, address: ClusterAddress) -> None:
        self._client = _connected(address)

    @property
    def n_slots(self) -> int:
        """Threads of all its workers."""
        return sum(self._client.nthreads().values())

    def places(self) -> Mapping[str, Mapping[str, str]]:
        """Where each of its workers runs."""
        places: dict[str, dict[str, str]] = self._run(place)
        return places

    def check(self, order: Order, places: Sequence[str]) -> Mapping[str, Report]:
        """Run an order at each of some workers, in no slot."""
        reports: dict[str, Report] = self._run(serve_order, order, workers=list(places))
        return reports

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        answers = self._client.run(*args, **kwargs, on_error="return")
        for name, answer in answers.items():
            if isinstance(answer, BaseException):
                raise JobLostError(f"{name}: {type(answer).__name__}: {one_line(answer)}")
        return answers

    def submit(self, order: Order) -> Any:
        """Run an order wherever a thread is free."""
        try:
            return self._client.submit(run_on_dask, order, pure=False)
        except Exception as error:
            raise ClusterLostError(one_line(error)) from None

    def finished(self, jobs: Sequence[Any]) -> Sequence[Any]:
        """Those that have ended."""
        if self._client.status not in ("running", "connecting"):
            raise ClusterLostError(f"the connection is {self._client.status}")
        return [job for job in jobs if job.done()]

    def report(self, job: Any) -> Report:
        """How a job ended."""
        try:
            report: Report = job.result(timeout=CONNECT_TIMEOUT_S)
        except Exception as error:  # Whatever the task, or Dask itself, raised.
            raise JobLostError(f"{type(error).__name__}: {one_line(error)}") from None
        return report

    def close(self, jobs: Sequence[Any]) -> None:
        """Cancel jobs and leave the cluster."""
        try:
            self._client.cancel(list(jobs), force=True)
        finally:
            self._client.close(timeout=CONNECT_TIMEOUT_S)


def run_on_dask(order: Order) -> Report:
    """Run a worker in a task of Dask's, as long as somebody waits for the task."""
    worker_module: Any = import_module("distributed.worker")
    worker, key = worker_module.get_worker(), worker_module.thread_state.key

    def is_wanted() -> bool:
        # Dask does not stop a task that was cancelled, or whose client is gone; it only marks it.
        task = worker.state.tasks.get(key)
        return task is not None and task.state == "executing"

    return run_worker(order, is_wanted)


def _connected(address: ClusterAddress) -> Any:
    """A client, made aside: it waits without end for the first words of something that is no scheduler."""
    distributed: Any = import_module("distributed")
    made: Future[Any] = Future()

    def make() -> None:
        try:
            # Without a scheme: Dask's own configuration says whether that is tcp or tls.
            client = distributed.Client(address.netloc, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
        except Exception as error:
            made.set_exception(error)
        else:
            made.set_result(client)

    threading.Thread(target=make, daemon=True).start()
    try:
        return made.result(timeout=CONNECT_TIMEOUT_S + 1)
    except Exception as error:
        raise ClusterLostError(one_line(error) or type(error).__name__) from None
