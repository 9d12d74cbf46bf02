"""A search that workers do: its budget, its time, its signals, and what is seen of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sb3_hpo.budget import FINISHED, Budget
from sb3_hpo.commands import Phase
from sb3_hpo.consecutive_failures import ConsecutiveFailures
from sb3_hpo.retries import give_up, reap
from sb3_hpo.search import nothing_is_left
from sb3_hpo.trial_watch import TrialWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from sb3_hpo.commands import Command
    from sb3_hpo.crew import Crew
    from sb3_hpo.search import Clock, Stop

POLL_S = 0.5
"""Seconds between two looks at the study, while it is small."""

LONGEST_POLL_S = 5.0
"""Seconds between two looks at the largest study."""

POLL_SHARE = 0.01
"""Largest share of its time that this process looks at the study: the workers need the cores."""

REAP_S = 5.0
"""Seconds between two looks for trials whose workers, here or elsewhere, are dead."""

_NAP_S = 0.05


def supervise(
    study: optuna.Study,
    command: Command,
    crew: Crew,
    stop: Stop,
    clock: Clock,
    on_trial: Callable[[FrozenTrial], None],
) -> None:
    """Have workers search until the budget is used up, time is over, or a signal or a study callback ends it.

    Then all have left the search.

    :param on_trial: called for every trial of the command that has ended, whoever ran it
    :raises sb3_hpo.search.ConsecutiveFailuresError: if as many trials in a row failed as the settings allow
    :raises sb3_hpo.crew.WorkersDieError: if workers die one after the other
    """
    settings = command.settings
    budget = Budget(study, command.key, settings.n_trials, settings.max_total_trials)
    failures = ConsecutiveFailures(settings.max_consecutive_failures)
    watch = TrialWatch.of_command(study, command.key)
    reaped = time.monotonic()
    if budget.is_used_up():
        crew.start()
        crew.enter(Phase.VALIDATION)
        return
    crew.start()
    is_closing = False
    while not (stop.is_pending or clock.is_over):
        crew.tend()
        if time.monotonic() - reaped > REAP_S:
            reap(study)
            reaped = time.monotonic()
        look = time.monotonic()
        if clock.is_closing and not is_closing:
            is_closing = True
            command.enter(study, Phase.CLOSING)
            crew.enter(Phase.CLOSING)
        trials = study.get_trials(deepcopy=False)
        _tell(watch.news(trials), crew, clock, failures, on_trial)
        failures.check()
        if budget.is_used_up(trials) or (not crew.is_searching and _is_over(study, command, trials)):
            break
        _nap(time.monotonic() - look, crew, lambda: stop.is_pending or clock.is_over)
    crew.enter(Phase.VALIDATION)
    while crew.is_searching:
        time.sleep(_NAP_S)
    reap(study)  # One that died meanwhile has handed nothing back.
    _tell(watch.news(), crew, clock, failures, on_trial)
    failures.check()


def give_up_at_once(study: optuna.Study, crew: Crew) -> None:
    """End workers without waiting for them; what they were running goes back into the queue."""
    crew.kill()
    give_up(study, crew.runs, "its worker was ended at once")


def _tell(
    ended: list[FrozenTrial],
    crew: Crew,
    clock: Clock,
    failures: ConsecutiveFailures,
    on_trial: Callable[[FrozenTrial], None],
) -> None:
    for trial in ended:
        if trial.state in FINISHED:
            crew.trial_finished()
        clock.learn_from(trial)
        failures.count(trial)
        on_trial(trial)


def _is_over(study: optuna.Study, command: Command, trials: Sequence[FrozenTrial]) -> bool:
    """Whether the workers have left the search because a callback stopped it, or nothing is left to try."""
    if command.is_stopped(study.user_attrs):
        return True
    return all(trial.state.is_finished() for trial in reversed(trials)) and nothing_is_left(study)


def _nap(seconds_of_look: float, crew: Crew, is_over: Callable[[], bool]) -> None:
    """Wait until the next look: the longer, the longer one takes. Where the last worker left the search, no longer."""
    end = time.monotonic() + min(LONGEST_POLL_S, max(POLL_S, seconds_of_look / POLL_SHARE))
    was_searching = crew.is_searching
    while time.monotonic() < end and not is_over() and crew.is_searching == was_searching:
        time.sleep(_NAP_S)
