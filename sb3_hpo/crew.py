"""Processes on this machine that work on one study: started, looked after, ended in order."""

from __future__ import annotations

import pkgutil
import signal
import time
from typing import TYPE_CHECKING, Protocol

from sb3_hpo.commands import Phase
from sb3_hpo.consecutive_failures import ConsecutiveFailuresError
from sb3_hpo.errors import UserError
from sb3_hpo.processes import process_context
from sb3_hpo.storage_failures import StorageLostError
from sb3_hpo.study_callbacks import CallbackFailedError
from sb3_hpo.trial_attributes import WORKER
from sb3_hpo.worker_identity import is_on_this_machine

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from optuna.trial import FrozenTrial

    from sb3_hpo.worker_plan import WorkerPlan

MAX_DEATHS = 5
"""Times that workers may die without a trial, or a training of the validation, being finished between.

Those found dead at one look died together, as with their machine: that is once.
"""

END_S = 20.0
"""Seconds that workers have to end in order; an evaluation in progress is finished first."""

USER_ERROR, FAILING, STORAGE_LOST, LEFT_SEARCH = "user error", "failing", "storage lost", "left search"
"""What workers tell: a user's mistake, trials that fail one after the other, no storage, the end of their search."""

CALLBACK_FAILED, NOTE = "callback failed", "note"
"""Also: a callback of the user's that raised, and what a person should see without anything having ended."""

CRASHED, DIFFERS = "crashed", "differs"
"""What those on a cluster tell besides: an error of the program's own, a version other than the study's."""

_NAP_S = 0.05


class WorkersDieError(RuntimeError):
    """Workers die one after the other: memory, or a crash in native code."""


class Crew(Protocol):
    """Workers of a command."""

    @property
    def n_workers(self) -> int:
        """How many work side by side."""

    def start(self) -> None:
        """Start them."""

    def tend(self) -> None:
        """Start those again that died, and pass on what they tell.

        :raises UserError: where a worker found a mistake of the user's
        :raises ConsecutiveFailuresError: where trials fail one after the other
        :raises CallbackFailedError: where a callback of the user's raised
        :raises WorkersDieError: where workers die one after the other
        """

    def enter(self, phase: Phase) -> None:
        """Tell them how far the command is."""

    @property
    def is_searching(self) -> bool:
        """Whether one of them still has a trial of the search."""

    def end(self) -> None:
        """Have them hand back what they run, and wait until they are gone."""

    def kill(self) -> None:
        """End them at once."""

    def runs(self, trial: FrozenTrial) -> bool:
        """Whether a running trial is one of theirs."""

    def trial_finished(self) -> None:
        """Note that the workers get somewhere: the deaths before it are forgiven."""


