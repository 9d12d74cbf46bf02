"""What a trial and a report cost beside the training, by the number of trials in the study."""

from __future__ import annotations

import gc
import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from scale_machine import load
from scale_study import STUDY_NAME, StandIn, add_quickly, finished_trials, open_scale_study
from scale_timers import Sections

from sb3_hpo.budget import Budget
from sb3_hpo.commands import Phase
from sb3_hpo.phase_flag import PhaseFlag
from sb3_hpo.retries import RetryDeadTrial
from sb3_hpo.search import search
from sb3_hpo.settings import TuningSettings
from sb3_hpo.storage import open_storage

if TYPE_CHECKING:
    from sb3_hpo.heartbeats import HeartbeatStorage

SIZES = (10, 1_000, 10_000)

OPTUNAS = "sampler"
"""The section that is Optuna's own arithmetic: TPE's model of all trials."""

READS = ("get_all_trials", "get_trial", "get_study_directions", "get_study_user_attrs", "get_study_system_attrs")
WRITES = (
    "create_new_trial",
    "set_trial_param",
    "set_trial_state_values",
    "set_trial_intermediate_value",
    "set_trial_user_attr",
    "set_trial_system_attr",
)
SAMPLER = ("infer_relative_search_space", "sample_relative", "sample_independent", "before_trial", "after_trial")


def without_sampler(result: dict[str, Any], key: str = "sections") -> float:
    """Seconds per trial of everything but the sampler's arithmetic."""
    return float(sum(seconds for name, seconds in result[key].items() if name != OPTUNAS))


class _Timeless:
    is_over = False
    is_closing = False

    def learn_from(self, trial: object) -> None:
        """Nothing."""


def measure(location: str, size: int, n_trials: int, seed: int) -> dict[str, Any]:
    """Overhead in a new study that has ``size`` finished trials.

    :param location: an empty database
    :param n_trials: trials that are measured; two more before them fill the caches
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    settings = TuningSettings(pruner="halving", n_trials=n_trials, seed=seed)
    study, _, _ = open_scale_study(open_storage(location), settings)
    add_quickly(study, finished_trials(size, seed))
    # A new process knows nothing of the study.
    storage = open_storage(location)
    start = time.perf_counter()
    n_found = len(optuna.load_study(study_name=STUDY_NAME, storage=storage).get_trials(deepcopy=False))
    first_read = time.perf_counter() - start
    assert size <= n_found <= size + 2  # The configurations that every study begins with.
    return {"n_trials_in_study": size, "seconds_of_first_read": first_read, "load": load()} | _search(
        storage, n_trials, seed
    )


def _search(storage: HeartbeatStorage, n_trials: int, seed: int) -> dict[str, Any]:
    settings = TuningSettings(pruner="halving", n_trials=n_trials + 2, seed=seed)
    study, _, command = open_scale_study(storage, settings)
    storage.on_stale_trial = RetryDeadTrial(settings.max_retries)
    reports: list[float] = []
    sections = Sections()
    ends: list[float] = []

    def on_trial(trial: optuna.trial.FrozenTrial) -> None:
        ends.append(time.perf_counter())
        if len(ends) == 2:
            reports.clear()
            sections.reset()

    _count(sections, study, storage)
    try:
        objective = StandIn(np.random.default_rng(seed), on_report=reports.append)
        search(study, objective, settings, PhaseFlag(), _Timeless(), on_trial, command.key)
    finally:
        sections.close()
    command.enter(study, Phase.END)
    assert len(ends) == n_trials + 2
    durations = np.diff(ends[1:])
    return {
        "seconds_per_trial": float(np.mean(durations)),
        "seconds_per_trial_median": float(np.median(durations)),
        "seconds_per_report": statistics.fmean(reports),
        "sections": {name: seconds / n_trials for name, seconds in sections.seconds.most_common()},
        "cpu_sections": {name: seconds / n_trials for name, seconds in sections.cpu_seconds.most_common()},
        "asked_by": {name: seconds / n_trials for name, seconds in sections.asked_by.most_common()},
        "in_heartbeat_threads": sum(sections.elsewhere.values()) / n_trials,
        "reads_of_all_trials": {
            caller: calls / n_trials
            for (caller, _, name), calls in sections.calls.most_common()
            if name == "get_all_trials"
        },
        "calls": {name: calls / n_trials for name, calls in _by_name(sections).items()},
    }


def _count(sections: Sections, study: optuna.Study, storage: HeartbeatStorage) -> None:
    for name in READS:
        sections.wrap(storage, name, "storage: reads")
    for name in WRITES:
        sections.wrap(storage, name, "storage: writes")
    for name in SAMPLER:
        sections.wrap(study.sampler, name, "sampler")
    sections.wrap(study.pruner, "prune", "pruner")
    for name in ("is_used_up", "has_room", "admits"):
        sections.wrap(Budget, name, "budget")
    sections.wrap(storage, "record_heartbeat", "heartbeats")
    sections.wrap(storage, "_get_stale_trial_ids", "stale trials")
    sections.wrap(gc, "collect", "garbage collection")


def _by_name(sections: Sections) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (_, _, name), calls in sections.calls.most_common():
        counts[name] = counts.get(name, 0) + calls
    return counts
