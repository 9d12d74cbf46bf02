"""A search whose trials take no time, for processes that race: the storage, the budget and the sampler are real."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sb3_hpo import heartbeats
from sb3_hpo.commands import Command
from sb3_hpo.interruption import Deadline, StopSignal
from sb3_hpo.retries import RetryDeadTrial
from sb3_hpo.search import search
from sb3_hpo.search_clock import SearchClock
from sb3_hpo.settings import TuningSettings
from sb3_hpo.storage import open_storage
from sb3_hpo.study import open_study
from tests.tasks import SPACE, FakeTask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import optuna


def search_fast(location: str, options: Mapping[str, Any], slow: Path | None = None, *, is_hasty: bool = False) -> None:
    """Make or join the study ``raced``, and run trials until the budget of these options is used up.

    :param slow: file for as long as which exists a trial takes
    :param is_hasty: whether the first look at an old heartbeat is enough
    """
    if is_hasty:
        heartbeats.CONFIRMATION_S = 0
    settings = TuningSettings(study_name="raced", pruner="none", **options)
    storage = open_storage(location)
    storage.on_stale_trial = RetryDeadTrial(settings.max_retries)
    study, _ = open_study(storage, "raced", FakeTask(), SPACE, settings)
    command = Command.begin(study, settings)

    def objective(trial: optuna.Trial) -> float:
        SPACE.suggest(trial)
        while slow is not None and slow.exists():
            time.sleep(0.01)
        return float(trial.number)

    clock = SearchClock(settings, Deadline(None))
    search(study, objective, settings, StopSignal(), clock, lambda trial: None, command.key)
    storage.remove_session()
    if hasattr(storage, "engine"):
        storage.engine.dispose()


def race(locations: Sequence[str], options: Mapping[str, Any], start: Any) -> None:
    """Search in one storage after the other, each at the same instant as the other processes.

    :param start: barrier of all processes
    """
    for location in locations:
        start.wait()
        search_fast(location, options)
