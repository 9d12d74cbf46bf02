"""The whole of it: search, validation on fresh seeds, result."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING

from sb3_hpo.affordable import VALIDATION_TIME
from sb3_hpo.candidates import choose_candidates
from sb3_hpo.commands import Command, Phase
from sb3_hpo.dashboard import dashboard
from sb3_hpo.errors import UserError
from sb3_hpo.grid import describe
from sb3_hpo.interruption import Deadline, StopSignal
from sb3_hpo.judging import Judging, choice_size_of, publish, seconds_per_training
from sb3_hpo.objective import Objective
from sb3_hpo.report.ending import report_result
from sb3_hpo.retries import RetryDeadTrial, reap
from sb3_hpo.samplers import exhaustive_grid
from sb3_hpo.search import search
from sb3_hpo.search_clock import SearchClock
from sb3_hpo.serving import MODELS_FOLDER, callbacks_of, checkpoints_of, tensorboard_of
from sb3_hpo.settings import MAX_POINTS
from sb3_hpo.storage import storage_location
from sb3_hpo.study import new_study_name, open_study
from sb3_hpo.study_folder import study_folder
from sb3_hpo.supervision import give_up_at_once, supervise
from sb3_hpo.ties import further_seeds
from sb3_hpo.tracking import check_tracking
from sb3_hpo.verdict_time import VerdictTime
from sb3_hpo.warm_start import best_of
from sb3_hpo.wording import count, duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial

    from sb3_hpo.crew import Crew
    from sb3_hpo.display import Display
    from sb3_hpo.grid import Grid
    from sb3_hpo.heartbeats import HeartbeatStorage
    from sb3_hpo.result import TuningResult
    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.study import FirstTrial
    from sb3_hpo.study_description import StudyDescription
    from sb3_hpo.task import Task

ENDING_SHARE = 0.01
"""Share of a command's time limit that no training gets: files and report come after them.

