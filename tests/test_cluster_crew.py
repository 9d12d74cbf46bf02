"""The crew on a cluster, with one that is made of lists."""

from __future__ import annotations

import dataclasses
import json

import pytest

from sb3_hpo.cluster_crew import ClusterCrew, check_reachable
from sb3_hpo.clusters.jobs import ClusterLostError, JobLostError, Report
from sb3_hpo.clusters.task import place
from sb3_hpo.commands import Command, Phase
from sb3_hpo.consecutive_failures import ConsecutiveFailuresError
from sb3_hpo.crew import CRASHED, DIFFERS, FAILING, MAX_DEATHS, USER_ERROR, WorkersDieError
from sb3_hpo.errors import UserError
from sb3_hpo.settings import TuningSettings
from sb3_hpo.trial_attributes import COMMAND, WORKER
from sb3_hpo.worker_identity import CREW, CREW_VARIABLE, identity
from sb3_hpo.worker_plan import WorkerPlan

PASSWORD = "s3cret-word"


class Job(int):
    """Equal to another one of the same number, and not the same object: as Ray's are."""


class ListedCluster:
    n_slots = 2

    def __init__(self):
        self.where = {"a": place(), "b": place()}
        self.checks = Report(0, ())
        self.orders = []
        self.ended = {}
        self.closed = None
        self.is_lost = False

    def places(self):
        return self.where

    def check(self, order, places):
        self.checked = list(places)
        assert json.loads(order.text)["is_check"] is True
        return dict.fromkeys(places, self.checks)

    def submit(self, order):
        self.orders.append(order)
        return Job(len(self.orders))

    def finished(self, jobs):
        if self.is_lost:
            raise ClusterLostError("gone")
        return [Job(job) for job in jobs if job in self.ended]

    def report(self, job):
        report = self.ended.pop(job)
        if isinstance(report, Exception):
            raise report
        return report

    def close(self, jobs):
        self.closed = list(jobs)


@pytest.fixture
def cluster():
    return ListedCluster()


@pytest.fixture
def command(study):
    return Command.begin(study, TuningSettings(n_trials=1))


@pytest.fixture
def told():
    return []


@pytest.fixture
def plan(study, command):
    location = f"postgresql://user:{PASSWORD}@host/database"
    return WorkerPlan(location, study.study_name, command.key, command.settings, ("numpy",), 1)


@pytest.fixture
def crew(cluster, plan, study, command, told, monkeypatch):
    monkeypatch.setattr("sb3_hpo.cluster_crew._NAP_S", 0)
    return ClusterCrew(cluster, plan, 2, study, command, told.append)


def test_start_checks_each_machine_once_and_submits_the_plan(crew, cluster, plan):
    crew.start()
    assert cluster.checked == ["a"]
    assert len(cluster.orders) == 2
    order = json.loads(cluster.orders[0].text)
    assert order["is_check"] is False
    assert WorkerPlan.from_mapping(order["plan"]) == plan
    assert PASSWORD not in repr(cluster.orders[0])


def test_other_versions_are_told(crew, cluster, told):
    cluster.checks = Report(0, ((DIFFERS, "another version: torch: 1 in the study, 2 here"),))
    crew.start()
    assert told == [f"on {place()['host']} ({place()['python']}): another version: torch: 1 in the study, 2 here"]
    assert len(cluster.orders) == 2


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (Report(2, ((USER_ERROR, "the study imports bad"),)), "the study imports bad"),
        (Report(1, ((CRASHED, "OSError: broken"),)), "OSError: broken"),
        (Report(-9, ()), "ended with -9"),
    ],
)
def test_a_machine_that_cannot_do_it_is_named_and_nothing_is_submitted(crew, cluster, report, text):
    cluster.checks = report
    with pytest.raises(UserError, match=text) as raised:
        crew.start()
    assert place()["host"] in str(raised.value)
    assert not cluster.orders


def test_sqlite_is_for_the_same_machine_only(cluster, plan, study, command, told):
    cluster.where["b"] = {**place(), "boot": "another", "host": "far"}
    crew = ClusterCrew(
        cluster, dataclasses.replace(plan, storage="sqlite:////tmp/x.db"), 1, study, command, told.append
    )
    with pytest.raises(UserError, match="worker on far cannot share: name another --storage: postgresql://"):
        crew.start()
    assert not cluster.orders


def test_sqlite_is_refused_for_an_address_elsewhere():
    with pytest.raises(UserError, match="cannot share an SQLite file: name another --storage: postgresql://"):
        check_reachable(False, "sqlite:///logs/a.db")
    check_reachable(True, "sqlite:///logs/a.db")
    check_reachable(False, "a.log")
    check_reachable(False, "redis://host")


