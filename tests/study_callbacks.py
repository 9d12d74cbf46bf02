"""Study callbacks for the tests, found by their dotted names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

SEEN = "seen.txt"
"""File, in the folder where a command runs, that :func:`note` writes to."""


def note(study: optuna.Study, trial: FrozenTrial) -> None:
    """Note a trial and how it ended."""
    with Path(SEEN).open("a", encoding="utf-8") as file:
        file.write(f"{trial.number} {trial.state.name}\n")


def stop_after_two(study: optuna.Study, trial: FrozenTrial) -> None:
    """End the search once two trials are complete."""
    if sum(trial.value is not None for trial in study.get_trials(deepcopy=False)) >= 2:
        study.stop()


def fail(study: optuna.Study, trial: FrozenTrial) -> None:
    """Raise what a callback with a mistake in it may raise."""
    raise ValueError("a mistake\nof two lines")


class Counter:
    """Counts trials; needs no arguments."""

    def __init__(self) -> None:
        self.n_calls = 0

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self.n_calls += 1


class NeedsArguments:
    """Needs arguments."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None: ...


COUNTER = Counter()
NUMBER = 3


def takes_one(study: optuna.Study) -> None:
    """Takes too little."""
