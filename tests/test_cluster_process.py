"""The process of a worker on a cluster: when it ends."""

from __future__ import annotations

import threading

import optuna
import pytest

from sb3_hpo.commands import Command, Phase
from sb3_hpo.phase_flag import PhaseFlag
from sb3_hpo.plugin import cluster_process
from sb3_hpo.settings import TuningSettings
from sb3_hpo.validation_trainings import open_validation_study
from sb3_hpo.worker_plan import WorkerPlan


class ExitedError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def watched(study, monkeypatch):
    """A command, the study, and what watches it."""

    def exited(code):
        raise ExitedError(code)

    command = Command.begin(study, TuningSettings(n_trials=1))
    plan = WorkerPlan("unused", study.study_name, command.key, command.settings, (), 1)
    monkeypatch.setattr(cluster_process, "_open_study", lambda plan: study)
    monkeypatch.setattr(cluster_process, "PHASE_POLL_S", 0.01)
    monkeypatch.setattr(cluster_process, "END_S", 0)
    monkeypatch.setattr(cluster_process.os, "_exit", exited)
    left = threading.Event()
    flag = PhaseFlag()

    def watch():
        with pytest.raises(ExitedError, match="143"):
            cluster_process._watch(plan, flag, left)

    return study, command, flag, left, watch


def test_it_ends_with_its_command(watched):
    study, command, flag, _, watch = watched
    thread = threading.Timer(0.1, lambda: command.enter(study, Phase.END))
    thread.start()
    watch()
    thread.join()
    assert flag.is_over()


def test_it_leaves_where_nothing_is_left_to_do(watched, monkeypatch):
    study, command, flag, left, watch = watched
    monkeypatch.setattr(cluster_process, "IDLE_S", 0.2)
    left.set()
    watch()
    assert flag.is_over()
    assert command.phase(study.user_attrs) == Phase.SEARCH


def test_it_stays_while_it_searches_or_trainings_wait(watched, monkeypatch):
    study, command, flag, left, watch = watched
    monkeypatch.setattr(cluster_process, "IDLE_S", 0.05)
    thread = threading.Thread(target=watch)
    thread.start()
    thread.join(0.3)
    assert not flag.is_over()
    validation = open_validation_study(study._storage, study.study_name)
    validation.add_trial(optuna.create_trial(state=optuna.trial.TrialState.WAITING))
    left.set()
    thread.join(0.3)
    assert not flag.is_over()
    command.enter(study, Phase.END)
    thread.join()
    assert flag.is_over()
