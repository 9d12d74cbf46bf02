"""Validation of the candidates of a study, with what a person sees of it, and the result that comes of it."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from sb3_hpo.choice_size import choice_size_after
from sb3_hpo.objective import n_timesteps_trained
from sb3_hpo.result import TuningResult
from sb3_hpo.seeds import selection_seeds, validation_seeds
from sb3_hpo.training_seconds import TrainingSeconds, seconds_of_trial, seconds_of_whole_training
from sb3_hpo.trial_attributes import RUNS
from sb3_hpo.trial_counts import TrialCounts
from sb3_hpo.validation import Validator
from sb3_hpo.validation_plan import ValidationPlan
from sb3_hpo.validation_trainings import n_timesteps_of_validation
from sb3_hpo.wording import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import optuna
    from optuna.storages import BaseStorage

    from sb3_hpo.candidates import Candidate
    from sb3_hpo.choice_size import ChoiceSize
    from sb3_hpo.display import Display
    from sb3_hpo.interruption import Deadline, StopSignal
    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.task import Task
    from sb3_hpo.workforce import Workforce


class Judging:
    """Trains the candidates of a study on seeds that the search never saw.

    :param settings: how many seeds, and episodes of an evaluation
    :param storage: where the study is kept
    :param workforce: who trains; None for this process
    """

    def __init__(
        self,
        task: Task,
        settings: TuningSettings,
        storage: BaseStorage,
        display: Display,
        workforce: Workforce | None = None,
    ) -> None:
        self._workforce = workforce
        self._task = task
        self._settings = settings
        self._storage = storage
        self._display = display

    def judge(
        self,
        study: optuna.Study,
        candidates: Sequence[Candidate],
        size: ChoiceSize,
        seed: int,
        tuning_seeds: Sequence[int],
        stop: StopSignal,
        deadline: Deadline,
    ) -> TuningResult:
        """Validate, and put together what is known.

        :param candidates: the default first, then the finalists
        :param size: how many trainings, on how many seeds, choose among the finalists
        :param seed: what the validation seeds are derived from
        :param tuning_seeds: seeds that are no validation seeds
        """
        started = time.monotonic()
        plan = self._plan(study, candidates, deadline, size)
        candidates = candidates[: 1 + plan.n_finalists]
        n_runs = plan.n_trainings
        n_asked = self._settings.n_validation_seeds if n_runs else 0
        used = list(dict.fromkeys([*tuning_seeds, *(known for c in candidates for known in c.tuning_scores)]))
        seeds = validation_seeds(seed, n_asked, never=used)
        choosing = selection_seeds(seed, size.n_seeds, never=[*used, *seeds])
        if n_runs:
            again = "; Ctrl-C again to end it" if stop.received else ""
            self._display.line(_announcement(plan) + again)
            stop.heed()
            self._display.begin("validation", n_runs, lambda: deadline.seconds_left)
        validator = Validator(
            self._storage,
            study.study_name,
            self._task,
            self._settings.n_validation_episodes,
            on_run=self._display.run_finished,
            on_failure=self._display.run_failed,
            workforce=self._workforce,
            max_retries=self._settings.max_retries,
        )
        chosen_by = choosing if plan.n_selection_trainings else ()
        validation = validator.validate(candidates, seeds, chosen_by, stop, deadline, plan)
        return TuningResult(
            study_name=study.study_name,
            algo=self._task.algo,
            env=self._task.env_id,
            seconds=time.monotonic() - started,
            n_timesteps_spent=_n_timesteps(study) + n_timesteps_of_validation(self._storage, study.study_name),
            n_trials=TrialCounts.of(study),
            winner_params=_params_of(study, validation.winner.candidate.trial),
            validation=dataclasses.replace(validation, n_seeds_asked=n_asked),
            gym_packages=list(self._task.arguments.get("gym_packages", ())),
        )

    def _plan(
        self, study: optuna.Study, candidates: Sequence[Candidate], deadline: Deadline, size: ChoiceSize
    ) -> ValidationPlan:
        """What was asked for, cut down to what the time that is left is expected to be enough for."""
        settings = self._settings
        n_finalists = len(candidates) - 1
        if not n_finalists and candidates[0].score is None:
            return ValidationPlan(0, 0, 0)
        n_choosing = min(size.n_trainings, n_finalists * size.n_seeds)
        asked = ValidationPlan(n_finalists, n_choosing if n_finalists > 1 else 0, settings.n_validation_seeds)
        seconds, left = _seconds_each(study, candidates), deadline.seconds_left
        n_workers = 1 if self._workforce is None else max(1, self._workforce.n_workers)
        # A training that has no time to end counts for nothing.
        if seconds is None or left is None:
            return asked
        scores = [finalist.score for finalist in candidates[1:] if finalist.score is not None]
        in_a_tie = scores.count(max(scores, default=0.0)) > 1
        return asked.within(n_workers * int(left / seconds), in_a_tie=in_a_tie)


def choice_size_of(study: optuna.Study, task: Task, settings: TuningSettings) -> ChoiceSize:
    """How many finalists of a study compete, and for how many seeds, by what its search has trained."""
    return choice_size_after(settings, _n_timesteps(study) / int(task.configuration["n_timesteps"]))


def publish(result: TuningResult, folder: Path, display: Display) -> None:
    """Write a result into the folder of its study, and show it."""
    result.write(folder)
    display.result(result)
    display.line(f"results: {folder}")
    display.line(f"train with the stock zoo: {result.training_command(folder)}")
    display.line(f"go on with this study: the same command with --study-name {result.study_name}")


def _announcement(plan: ValidationPlan) -> str:
    seeds = count(plan.n_seeds, "seed")
    if not plan.n_finalists:
        return f"validation: the default on {seeds} that the search never saw"
    if not plan.n_selection_trainings:
        return f"validation: one finalist and the default on {seeds} that the search never saw"
    return (
        f"validation on seeds that the search never saw: {count(plan.n_selection_trainings, 'training')} to choose "
        f"among {count(plan.n_finalists, 'finalist')}, then the best of them and the default on {plan.n_seeds} others"
    )


def seconds_per_training(study: optuna.Study) -> float | None:
    """What a whole training of the study takes on average; None where none was completed."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    trials = trials or study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
    known = [seconds_of_whole_training(run) for trial in trials for run in trial.user_attrs.get(RUNS, [])]
    seconds = [value for value in known if value is not None]
    return sum(seconds) / len(seconds) if seconds else None


def _seconds_each(study: optuna.Study, candidates: Sequence[Candidate]) -> float | None:
    """What a training of the validation takes on average: half of them are the default's, the others a finalist's."""
    trials = study.get_trials(deepcopy=False)
    known = TrainingSeconds()
    for trial in trials:
        known.learn_from(trial)
    finalists = [seconds_of_trial(trials[c.trial]) for c in candidates if not c.is_default and c.trial is not None]
    longest = max((seconds for seconds in finalists if seconds is not None), default=known.of_default)
    if longest is None or known.of_default is None:
        return seconds_per_training(study)
    return (known.of_default + longest) / 2


def _n_timesteps(study: optuna.Study) -> int:
    trials = study.get_trials(deepcopy=False)
    return sum(map(n_timesteps_trained, trials))


def _params_of(study: optuna.Study, number: int | None) -> Mapping[str, Any] | None:
    if number is None:
        return None
    trials = study.get_trials(deepcopy=False)
    return next(trial.params for trial in trials if trial.number == number)
