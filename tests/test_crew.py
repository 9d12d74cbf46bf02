from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import create_trial

from sb3_hpo import crew as crew_module
from sb3_hpo.commands import Phase
from sb3_hpo.consecutive_failures import ConsecutiveFailuresError
from sb3_hpo.crew import MAX_DEATHS, ProcessCrew, WorkersDieError
from sb3_hpo.errors import UserError
from sb3_hpo.settings import TuningSettings
from sb3_hpo.storage_failures import StorageLostError
from sb3_hpo.trial_attributes import WORKER
from sb3_hpo.worker_identity import identity
from sb3_hpo.worker_plan import StockWorkerPlan, WorkerPlan
from tests.fault_scene import is_gone
from tests.forked_commands import forking_context, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def make_crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ProcessCrew]]:
    forking_context()
    made: list[ProcessCrew] = []

    def make(study_name: str = "works", n_workers: int = 2, **kwargs: Any) -> ProcessCrew:
        plan = WorkerPlan("sqlite:///x", study_name, "c", TuningSettings(), (), 1)
        made.append(ProcessCrew(plan, n_workers, "tests.crew_work:work", **kwargs))
        made[-1].start()
        return made[-1]

    yield make
    for crew in made:
        crew.kill()


def pids(crew: ProcessCrew) -> list[int]:
    return [int(member.process.pid or 0) for member in crew._members]


def test_workers_leave_the_search_and_end_when_they_are_told(make_crew: Callable[..., ProcessCrew]) -> None:
    crew = make_crew()
    assert (crew.n_workers, crew.is_at_work, crew.is_searching) == (2, True, True)
    crew.enter(Phase.VALIDATION)
    wait_until(lambda: not crew.is_searching)
    assert crew.is_at_work
    before = pids(crew)
    crew.end()
    assert not crew.is_at_work
    assert all(map(is_gone, before))


def test_a_worker_that_died_is_started_again_where_the_command_is(make_crew: Callable[..., ProcessCrew]) -> None:
    reaped: list[bool] = []
    crew = make_crew(reap=lambda: reaped.append(True))
    crew.enter(Phase.VALIDATION)
    wait_until(lambda: not crew.is_searching)
    first, second = pids(crew)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not crew._members[0].process.is_alive())
    crew.tend()
    assert reaped == [True]
    assert pids(crew)[0] == second
    assert len(set(pids(crew)) - {first, second}) == 1
    wait_until(lambda: not crew.is_searching)  # The new one was told that the search is over.


@pytest.mark.parametrize(("how", "told"), [("dies", "signal SIGKILL"), ("exits", "exit code 7")])
def test_workers_that_die_one_after_the_other_end_it(
    make_crew: Callable[..., ProcessCrew], how: str, told: str
) -> None:
    reaped: list[bool] = []
    crew = make_crew(how, reap=lambda: reaped.append(True))
    with pytest.raises(WorkersDieError, match=rf"6 workers died one after the other, the last one with {told}"):
        wait_until(lambda: crew.tend() is not None)
    assert len(reaped) == MAX_DEATHS


def test_workers_that_die_together_count_once_and_all_are_started_again(make_crew: Callable[..., ProcessCrew]) -> None:
    """As when the system kills all of them for one reason."""
    reaped: list[bool] = []
    n_workers = MAX_DEATHS + 2
    crew = make_crew(n_workers=n_workers, reap=lambda: reaped.append(True))
    for n_looks in range(1, MAX_DEATHS + 1):
        before = set(pids(crew))
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not crew.is_at_work)
        crew.tend()
        assert len(reaped) == n_looks
        assert len(set(pids(crew)) - before) == len(crew._members) == n_workers
    os.kill(pids(crew)[0], signal.SIGKILL)
    wait_until(lambda: not crew._members[0].process.is_alive())
    with pytest.raises(WorkersDieError):
        crew.tend()


def test_a_trial_that_is_finished_forgives_the_deaths_before_it(make_crew: Callable[..., ProcessCrew]) -> None:
    crew = make_crew("dies", n_workers=1)
    for _ in range(2 * MAX_DEATHS):
        wait_until(lambda: not crew.is_at_work)
        crew.tend()
        crew.trial_finished()


@pytest.mark.parametrize(
    ("how", "error"),
    [("mistaken", UserError), ("failing", ConsecutiveFailuresError), ("storage", StorageLostError)],
)
def test_what_workers_tell_is_passed_on_however_fast_they_end(
    make_crew: Callable[..., ProcessCrew], how: str, error: type[Exception]
) -> None:
    crew = make_crew(how, n_workers=1)
    wait_until(lambda: not crew.is_at_work)
    with pytest.raises(error):
        crew.tend()


def test_a_worker_that_does_not_end_is_ended(
    make_crew: Callable[..., ProcessCrew], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew_module, "END_S", 0.2)
    crew = make_crew("deaf", n_workers=1)
    (pid,) = pids(crew)
    crew.end()
    wait_until(lambda: is_gone(pid))


def test_it_knows_the_trials_of_its_workers(make_crew: Callable[..., ProcessCrew]) -> None:
    crew = make_crew(n_workers=1)
    mine = {**identity(), "pid": pids(crew)[0]}
    for worker, is_ours in [(mine, True), ({**mine, "host": "elsewhere"}, False), (identity(), False)]:
        assert crew.runs(create_trial(value=1.0, user_attrs={WORKER: worker})) == is_ours
    assert not crew.runs(create_trial(value=1.0))


def test_a_plan_does_not_show_its_storage() -> None:
    settings = TuningSettings(storage="mysql://u:s3cret@h")
    plan = WorkerPlan("postgresql://u:s3cret@h/d", "s", "c", settings, (), 1)
    stock = StockWorkerPlan("postgresql://u:s3cret@h/d", "s", "c", settings, (), 1, "dqn", "CartPole-v1", None)
    assert repr(plan) == "WorkerPlan(study_name='s', command='c')"
    assert "s3cret" not in repr(stock)
