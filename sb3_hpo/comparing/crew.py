"""Processes that search side by side, each one search at a time, and then train on fresh seeds side by side."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import multiprocessing
import pkgutil
import signal
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

from sb3_hpo.crew import WorkersDieError
from sb3_hpo.processes import process_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from multiprocessing.synchronize import Event

    from sb3_hpo.comparing.spending import SearchBudget
    from sb3_hpo.interruption import StopSignal
    from sb3_hpo.settings import TuningSettings

POLL_S = 0.5
"""Seconds between two looks at how far they are."""

_NAP_S = 0.05


@dataclasses.dataclass(frozen=True)
class Workplace:
    """What each process is told.

    :param storage: where the studies are kept, its password included
    :param gym_packages: modules that may be imported
    :param log_folder: folder of checkpoints
    """

    storage: str
    gym_packages: tuple[str, ...]
    log_folder: str

    def __repr__(self) -> str:
        # Without the password.
        return f"Workplace(gym_packages={self.gym_packages!r}, log_folder={self.log_folder!r})"


class ToldToStop:
    """In a process: whether the one that started it says stop, or is gone. Implements :class:`sb3_hpo.search.Stop`."""

    def __init__(self, event: Event) -> None:
        self.is_pending = event.is_set()
        threading.Thread(target=self._listen, args=(event,), daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Wait, but not after a stop."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.is_pending:
            time.sleep(_NAP_S)

    def _listen(self, event: Event) -> None:
        parent = multiprocessing.parent_process()
        while not event.wait(POLL_S) and (parent is None or parent.is_alive()):
            pass
        self.is_pending = True


class SearchCrew:
    """Processes on this machine.

    :param workplace: what each of them is told
    :param n_workers: how many
    :param search: ``"module:function"``: what does one search with workplace, name of its study, settings, budget, stop
    :param validate: the same that does trainings of a validation with workplace, name of a study that says what is
        trained, name of the validation's, stop
    """

    def __init__(self, workplace: Workplace, n_workers: int, search: str, validate: str) -> None:
        self.n_workers = n_workers
        self._workplace = workplace
        self._search = search
        self._validate = validate

    def search(
        self,
        jobs: Sequence[tuple[str, TuningSettings]],
        budget: SearchBudget,
        stop: StopSignal,
        look: Callable[[], None],
    ) -> Iterator[str]:
        """Have all these searches, in this order; gives the name of each as it is over.

        :param jobs: names of studies, and how they are searched
        :param look: called now and then meanwhile
        :raises WorkersDieError: if a process dies
        """
        with self._pool() as pool:
            futures = {
                pool.submit(self._search, self._workplace, name, settings, budget): name for name, settings in jobs
            }
            while futures:
                if stop.is_pending:
                    pool.stop()
                concurrent.futures.wait(futures, POLL_S, concurrent.futures.FIRST_COMPLETED)
                look()
                # One that is cancelled is done too, which wait() never says.
                for future in [future for future in futures if future.done()]:
                    name = futures.pop(future)
                    if future.cancelled():
                        continue
                    _check(future)
                    if not stop.is_pending:
                        yield name

    @contextlib.contextmanager
    def validating(self, study_name: str, name: str) -> Iterator[_Validating]:
        """Have all of them train what a validation asks for, until the end of the block.

        :param study_name: a study that says what is trained
        :param name: the study whose validation it is
        """
        with self._pool() as pool:
            futures = [pool.submit(self._validate, self._workplace, study_name, name) for _ in range(self.n_workers)]
            yield _Validating(self.n_workers, futures)

    @contextlib.contextmanager
    def _pool(self) -> Iterator[_Pool]:
        context = process_context()
        event = context.Event()
        with concurrent.futures.ProcessPoolExecutor(self.n_workers, context, _begin, (event,)) as executor:
            pool = _Pool(executor, event)
            try:
                yield pool
            finally:
                pool.stop()


class _Pool:
    def __init__(self, executor: concurrent.futures.ProcessPoolExecutor, event: Event) -> None:
        self._executor = executor
        self._event = event
        self._futures: list[Future[None]] = []

    def submit(self, work: str, *args: object) -> Future[None]:
        future = self._executor.submit(_run, work, *args)
        self._futures.append(future)
        return future

    def stop(self) -> None:
        """Have them hand back what they run, and begin nothing more."""
        self._event.set()
        for future in self._futures:
            future.cancel()


class _Validating:
    """Implements :class:`sb3_hpo.workforce.Workforce`."""

    def __init__(self, n_workers: int, futures: Sequence[Future[None]]) -> None:
        self.n_workers = n_workers
        self._futures = futures

    def tend(self) -> None:
        """Pass on the error that one of them ended with."""
        for future in self._futures:
            if future.done():
                _check(future)

    def trial_finished(self) -> None:
        """Nothing: no death is forgiven."""


def _check(future: Future[None]) -> None:
    try:
        future.result()
    except BrokenProcessPool:
        raise WorkersDieError(
            "a process died: is there too little memory? Fewer --n-jobs need less; the same command goes on"
        ) from None


_event: Event | None = None
"""In a process of the pool: set when it is to stop. Such things reach a process only as it is started."""


def _begin(event: Event) -> None:
    """Ctrl-C, which the terminal sends to all processes, is left to the one that started this one."""
    global _event
    _event = event
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(work: str, *args: Any) -> None:
    if _event is None:
        raise RuntimeError("this runs in a process of a pool")
    # By name: what trains is imported where it is needed.
    pkgutil.resolve_name(work)(*args, ToldToStop(_event))