class ProcessCrew:
    """Workers that are processes on this machine.

    Implements :class:`Crew` and :class:`sb3_hpo.workforce.Workforce`.

    :param plan: what each of them is told
    :param n_workers: how many
    :param work: ``"module:function"``: what each of them does with its plan and a connection
    :param reap: called when one has died: what it was running is tried again
    :param show: called with what a worker wants a person to see
    """

    def __init__(
        self,
        plan: WorkerPlan,
        n_workers: int,
        work: str,
        reap: Callable[[], None] = lambda: None,
        show: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._plan = plan
        self._n_workers = n_workers
        self._work = work
        self._reap = reap
        self._show = show
        self._phase = Phase.SEARCH
        self._members: list[_Member] = []
        self._n_deaths = 0
        self._pids: set[int | None] = set()

    @property
    def n_workers(self) -> int:
        """How many work side by side."""
        return self._n_workers

    @property
    def is_searching(self) -> bool:
        """Whether one of them still has a trial of the search."""
        self._listen()
        return any(member.is_searching and member.process.is_alive() for member in self._members)

    @property
    def is_at_work(self) -> bool:
        """Whether one of them is alive."""
        return any(member.process.is_alive() for member in self._members)

    def start(self) -> None:
        """Start them."""
        self._members = [self._begin() for _ in range(self._n_workers)]

    def runs(self, trial: FrozenTrial) -> bool:
        """Whether a running trial is one of theirs."""
        worker = trial.user_attrs.get(WORKER, {})
        return worker.get("pid") in self._pids and is_on_this_machine(worker)

    def trial_finished(self) -> None:
        """Note that the workers get somewhere."""
        self._n_deaths = 0

    def tend(self) -> None:
        """Start those again that died, and pass on what they tell."""
        ended = [member for member in self._members if not member.process.is_alive()]
        # After that look: what they told last must not be missed.
        self._listen()
        dead = [member for member in ended if member.process.exitcode != 0]
        if not dead:
            return
        self._n_deaths += 1  # However many died: they did so together.
        if self._n_deaths > MAX_DEATHS:
            raise WorkersDieError(
                f"{self._n_deaths} workers died one after the other, the last one with "
                f"{_exit_in_words(dead[-1].process.exitcode)}: is there too little memory? Fewer --n-jobs need less"
            )
        self._reap()
        for member in dead:
            self._members.remove(member)
            member.close()
            self._members.append(self._begin())

    def enter(self, phase: Phase) -> None:
        """Tell them how far the command is."""
        self._phase = max(self._phase, phase)
        for member in self._members:
            member.tell(self._phase)

    def end(self) -> None:
        """Have them hand back what they run, and wait until they are gone."""
        self.enter(Phase.END)
        deadline = time.monotonic() + END_S
        while self.is_at_work and time.monotonic() < deadline:
            time.sleep(_NAP_S)
        self.kill()

    def kill(self) -> None:
        """End them at once."""
        for member in self._members:
            member.process.kill()
        for member in self._members:
            member.process.join(END_S)
            member.close()
        self._members = []

    def _begin(self) -> _Member:
        member = _Member.start(self._plan, self._work, self._phase)
        self._pids.add(member.process.pid)
        return member

    def _listen(self) -> None:
        for member in self._members:
            for kind, text in member.heard():
                if kind == NOTE:
                    self._show(text)
                pass_on(kind, text)


class _Member:
    def __init__(self, process: BaseProcess, connection: Connection) -> None:
        self.process = process
        self.is_searching = True
        self._connection = connection

    @classmethod
    def start(cls, plan: WorkerPlan, work: str, phase: Phase) -> _Member:
        context = process_context()
        ours, theirs = context.Pipe()
        process = context.Process(target=_run, args=(work, plan, theirs), name="sb3-hpo worker", daemon=False)
        process.start()
        theirs.close()
        member = cls(process, ours)
        member.tell(phase)
        return member

    def tell(self, phase: Phase) -> None:
        try:
            self._connection.send(int(phase))
        except OSError:
            return  # It is gone, which the next look shows.

    def heard(self) -> list[tuple[str, str]]:
        """What it has told since the last time."""
        messages: list[tuple[str, str]] = []
        try:
            while self._connection.poll():
                kind, text = self._connection.recv()
                if kind == LEFT_SEARCH:
                    self.is_searching = False
                messages.append((kind, text))
        except (EOFError, OSError):
            pass
        return messages

    def close(self) -> None:
        self._connection.close()


def pass_on(kind: str, text: str) -> None:
    """Raise the error that a worker tells of; nothing for what is none.

    :param kind: one of those that are listed above
    :raises UserError: for a user's mistake
    :raises ConsecutiveFailuresError: for trials that fail one after the other
    :raises CallbackFailedError: for a callback of the user's that raised
    :raises sb3_hpo.storage_failures.StorageLostError: where the worker has no storage any more
    """
    if kind == USER_ERROR:
        raise UserError(text)
    if kind == STORAGE_LOST:
        raise StorageLostError(text)
    if kind == FAILING:
        raise ConsecutiveFailuresError(text)
    if kind == CALLBACK_FAILED:
        raise CallbackFailedError(text)


def _run(work: str, plan: WorkerPlan, connection: Connection) -> None:
    # By name: what trains is imported where it is needed.
    pkgutil.resolve_name(work)(plan, connection)


def _exit_in_words(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"signal {signal.Signals(-exitcode).name}"
    return f"exit code {exitcode}"
