"""Workers on a cluster: submitted, looked after, ended in order."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from sb3_hpo.budget import Budget
from sb3_hpo.clusters.jobs import ClusterLostError, JobLostError, Order
from sb3_hpo.clusters.task import place
from sb3_hpo.commands import Phase
from sb3_hpo.crew import CRASHED, DIFFERS, END_S, MAX_DEATHS, NOTE, WorkersDieError, pass_on
from sb3_hpo.errors import UserError
from sb3_hpo.retries import give_up
from sb3_hpo.storage import is_sqlite
from sb3_hpo.trial_attributes import WORKER
from sb3_hpo.worker_identity import CREW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from sb3_hpo.clusters.jobs import Cluster, Report
    from sb3_hpo.commands import Command
    from sb3_hpo.worker_plan import WorkerPlan

PHASE_POLL_S = 2.0
"""Seconds between two looks of a worker at how far its command is."""

SETTLE_S = 2 * PHASE_POLL_S
"""Seconds after which every worker knows that the search is over, and no longer asks for a trial."""

_NAP_S = 0.5

_OTHERS = "postgresql://, mysql://, redis://, grpc:// or a .log file on a shared file system"


class ClusterCrew:
    """Workers on a cluster. Implements :class:`sb3_hpo.crew.Crew` and :class:`sb3_hpo.workforce.Workforce`.

    They learn from the study how far the command is; what they run says which crew they belong to.

    :param cluster: where they are submitted to
    :param plan: what each of them is told, with paths that are absolute
    :param n_workers: how many
    :param study: the study
    :param command: the command that they work for
    :param tell: called with what differs from the study on a machine of the cluster
    """

    def __init__(
        self,
        cluster: Cluster,
        plan: WorkerPlan,
        n_workers: int,
        study: optuna.Study,
        command: Command,
        tell: Callable[[str], None],
    ) -> None:
        self._cluster = cluster
        self._plan = plan
        self._n_workers = n_workers
        self._study = study
        self._command = command
        self._tell = tell
        self._jobs: list[Any] = []
        self._deaths: list[str] = []
        self._n_deaths = 0
        self._told_at = time.monotonic()
        self._is_open = True

    @property
    def n_workers(self) -> int:
        """How many work side by side, once the cluster has room for all of them."""
        return self._n_workers

    @property
    def is_searching(self) -> bool:
        """Whether one of them may still have a trial of the search."""
        time.sleep(_NAP_S)
        states = (TrialState.RUNNING,)
        if any(self.runs(trial) for trial in self._study.get_trials(deepcopy=False, states=states)):
            self._listen()
            return True
        settings = self._command.settings
        budget = Budget(self._study, self._command.key, settings.n_trials, settings.max_total_trials)
        return time.monotonic() - self._told_at < SETTLE_S and not budget.is_used_up()

    def start(self) -> None:
        """Start them, once it is clear that the machines of the cluster can do what the study needs.

        :raises UserError: if one of them cannot
        """
        places = self._places()
        for name, report in self._reports(places).items():
            for kind, text in report.messages:
                if kind == DIFFERS:
                    self._tell(f"on {_words(places[name])}: {text}")
                else:
                    raise UserError(f"on {_words(places[name])}: {text}")
            if report.exit_code:
                raise UserError(f"on {_words(places[name])}: the worker's process ended with {report.exit_code}")
        self._jobs = [self._submit() for _ in range(self._n_workers)]

    def runs(self, trial: FrozenTrial) -> bool:
        """Whether a running trial is one of theirs."""
        return bool(trial.user_attrs.get(WORKER, {}).get(CREW) == self._command.key)

    def trial_finished(self) -> None:
        """Note that the workers get somewhere."""
        self._n_deaths = 0

    def tend(self) -> None:
        """Submit those again that died, and pass on what they tell."""
        self._listen()
        if not self._deaths:
            return
        self._n_deaths += 1  # However many died: they did so together, with their machine.
        if self._n_deaths > MAX_DEATHS:
            raise WorkersDieError(
                f"{self._n_deaths} workers on the cluster died one after the other, the last one: {self._deaths[-1]}"
            )
        while self._deaths:
            self._deaths.pop()
            self._jobs.append(self._submit())

    def enter(self, phase: Phase) -> None:
        """Tell them how far the command is."""
        self._command.enter(self._study, phase)
        self._told_at = time.monotonic()

    def end(self) -> None:
        """Have them hand back what they run, and wait until they are gone."""
        self.enter(Phase.END)
        deadline = time.monotonic() + SETTLE_S + END_S
        while self._jobs and time.monotonic() < deadline:
            time.sleep(_NAP_S)
            with contextlib.suppress(ClusterLostError):
                self._remove(self._cluster.finished(self._jobs))
        if self._jobs:
            give_up(self._study, self.runs, "its worker did not end in time")
        self.kill()

    def kill(self) -> None:
        """End them at once: they hand back what they run as soon as they hear of it."""
        if not self._is_open:
            return
        self._is_open = False
        with contextlib.suppress(Exception):
            self.enter(Phase.END)
        with contextlib.suppress(Exception):
            self._cluster.close(self._jobs)
        self._jobs = []

    def _submit(self) -> Any:
        try:
            return self._cluster.submit(_order(self._plan, is_check=False))
        except ClusterLostError as error:
            raise _lost(error) from None

    def _listen(self) -> None:
        """Take note of the workers that ended, and of why those died that did; :meth:`tend` submits them again."""
        try:
            finished = list(self._cluster.finished(self._jobs))
        except ClusterLostError as error:
            raise _lost(error) from None
        self._remove(finished)
        deaths = [self._cause_of_death(job) for job in finished]
        self._deaths += [death for death in deaths if death is not None]

    def _remove(self, finished: Sequence[Any]) -> None:
        # By what they stand for: Ray gives other objects for the same job.
        self._jobs = [job for job in self._jobs if job not in finished]

    def _cause_of_death(self, job: Any) -> str | None:
        try:
            report = self._cluster.report(job)
        except JobLostError as error:
            return str(error)
        for kind, text in report.messages:
            if kind == NOTE:
                self._tell(text)
            pass_on(kind, text)
        if report.exit_code == 0:
            return None
        return next((text for kind, text in report.messages if kind == CRASHED), f"exit code {report.exit_code}")

    def _places(self) -> Mapping[str, Mapping[str, str]]:
        """The machines of the cluster, one of its processes on each."""
        try:
            places = self._cluster.places()
        except JobLostError as error:
            raise UserError(
                f"this version of sb3-hpo is not installed on the cluster: install it where its workers run ({error})"
            ) from None
        boot = place()["boot"]
        for where in places.values():
            if is_sqlite(self._plan.storage) and where["boot"] != boot:
                raise UserError(
                    f"the study is kept in an SQLite file, which a worker on {where['host']} cannot share: name "
                    f"another --storage: {_OTHERS}"
                )
        return _one_each(places)

    def _reports(self, places: Mapping[str, Mapping[str, str]]) -> Mapping[str, Report]:
        try:
            return self._cluster.check(_order(self._plan, is_check=True), list(places))
        except JobLostError as error:
            raise UserError(f"the cluster cannot run a worker: {error}") from None


def check_reachable(address_is_here: bool, location: str) -> None:
    """Check that workers on other machines can share a storage, as far as its location says.

    :param address_is_here: whether the cluster is reached at an address of this machine
    :raises UserError: if they cannot
    """
    if not address_is_here and is_sqlite(location):
        raise UserError(
            f"the workers of a cluster on other machines cannot share an SQLite file: name another --storage: {_OTHERS}"
        )


def _one_each(places: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """One of the processes for each machine and Python."""
    first = {tuple(sorted(where.items())): name for name, where in reversed(list(places.items()))}
    return {name: places[name] for name in first.values()}


def _words(where: Mapping[str, str]) -> str:
    return f"{where['host']} ({where['python']})"


def _order(plan: WorkerPlan, *, is_check: bool) -> Order:
    text = json.dumps({"plan": plan.as_mapping(), "is_check": is_check})
    return Order(f"{plan.study_name}, {plan.command}", text)


def _lost(error: ClusterLostError) -> WorkersDieError:
    return WorkersDieError(f"the cluster does not answer any more ({error}); finished trials are kept")
