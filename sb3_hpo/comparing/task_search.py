"""One of the searches that are compared, on a real task: a study of its own, worked on by one process."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from sb3_hpo.commands import Command, Phase
from sb3_hpo.comparing.spending import SearchBudget, SpentClock, counts
from sb3_hpo.objective import Objective
from sb3_hpo.promotion import PausingPruner
from sb3_hpo.retries import reap
from sb3_hpo.search import search as run_trials
from sb3_hpo.seeded_sampler import SeededByEachTrial
from sb3_hpo.serving import checkpoints_of
from sb3_hpo.study import sampler_from, set_up
from sb3_hpo.study_folder import study_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna
    from optuna.trial import FrozenTrial

    from sb3_hpo.search import Stop
    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.settings import TuningSettings
    from sb3_hpo.study_description import StudyDescription
    from sb3_hpo.task import Task


def run_search(
    study: optuna.Study,
    description: StudyDescription,
    task: Task,
    space: SearchSpace,
    settings: TuningSettings,
    budget: SearchBudget,
    stop: Stop,
    on_trial: Callable[[FrozenTrial], None] = lambda trial: None,
) -> None:
    """Run trials until the budget of a search is spent, what was spent before included, or until it is to stop.

    The same seed gives the same trials, whether it was stopped in between or not.

    :param on_trial: called after every trial
    :raises sb3_hpo.search.ConsecutiveFailuresError: if trials fail one after the other
    """
    set_up(study, description, space, settings)
    command = Command.begin(study, settings, Phase.END)  # A report says how it was searched; nobody is to join.
    make = functools.partial(sampler_from, settings, space, description.seed)
    study.sampler = SeededByEachTrial(make, counts)
    reap(study)
    objective = Objective(
        task,
        space,
        settings,
        description.tuning_seeds,
        interrupted=lambda: stop.is_pending,
        checkpoints=checkpoints_of(study, study_folder(settings.log_folder, task.algo, study.study_name)),
    )
    clock = SpentClock(study, budget, closes=isinstance(study.pruner, PausingPruner))
    run_trials(study, objective, settings, stop, clock, on_trial, command.key)
