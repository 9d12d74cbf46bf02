"""What a person sees while a tuning runs and when it ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sb3_hpo.console import create_console
from sb3_hpo.promotion import PAUSED, value_at_rung
from sb3_hpo.trial_attributes import COSTLY, FAILURE, RUNS, is_affordable, was_interrupted
from sb3_hpo.wording import count, duration, interval_in_words, one_decimal

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from sb3_hpo.candidates import Candidate, Validated
    from sb3_hpo.result import TuningResult

_STYLE = {TrialState.COMPLETE: "green", TrialState.PRUNED: "yellow", TrialState.FAIL: "red"}


class Display:
    """Progress bars on a terminal, plain lines elsewhere; colour only on a terminal.

    Use it as a context manager around a phase; lines are printed above the bar.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or create_console()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._best: float | None = None
        self._n_trials = 0
        self._n_pruned = 0

    def line(self, text: str, style: str = "") -> None:
        """Print a line, above the progress bar where there is one."""
        self._console.print(Text(text, style=style))

    def begin(self, what: str, total: int | None, seconds_left: Callable[[], float | None]) -> None:
        """Begin a phase of ``total`` steps (None where only time bounds it), showing the time left."""
        self.end()
        if not self._console.is_terminal:
            return
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}" + ("" if total is None else "/{task.total:.0f}")),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            _TimeLeftColumn(seconds_left),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task(what, total=total, status="")
        self._progress.start()

    def end(self) -> None:
        """End the phase and take its bar away."""
        if self._progress is not None:
            self._progress.stop()
        self._progress = None
        self._task = None

    def trial_finished(self, trial: FrozenTrial) -> None:
        """Tell that a trial of the search is over."""
        self._n_trials += 1
        self._n_pruned += trial.state == TrialState.PRUNED
        is_better = trial.state == TrialState.COMPLETE and (self._best is None or (trial.value or 0.0) > self._best)
        if is_better:
            self._best = trial.value
        self.line(_trial_line(trial, is_better), _STYLE.get(trial.state, ""))
        best = "none" if self._best is None else f"{self._best:.1f}"
        self._advance(f"trials, {self._n_pruned} pruned, best {best}")

    @property
    def shows_progress(self) -> bool:
        """Whether there is a progress bar, so that it is worth finding out how far the phase is."""
        return self._progress is not None

    def progress(self, completed: float, status: str) -> None:
        """Show how many steps of the phase are done, and in words how it stands."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=completed, status=status)

    def table(self, table: Table) -> None:
        """Print a table."""
        self._console.print()
        self._console.print(table)

    def run_finished(self, candidate: Candidate, score: float) -> None:
        """Tell that a training of the validation is over."""
        self.line(f"validation: {candidate.name:<10} mean return {score:8.1f}")
        self._advance("trainings")

    def run_failed(self, candidate: Candidate, reason: str) -> None:
        """Tell that a training of the validation failed, which ends it for the candidate."""
        self.line(f"validation: {candidate.name:<10} failed    {reason}", "red")
        self._advance("trainings")

    def result(self, result: TuningResult) -> None:
        """Show the table of candidates and the verdict."""
        table = Table(title="Trained again on fresh seeds", title_justify="left")
        for heading in (
            "candidate",
            "score in the search",
            "IQM",
            "95 % interval",
            "mean return on each seed",
            "on the seeds that chose",
        ):
            table.add_column(heading, justify="left" if heading == "candidate" else "right")
        for validated in result.validation.ranking:
            table.add_row(*_row(validated))
        self.table(table)
        missing = result.validation.n_seeds_asked - len(result.validation.seeds)
        if missing > 0 and result.validation.default.failure is None:
            asked = count(result.validation.n_seeds_asked, "validation seed")
            self.line(f"{missing} of {asked} not trained yet: sb3-hpo validate goes on.")
        self.line(result.verdict(), "bold")

    def _advance(self, status: str) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, advance=1, status=status)


class _TimeLeftColumn(TextColumn):
    def __init__(self, seconds_left: Callable[[], float | None]) -> None:
        super().__init__("")
        self._seconds_left = seconds_left

    def render(self, task: object) -> Text:
        left = self._seconds_left()
        if left is None:
            remaining = getattr(task, "time_remaining", None)
            left = None if remaining is None else float(remaining)
        return Text("" if left is None else f"{duration(left)} left", style="cyan")


def _trial_line(trial: FrozenTrial, is_better: bool) -> str:
    seconds = trial.duration.total_seconds() if trial.duration is not None else 0.0
    head = f"trial {trial.number:<4}"
    if trial.state == TrialState.COMPLETE:
        return (
            f"{head} complete  score {trial.value:8.1f}  {duration(seconds):>7}{'  best so far' if is_better else ''}"
        )
    if trial.state == TrialState.PRUNED:
        steps = sum(run.get("n_timesteps", 0) for run in trial.user_attrs.get(RUNS, []))
        what = "paused" if PAUSED in trial.system_attrs else "costly" if _is_costly(trial) else "pruned"
        more = "" if is_affordable(trial) else ", too costly to go on"
        at = f"{what}    at    {_reached(trial):8.1f}"
        return f"{head} {at}  {duration(seconds):>7}  after {steps:,} environment steps{more}"
    if was_interrupted(trial):
        return f"{head} given up  {duration(seconds):>24}"
    return f"{head} failed    {trial.user_attrs.get(FAILURE, 'without a reason')}"


def _reached(trial: FrozenTrial) -> float:
    """What a trial that did not come to its end had reached: what decides whether it goes on, or its last report."""
    if PAUSED in trial.system_attrs:
        return value_at_rung(trial)
    return trial.intermediate_values[max(trial.intermediate_values)] if trial.intermediate_values else math.nan


def _is_costly(trial: FrozenTrial) -> bool:
    """Whether a trial was stopped because it cost too much."""
    return any(COSTLY in run for run in trial.user_attrs.get(RUNS, []))


def _row(validated: Validated) -> tuple[str, ...]:
    candidate = validated.candidate
    interval = "" if validated.ci95 is None else interval_in_words(validated.ci95)
    name = candidate.name
    if candidate.is_default and candidate.trial is not None:
        name = f"default (trial {candidate.trial})"
    return (
        name,
        "" if candidate.score is None else one_decimal(candidate.score),
        "" if validated.iqm is None else one_decimal(validated.iqm),
        interval,
        " ".join(f"{score:.0f}" for score in validated.scores),
        " ".join(f"{score:.0f}" for score in validated.selection_scores)
        + (" failed" if validated.failure is not None else " behind" if validated.is_behind else ""),
    )
