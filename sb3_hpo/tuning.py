"""The whole of it: search, validation on fresh seeds, result."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from sb3_hpo.errors import UserError
from sb3_hpo.grid import describe
from sb3_hpo.interruption import Deadline, StopSignal
from sb3_hpo.objective import RUNS, Objective
from sb3_hpo.result import TuningResult
from sb3_hpo.samplers import exhaustive_grid
from sb3_hpo.search import SearchClock, TrialCounts, search
from sb3_hpo.seeds import selection_seeds, validation_seeds
from sb3_hpo.settings import MAX_POINTS
from sb3_hpo.study import new_study_name, open_study
from sb3_hpo.validation import choose_candidates, n_timesteps_of_validation, validate
from sb3_hpo.wording import count, duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna
    from optuna.storages import BaseStorage

    from sb3_hpo.display import Display
    from sb3_hpo.grid import Grid
    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.study import StudyDescription
    from sb3_hpo.task import Task

MODELS_FOLDER = "models"
"""Folder, in that of the study, of the best model of each finished trial."""


class Tuning:
    """Tunes a task: searches, validates the finalists, writes the result into the study's folder.

    :param task: what is tuned
    :param search_space: what is sampled
    :param settings: what to spend, its ``n_timesteps`` being the task's
    :param storage: where the study is kept
    :param display: what shows the progress
    """

    def __init__(
        self,
        task: Task,
        search_space: SearchSpace,
        settings: TuningSettings,
        storage: BaseStorage,
        display: Display,
    ) -> None:
        self._task = task
        self._search_space = search_space
        self._settings = settings.with_default_budget()
        self._storage = storage
        self._display = display
        self._grid: Grid | None = None
        self._study_name = settings.study_name or new_study_name(task)
        self._folder = Path(settings.log_folder) / task.algo / self._study_name

    def run(self) -> int:
        """Search, validate, write the result.

        Ctrl-C or SIGTERM ends the search, a second one the validation; what was found is written all the same.

        :return: exit code: 0, or 128 plus the number of the signal that ended a phase
        :raises UserError: if the study of that name is about something else, the folder cannot be written, sampler or
            pruner cannot work, or a large grid is bounded by nothing
        :raises ConsecutiveFailuresError: if trials fail one after the other
        """
        started = time.monotonic()
        check_writable(self._folder)
        self._grid = exhaustive_grid(self._settings.sampler, self._search_space, self._settings.sampler_kwargs)
        self._check_size()
        study, description = open_study(self._storage, self._study_name, self._task, self._search_space, self._settings)
        deadline = Deadline(self._settings.timeout)
        with StopSignal() as stop:
            try:
                self._search(study, description, stop, deadline)
                result = self._validate(study, description, stop, deadline, started)
            finally:
                self._display.end()
        result.write(self._folder)
        self._display.result(result)
        self._tell_files(result)
        return stop.exit_code

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

    def _search(self, study: optuna.Study, description: StudyDescription, stop: StopSignal, deadline: Deadline) -> None:
        display, settings = self._display, self._settings
        if self._grid is not None:
            display.line(self._size(_seconds_per_training(study)))
        clock = SearchClock(settings, deadline)
        objective = Objective(
            self._task,
            self._search_space,
            settings,
            description.tuning_seeds,
            interrupted=lambda: stop.is_pending or clock.is_over,
            models_folder=self._folder / MODELS_FOLDER if settings.save_models else None,
        )
        display.line(
            f"study {self._study_name}: {_bounds(settings, description.n_timesteps)}; "
            "Ctrl-C ends the search and keeps what it found"
        )
        display.begin("search", settings.n_trials, lambda: clock.seconds_left)
        search(study, objective, settings, stop, clock, display.trial_finished)
        display.end()

    def _validate(
        self,
        study: optuna.Study,
        description: StudyDescription,
        stop: StopSignal,
        deadline: Deadline,
        started: float,
    ) -> TuningResult:
        settings = self._settings
        candidates = choose_candidates(study, self._task, self._search_space, settings.n_finalists)
        seeds = validation_seeds(description.seed, settings.n_validation_seeds, never=description.tuning_seeds)
        n_finalists = len(candidates) - 1
        if not n_finalists and candidates[0].score is None:
            seeds = []
        choosing: list[int] = []
        if seeds and n_finalists > 1:
            never = [*description.tuning_seeds, *seeds]
            choosing = selection_seeds(description.seed, settings.n_selection_seeds, never=never)
        n_runs = n_finalists * len(choosing) + min(2, len(candidates)) * len(seeds)
        if n_runs:
            again = "; Ctrl-C again to end it" if stop.received else ""
            self._display.line(_announcement(n_finalists, len(choosing), len(seeds)) + again)
            stop.heed()
            self._display.begin("validation", n_runs, lambda: deadline.seconds_left)
        validation = validate(
            self._storage,
            self._study_name,
            self._task,
            candidates,
            seeds,
            settings.n_validation_episodes,
            stop,
            deadline,
            self._display.run_finished,
            choosing,
            on_failure=self._display.run_failed,
        )
        return TuningResult(
            study_name=self._study_name,
            algo=self._task.algo,
            env=self._task.env_id,
            seconds=time.monotonic() - started,
            n_timesteps_spent=_n_timesteps(study) + n_timesteps_of_validation(self._storage, self._study_name),
            n_trials=TrialCounts.of(study),
            winner_params=_params_of(study, validation.winner.candidate.trial),
            validation=validation,
        )

    def _tell_files(self, result: TuningResult) -> None:
        self._display.line(f"results: {self._folder}")
        self._display.line(f"train with the stock zoo: {result.training_command(self._folder)}")
        self._display.line(f"go on with this study: the same command with --study-name {self._study_name}")


def _bounds(settings: TuningSettings, n_timesteps: int) -> str:
    bounds = []
    if settings.n_trials is not None:
        bounds.append(count(settings.n_trials, "trial"))
    if settings.max_total_trials is not None:
        bounds.append(f"{count(settings.max_total_trials, 'trial')} in all")
    if settings.timeout is not None:
        bounds.append(f"{duration(settings.timeout)} with validation")
    return f"{', '.join(bounds)}, {n_timesteps:,} environment steps a training"


def _seconds_per_training(study: optuna.Study) -> float | None:
    """What a training of the study took on average; None where none was completed."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    seconds = [run["seconds"] for trial in trials for run in trial.user_attrs.get(RUNS, [])]
    return sum(seconds) / len(seconds) if seconds else None


def _announcement(n_finalists: int, n_selection_seeds: int, n_seeds: int) -> str:
    seeds = count(n_seeds, "seed")
    if not n_finalists:
        return f"validation: the default on {seeds} that the search never saw"
    if not n_selection_seeds:
        return f"validation: one finalist and the default on {seeds} that the search never saw"
    return (
        f"validation on seeds that the search never saw: {count(n_finalists, 'finalist')} on "
        f"{count(n_selection_seeds, 'seed')}, then the best of them and the default on {n_seeds} others"
    )


def _n_timesteps(study: optuna.Study) -> int:
    trials = study.get_trials(deepcopy=False)
    return sum(run.get("n_timesteps", 0) for trial in trials for run in trial.user_attrs.get(RUNS, []))


def _params_of(study: optuna.Study, number: int | None) -> Mapping[str, Any] | None:
    if number is None:
        return None
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return next(trial.params for trial in trials if trial.number == number)


def check_writable(folder: Path) -> None:
    """Check that files can be written in a folder, making it where it does not exist.

    :raises UserError: if they cannot
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"folder {str(folder)!r} cannot be written: {error.strerror}; name another one with --log-folder"
        ) from None
