"""One tuning on a table of learning curves, by a policy: search, choice of the winner, all within a budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import optuna
from allotment import level, next_in_line
from optuna.pruners import BasePruner, MedianPruner
from optuna.trial import FrozenTrial, TrialState

from sb3_hpo.candidates import Candidate, choose_candidates
from sb3_hpo.choice_size import ChoiceSize, choice_size, kept_for_choosing
from sb3_hpo.interruption import Deadline, StopSignal
from sb3_hpo.objective import Objective
from sb3_hpo.promoting import n_finals
from sb3_hpo.search import search
from sb3_hpo.selection import Selection
from sb3_hpo.tables.purse import Purse
from sb3_hpo.tables.purse_clock import PurseClock
from sb3_hpo.tables.table_study import table_pruner, table_sampler
from sb3_hpo.tables.table_task import TableTask
from sb3_hpo.validation import seeds_of_the_search
from sb3_hpo.validation_trainings import Trainings, open_validation_study

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from policies import Policy

    from sb3_hpo.tables.curve_table import CurveTable
    from sb3_hpo.transforms import Plain


class PurseDeadline(Deadline):
    """Is over when the budget is not enough for another whole training.

    :param n_evaluations: evaluations of a whole training
    """

    def __init__(self, purse: Purse, n_evaluations: int) -> None:
        super().__init__(None)
        self._purse = purse
        self._n_evaluations = n_evaluations

    @property
    def is_over(self) -> bool:
        """Whether no whole training is left."""
        return self._purse.left < self._n_evaluations


class TableTuning:
    """A tuning of a table.

    Seeds are columns of the table in a random order: the search takes the first ones, the choice of the winner the
    others.

    :param generator: where all that is random comes from
    """

    def __init__(self, table: CurveTable, policy: Policy, budget: int, generator: np.random.Generator) -> None:
        self._table = table
        self._policy = policy
        self._generator = generator
        self._columns = generator.permutation(table.n_seeds).tolist()
        keeps_from = round(policy.checkpoints_from * table.n_evaluations) if policy.promotes else None
        self.purse = Purse(budget, keeps_from)
        self._task = TableTask(table, self.purse, self._column)
        self._known = self._draw_known()
        self._storage: BaseStorage = optuna.storages.InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._storage, direction="maximize", sampler=self._sampler(), pruner=self._pruner()
        )

    def run(self) -> int:
        """The configuration that wins."""
        if self._known is not None:
            self._study.enqueue_trial(self._known)
        settings = self._policy.settings
        closing = n_finals(settings) * self._table.n_evaluations if self._policy.promotes else 0
        clock = PurseClock(self.purse, self._reserve(), closing)
        objective = self._objective(clock.interrupts)
        search(self._study, objective, settings, StopSignal(), clock, _ignore)
        return self._choose()

    def _column(self, seed: int) -> int:
        if self._policy.has_random_seeds:
            return int(self._generator.integers(self._table.n_seeds))
        return int(self._columns[seed])

    def _draw_known(self) -> dict[str, Plain] | None:
        """Params of the configuration that is tuned from."""
        if self._policy.known is None:
            return None
        share = self._policy.known + self._generator.uniform(-0.05, 0.05)
        order = self._table.truth.argsort()
        return self._table.params(int(order[round(min(max(share, 0.0), 1.0) * (len(order) - 1))]))

    def _seed(self) -> int:
        return int(self._generator.integers(2**31 - 1))

    def _sampler(self) -> BaseSampler:
        policy = self._policy
        # The zoo lets it repeat itself.
        default = self._known if policy.begins_around_known else None
        return table_sampler(
            self._table, policy.settings, self._seed, may_repeat=policy.has_random_seeds, default=default
        )

    def _pruner(self) -> BasePruner:
        settings = self._policy.settings
        if settings.n_evaluations * settings.n_seeds == 1 and settings.pruner == "median":
            # The project refuses what never prunes in time; the zoo does not.
            return MedianPruner(settings.n_startup_trials, n_warmup_steps=0)
        return table_pruner(self._table, settings)

    def _reserve(self) -> int:
        """Evaluations kept for the choice of the winner."""
        policy, budget = self._policy, self.purse.budget
        if policy.chooses == "best":
            return 0
        if policy.share is not None:
            return round(policy.share * budget)
        kept = kept_for_choosing(self._choice_size(), budget / self._table.n_evaluations)
        return kept * self._table.n_evaluations

    def _choice_size(self) -> ChoiceSize:
        return choice_size(self._policy.settings, self.purse.budget / self._table.n_evaluations)

    def _selection_seeds(self, known: Sequence[int]) -> list[int]:
        left = [seed for seed in range(self._policy.settings.n_seeds, self._table.n_seeds) if seed not in known]
        return left[: self._choice_size().n_seeds]

    def _objective(self, interrupted: Callable[[], bool]) -> Objective:
        settings = self._policy.settings
        seeds, further = list(range(settings.n_seeds)), list(range(settings.n_seeds, settings.max_seeds))
        return Objective(self._task, self._table.space, settings, seeds, interrupted, further_seeds=further)

    def _choose(self) -> int:
        if self._policy.chooses == "best":
            return self._best()
        finalists = self._allot() if self._policy.chooses == "allot" else self._select()
        return self._table.index(finalists[0].configuration) if finalists else self._best()

    def _best(self) -> int:
        """The configuration of the best score; without one, of what came furthest, and without that any."""
        trials = self._study.get_trials(deepcopy=False)
        complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        if complete:
            return self._table.index(max(complete, key=_value).params)
        begun = [trial for trial in trials if trial.intermediate_values]
        if begun:
            return self._table.index(max(begun, key=_how_far).params)
        return int(self._generator.integers(len(self._table.curves)))

    def _trainings(self, finalists: Sequence[Candidate]) -> Trainings:
        study = open_validation_study(self._storage, self._study.study_name)
        settings = self._policy.settings
        known = {(c.fingerprint, seed): score for c in finalists for seed, score in c.tuning_scores.items()}
        n_episodes, train = settings.n_validation_episodes, self._task.train
        late = {(c.fingerprint, seed): value for c in finalists for seed, value in c.tuning_late_means.items()}
        return Trainings(study, self._task, n_episodes, _never, _ignore, train, _ignore, known=known, known_late=late)

    def _select(self) -> list[Candidate]:
        """The project's finalists, ranked by the project's choice among them on seeds that the search never saw."""
        size = self._choice_size()
        finalists = self._candidates(size.n_finalists)
        selection = Selection(finalists)
        known, deadline = seeds_of_the_search(finalists), PurseDeadline(self.purse, self._table.n_evaluations)
        seeds = self._selection_seeds(known)
        selection.run(self._trainings(finalists), known, seeds, size.n_trainings, deadline)
        return selection.ranking

    def _candidates(self, n_finalists: int) -> list[Candidate]:
        candidates = choose_candidates(self._study, self._task, self._table.space, n_finalists)
        return [candidate for candidate in candidates if not candidate.is_default]

    def _allot(self) -> list[Candidate]:
        """Finalists that were trained to the end, by the level of all their seeds, which were given one by one."""
        finalists = self._candidates(self._policy.settings.n_usual_finalists)
        trainings, seeds = self._trainings(finalists), list(range(self._table.n_seeds))
        trainings.complete([(candidate, seeds[0]) for candidate in finalists])
        deadline = PurseDeadline(self.purse, self._table.n_evaluations)
        while not deadline.is_over:
            pair = _next_training(finalists, trainings, seeds)
            if pair is None:
                break
            trainings.complete([pair], deadline)
        trained = [candidate for candidate in finalists if trainings.scores(candidate, seeds)]
        return sorted(trained, key=lambda c: level(trainings.scores(c, seeds)), reverse=True) or finalists


def _next_training(finalists: list[Candidate], trainings: Trainings, seeds: list[int]) -> tuple[Candidate, int] | None:
    """Who gets the next seed, and which; None once all have all."""
    by_name = {candidate.fingerprint: candidate for candidate in finalists}
    scores = {name: trainings.scores(candidate, seeds) for name, candidate in by_name.items()}
    trained = {name: values for name, values in scores.items() if values}
    waiting = [name for name in next_in_line(trained) if len(scores[name]) < len(seeds)] if trained else []
    return (by_name[waiting[0]], seeds[len(scores[waiting[0]])]) if waiting else None


def _never() -> bool:
    return False


def _ignore(*args: object) -> None:
    pass


def _value(trial: FrozenTrial) -> float:
    return -math.inf if trial.value is None else trial.value


def _how_far(trial: FrozenTrial) -> tuple[int, float]:
    step = max(trial.intermediate_values)
    return step, trial.intermediate_values[step]