On two slow cores they took 5 s of the default's 20 minutes.
"""

MAX_START_SHARE = 0.1
"""Largest share of it that what comes before the first training is counted as: a limit of seconds is not spent on
imports. On two slow cores they took 8 s.
"""


class Tuning:
    """Tunes a task: searches, validates the finalists, writes the result into the study's folder.

    :param task: what is tuned
    :param search_space: what is sampled
    :param settings: what to spend, its ``n_timesteps`` being the task's
    :param storage: where the study is kept
    :param display: what shows the progress
    :param make_crew: ``(study_name, command)`` -> the workers; None to train in this process
    :param began: ``time.monotonic()`` at which the command began, from which its time limit counts; None for now
    """

    def __init__(
        self,
        task: Task,
        search_space: SearchSpace,
        settings: TuningSettings,
        storage: HeartbeatStorage,
        display: Display,
        make_crew: Callable[[str, Command], Crew] | None = None,
        began: float | None = None,
    ) -> None:
        self._began = time.monotonic() if began is None else began
        self._task = task
        self._search_space = search_space
        self._settings = settings.with_default_budget()
        self._storage = storage
        self._display = display
        self._make_crew = make_crew
        self._grid: Grid | None = None
        self._study_name = settings.study_name or new_study_name(task)
        self._folder = study_folder(settings.log_folder, task.algo, self._study_name)

    @property
    def study_name(self) -> str:
        """The study that is made, or gone on with."""
        return self._study_name

    @property
    def location(self) -> str:
        """Where it is kept, as ``--storage`` names it."""
        return storage_location(self._settings.storage, self._settings.log_folder)

    def run(self) -> int:
        """Search, validate, write the result.

        Ctrl-C or SIGTERM ends the search, a second one the validation; what was found is written all the same.

        :return: exit code: 0, or 128 plus the number of the signal that ended a phase
        :raises UserError: if the study of that name is about something else, the folder cannot be written, sampler or
            pruner cannot work, or a large grid is bounded by nothing
        :raises ConsecutiveFailuresError: if trials fail one after the other
        :raises sb3_hpo.crew.WorkersDieError: if workers die one after the other
        :raises sb3_hpo.study_callbacks.CallbackFailedError: if a callback of the user's raises
        """
        started = time.monotonic()
        check_writable(self._folder)
        check_tracking(self._settings, self._study_name)
        self._grid = exhaustive_grid(self._settings.sampler, self._search_space, self._settings.sampler_kwargs)
        self._check_size()
        study, description = open_study(
            self._storage, self._study_name, self._task, self._search_space, self._settings, self._first_trials()
        )
        self._storage.on_stale_trial = RetryDeadTrial(self._settings.max_retries)
        reap(study)
        command = Command.begin(study, self._settings)
        crew: Crew | None = None
        deadline = Deadline(self._seconds_for_trainings())
        with self._dashboard(study), StopSignal() as stop:
            try:
                crew = None if self._make_crew is None else self._make_crew(self._study_name, command)
                result = self._run(study, description, command, crew, stop, deadline)
                if crew is not None:
                    crew.end()
            finally:
                self._end(study, command, crew)
            # A signal that comes now must not land between its files.
            stop.heed()
            result = dataclasses.replace(result, seconds=time.monotonic() - started)
            publish(result, self._folder, self._display)
            report_result(result, self._storage, self.location, self._folder, self._display)
        return stop.exit_code

    def _seconds_for_trainings(self) -> float | None:
        """Seconds of the time limit that are left for trainings; None without one."""
        timeout = self._settings.timeout
        if timeout is None:
            return None
        gone = min(time.monotonic() - self._began, MAX_START_SHARE * timeout)
        return (1.0 - ENDING_SHARE) * timeout - gone

    def _run(
        self,
        study: optuna.Study,
        description: StudyDescription,
        command: Command,
        crew: Crew | None,
        stop: StopSignal,
        deadline: Deadline,
    ) -> TuningResult:
        clock = self._search(study, description, command, crew, stop, deadline)
        command.enter(study, Phase.VALIDATION)
        size = clock.choice_size or choice_size_of(study, self._task, self._settings)
        candidates = choose_candidates(study, self._task, self._search_space, size.n_finalists)
        judging = Judging(self._task, self._settings, self._storage, self._display, crew)
        return judging.judge(study, candidates, size, description.seed, description.tuning_seeds, stop, deadline)

    def _end(self, study: optuna.Study, command: Command, crew: Crew | None) -> None:
        """End what still runs, whatever happened: nothing that fails here may hide why."""
        self._display.end()
        with contextlib.suppress(Exception):
            if crew is not None:
                give_up_at_once(study, crew)
            command.enter(study, Phase.END)

    def _dashboard(self, study: optuna.Study) -> contextlib.AbstractContextManager[None]:
        if not self._settings.dashboard:
            return contextlib.nullcontext()
        return dashboard(self.location, study._study_id, self._display.line)

    def _first_trials(self) -> list[FirstTrial]:
        earlier = self._settings.warm_start_from
        if earlier is None:
            return []
        first_trials = best_of(self._storage, earlier, self._task, self._search_space)
        self._display.line(f"warm start: {', '.join(first.origin for first in first_trials)}")
        return first_trials

    def _check_size(self) -> None:
        settings = self._settings
        if self._grid is None or self._grid.n_points <= MAX_POINTS or settings.yes:
            return
        if settings.n_trials is None and settings.max_total_trials is None:
            raise UserError(
                f"{self._size(None)}; give --n-trials to try some of them, fewer points by --sampler-kwargs, or --yes "
                "to try them all"
            )

    def _size(self, seconds_per_training: float | None) -> str:
        if self._grid is None:
            return ""
        n_timesteps = int(self._task.configuration["n_timesteps"])
        settings = self._settings
        return describe(settings.sampler, self._grid, settings.n_seeds, n_timesteps, seconds_per_training)

    def _search(
        self,
        study: optuna.Study,
        description: StudyDescription,
        command: Command,
        crew: Crew | None,
        stop: StopSignal,
        deadline: Deadline,
    ) -> SearchClock:
        display, settings = self._display, self._settings
        if self._grid is not None:
            display.line(self._size(seconds_per_training(study)))
        n_workers = 1 if crew is None else crew.n_workers
        clock = SearchClock(settings, deadline, n_workers)
        time_note = VerdictTime(settings.n_validation_seeds, deadline.seconds_left, n_workers, display.line)

        def told(trial: FrozenTrial) -> None:
            display.trial_finished(trial)
            time_note.trial_finished(trial)

        study.set_user_attr(VALIDATION_TIME, clock.validation_time)
        workers = "" if crew is None else f", {count(crew.n_workers, 'worker')}"
        display.line(
            f"study {self._study_name}: {_bounds(settings, description.n_timesteps)}{workers}; "
            "Ctrl-C ends the search and keeps what it found"
        )
        display.begin("search", settings.n_trials, lambda: clock.seconds_left)
        if crew is None:
            objective = self._objective(study, description, lambda: stop.is_pending or clock.is_over)
            callbacks = callbacks_of(settings, display.line)
            search(study, objective, settings, stop, clock, told, command.key, callbacks)
        else:
            supervise(study, command, crew, stop, clock, told)
        display.end()
        if clock.ended_at_ceiling:
            display.line("several trials share the best score, which more of them would not change: on to validation")
        return clock

    def _objective(
        self, study: optuna.Study, description: StudyDescription, interrupted: Callable[[], bool]
    ) -> Objective:
        return Objective(
            self._task,
            self._search_space,
            self._settings,
            description.tuning_seeds,
            interrupted=interrupted,
            models_folder=self._folder / MODELS_FOLDER if self._settings.save_models else None,
            checkpoints=checkpoints_of(study, self._folder),
            tensorboard=tensorboard_of(self._settings, study.study_name),
            further_seeds=further_seeds(description.seed, self._settings),
        )


def _bounds(settings: TuningSettings, n_timesteps: int) -> str:
    bounds = []
    if settings.n_trials is not None:
        bounds.append(count(settings.n_trials, "trial"))
    if settings.max_total_trials is not None:
        bounds.append(f"{count(settings.max_total_trials, 'trial')} in all")
    if settings.timeout is not None:
        bounds.append(f"{duration(settings.timeout)} with validation")
    return f"{', '.join(bounds)}, {n_timesteps:,} environment steps a training"


def check_writable(folder: Path, option: str = "--log-folder") -> None:
    """Check that files can be written in a folder, making it where it does not exist.

    :param option: what names it
    :raises UserError: if they cannot
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"folder {str(folder)!r} cannot be written: {error.strerror}; name another one with {option}"
        ) from None