def test_the_dead_are_submitted_again_until_too_many_died_in_a_row(crew, cluster):
    crew.start()
    cluster.ended[1] = JobLostError("KilledWorker")
    cluster.ended[2] = Report(0, ())
    crew.tend()
    assert len(cluster.orders) == 3
    for number in range(MAX_DEATHS - 1):
        cluster.ended[3 + number] = Report(-9, ())
        crew.tend()
    crew.trial_finished()
    cluster.ended[len(cluster.orders)] = Report(1, ((CRASHED, "MemoryError: "),))
    crew.tend()
    for _ in range(MAX_DEATHS - 1):
        cluster.ended[len(cluster.orders)] = Report(-11, ())
        crew.tend()
    cluster.ended[len(cluster.orders)] = Report(1, ((CRASHED, "MemoryError: last"),))
    with pytest.raises(WorkersDieError, match=r"6 workers on the cluster died one after the other.*MemoryError: last"):
        crew.tend()


def test_those_that_die_together_count_once_and_all_are_submitted_again(cluster, plan, study, command, told):
    """A machine is gone, and with it all workers that it ran."""
    n_workers = 2 * MAX_DEATHS
    crew = ClusterCrew(cluster, plan, n_workers, study, command, told.append)
    crew.start()
    for n_looks in range(1, MAX_DEATHS + 1):
        newest = len(cluster.orders)
        cluster.ended.update({newest - n: JobLostError("its machine is gone") for n in range(n_workers - 2)})
        crew.tend()
        assert len(cluster.orders) == n_workers + n_looks * (n_workers - 2)
    cluster.ended[len(cluster.orders)] = JobLostError("the last one")
    with pytest.raises(WorkersDieError, match="the last one"):
        crew.tend()


def test_a_death_that_is_heard_of_between_two_looks_is_not_forgotten(crew, cluster, study, command):
    crew.start()
    trial = study.ask()
    trial.set_user_attr(COMMAND, command.key)
    trial.set_user_attr(WORKER, {"pid": 1, CREW: command.key})
    for number in range(1, MAX_DEATHS + 1):
        cluster.ended[len(cluster.orders)] = Report(-9, ())
        assert crew.is_searching
        assert len(cluster.orders) == 1 + number
        crew.tend()
        assert len(cluster.orders) == 2 + number
    cluster.ended[len(cluster.orders)] = Report(-9, ())
    assert crew.is_searching
    with pytest.raises(WorkersDieError):
        crew.tend()


@pytest.mark.parametrize(("kind", "error"), [(USER_ERROR, UserError), (FAILING, ConsecutiveFailuresError)])
def test_what_workers_tell_ends_the_command(crew, cluster, kind, error):
    crew.start()
    cluster.ended[1] = Report(1, ((kind, "why"),))
    with pytest.raises(error, match="why"):
        crew.tend()


def test_a_cluster_that_is_lost_ends_the_command_but_not_its_end(crew, cluster, study, command):
    crew.start()
    cluster.is_lost = True
    with pytest.raises(WorkersDieError, match="does not answer any more"):
        crew.tend()
    crew.kill()
    crew.kill()
    assert command.phase(study.user_attrs) == Phase.END


def test_phases_are_entered_in_the_study(crew, study, command):
    crew.start()
    crew.enter(Phase.VALIDATION)
    assert command.phase(study.user_attrs) == Phase.VALIDATION


def test_whether_they_search_is_read_from_the_study(crew, study, command, monkeypatch):
    crew.start()
    trial = study.ask()
    trial.set_user_attr(COMMAND, command.key)
    trial.set_user_attr(WORKER, {"pid": 1, CREW: command.key})
    assert crew.runs(study.trials[0])
    assert crew.is_searching
    study.tell(trial, 1.0)
    assert not crew.is_searching  # The budget is used up: nobody begins another one.


def test_as_long_as_a_worker_may_not_know_of_the_end_it_may_search(crew, monkeypatch):
    crew.start()
    crew.enter(Phase.VALIDATION)
    assert crew.is_searching
    monkeypatch.setattr("sb3_hpo.cluster_crew.SETTLE_S", 0)
    assert not crew.is_searching


def test_the_end_hands_back_what_did_not_end_in_time(crew, cluster, study, command, monkeypatch):
    monkeypatch.setattr("sb3_hpo.cluster_crew.SETTLE_S", 0)
    monkeypatch.setattr("sb3_hpo.cluster_crew.END_S", 0)
    crew.start()
    study.enqueue_trial({"x": 1.0})
    study.ask().set_user_attr(WORKER, {"pid": 1, CREW: command.key})
    elsewhere = study.ask()
    elsewhere.set_user_attr(WORKER, {"pid": 1})
    crew.end()
    states = [trial.state.name for trial in study.trials]
    assert states == ["FAIL", "RUNNING", "WAITING"]
    assert cluster.closed == [1, 2]


def test_a_process_says_which_crew_it_is_of(monkeypatch):
    assert CREW not in identity()
    monkeypatch.setenv(CREW_VARIABLE, "abc")
    assert identity()[CREW] == "abc"
