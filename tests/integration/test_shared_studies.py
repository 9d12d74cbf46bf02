"""Several commands on one study at once, a budget that is used up, workers that are taken for dead while they live."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState

from sb3_hpo.trial_attributes import FAILURE, lost_its_worker
from tests import storages
from tests.fast_search import search_fast
from tests.fault_scene import Scene, check_trials, params_of
from tests.forked_commands import TIMEOUT_S, forking_context, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.storages import BaseStorage

LOOKS_S = 2.0
"""Seconds in which a worker that has joined looks for something to do, and more than once."""

BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


@BOTH
def test_two_commands_at_the_same_instant_share_a_new_storage_and_its_budget(kind: str, tmp_path: Path) -> None:
    with storages.fresh(kind, tmp_path) as location:
        scene = Scene(location, tmp_path)
        with scene.tune("--max-total-trials", "5", n_jobs=2) as one, scene.tune("--n-trials", "2", n_jobs=1) as two:
            # One of them adds two, whatever the other one finds.
            one.ends()
            two.ends()
        n = sum(trial.state == TrialState.COMPLETE for trial in scene.trials())
        assert 5 <= n <= 7
        before = scene.check(n)

        # Its budget is used up: nothing is added, by nobody.
        with scene.tune("--max-total-trials", "5") as again:
            again.ends()
        with scene.worker() as worker:
            assert "its last command has ended, nothing is left to do" in worker.ends()
        assert len(scene.trials()) == len(before)


@BOTH
def test_a_worker_that_finds_the_budget_taken_waits_and_ends_with_the_command(kind: str, tmp_path: Path) -> None:
    with storages.fresh(kind, tmp_path) as location:
        scene = Scene(location, tmp_path)
        scene.slow_down()
        with scene.tune("--n-trials", "2") as command:
            running = scene.running(command, 2)
            with scene.worker() as worker:
                worker.wait_for("1 worker joined")
                time.sleep(LOOKS_S)
                scene.speed_up()
                command.ends()
                worker.ends()
        assert [trial.number for trial in scene.check(2)] == [trial.number for trial in running]


def test_a_worker_that_finds_the_budget_used_up_and_all_trainings_taken_ends_with_the_command(tmp_path: Path) -> None:
    with storages.fresh("sqlite", tmp_path) as location:
        scene = Scene(location, tmp_path)
        with scene.tune("--n-trials", "1") as command:
            command.ends()
        scene.slow_down()
        with scene.tune("--max-total-trials", "1", n_seeds=1) as command:
            scene.running(command, 2, "s-validation")
            with scene.worker() as worker:
                worker.wait_for("1 worker joined")
                time.sleep(LOOKS_S)
                scene.speed_up()
                command.ends()
                worker.ends()
        scene.check(1)
        assert [trial.state for trial in scene.trials("s-validation")] == [TrialState.COMPLETE] * 2


@BOTH
def test_a_worker_taken_for_dead_while_it_lives_changes_nothing(kind: str, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    slow.touch()
    context = forking_context()
    with storages.fresh(kind, tmp_path) as location:
        options = {"max_total_trials": 3, "max_retries": 1}
        living = context.Process(target=search_fast, args=(location, options, slow), daemon=True)
        with storages.read_with_optuna(location) as storage:
            living.start()
            study = _begun(storage)
            (trial,) = study.get_trials(states=(TrialState.RUNNING,))
            # As if it had been cut off from the database for an hour.
            wait_until(lambda: _shift_heartbeats(location, kind))
            hasty = {"is_hasty": True}
            other = context.Process(target=search_fast, args=(location, options), kwargs=hasty, daemon=True)
            other.start()
            wait_until(lambda: study.get_trials()[trial.number].state == TrialState.FAIL)
            other.join(TIMEOUT_S)
            slow.unlink()
            living.join(TIMEOUT_S)
            assert [living.exitcode, other.exitcode] == [0, 0]
            trials = study.get_trials()
            check_trials(trials, 3)
            assert lost_its_worker(trials[trial.number])
            assert trials[trial.number].user_attrs[FAILURE] == "WorkerDiedError: no heartbeat for 180 s"
            (again,) = [t for t in trials if t.system_attrs.get("retry_history") == [trial.number]]
            assert again.state == TrialState.COMPLETE
            assert params_of(again) == params_of(trials[trial.number])


def _begun(storage: BaseStorage) -> optuna.Study:
    wait_until(lambda: "raced" in optuna.get_all_study_names(storage))
    study = optuna.load_study(study_name="raced", storage=storage)
    wait_until(lambda: any(trial.params for trial in study.get_trials(states=(TrialState.RUNNING,))))
    return study


def _shift_heartbeats(location: str, kind: str) -> bool:
    """Move all heartbeats an hour back; False if there is none yet."""
    earlier = "datetime(heartbeat, '-1 hour')" if kind == "sqlite" else "heartbeat - interval '1 hour'"
    return storages.execute(location, f"UPDATE trial_heartbeats SET heartbeat = {earlier}") > 0
