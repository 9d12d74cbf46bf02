"""Searches compared on a real task: what they found is kept in a storage, so that the same command goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sb3_hpo.candidates import Candidate
from sb3_hpo.comparing.fresh_seeds import Judging
from sb3_hpo.comparing.result import ComparisonResult, Subject
from sb3_hpo.comparing.spending import SearchBudget, trace_of
from sb3_hpo.comparing.task_search import run_search
from sb3_hpo.comparing.traces import n_left_out
from sb3_hpo.comparing.words import grid_in_words
from sb3_hpo.configuration import to_zoo
from sb3_hpo.retries import RetryDeadTrial
from sb3_hpo.samplers import exhaustive_grid
from sb3_hpo.seeds import repetition_seed, validation_seeds
from sb3_hpo.settings import TuningSettings
from sb3_hpo.study import open_study
from sb3_hpo.wording import count, duration, one_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna

    from sb3_hpo.comparing.crew import SearchCrew
    from sb3_hpo.comparing.plan import Plan, Search
    from sb3_hpo.comparing.traces import Trace
    from sb3_hpo.display import Display
    from sb3_hpo.heartbeats import HeartbeatStorage
    from sb3_hpo.interruption import StopSignal
    from sb3_hpo.search_space import SearchSpace
    from sb3_hpo.study_description import StudyDescription
    from sb3_hpo.task import Task

DEFAULT_MAX_INCUMBENTS = 5
"""Configurations of one search that are trained on fresh seeds."""

TUNED_FROM = "configuration tuned from"


class TaskComparison:
    """Has the searches of a plan on a task, then trains what they found on fresh seeds.

    No search begins with a configuration that is known to be good: what they find, they find by themselves.

    :param storage: keeps a study for each search, and one for the trainings on fresh seeds
    :param name: what the names of these studies begin with
    :param max_incumbents: configurations of one search that are trained on fresh seeds, 2 or more
    :param log_folder: folder of checkpoints
    :param crew: who searches and trains; None for this process
    """

    def __init__(
        self,
        task: Task,
        space: SearchSpace,
        plan: Plan,
        storage: HeartbeatStorage,
        name: str,
        display: Display,
        log_folder: str = TuningSettings.log_folder,
        max_incumbents: int = DEFAULT_MAX_INCUMBENTS,
        crew: SearchCrew | None = None,
    ) -> None:
        self._task = task
        self._space = space
        self._plan = plan
        self._storage = storage
        self._name = name
        self._display = display
        self._log_folder = log_folder
        self._max_incumbents = max_incumbents
        self._crew = crew
        self._n_timesteps = int(task.configuration["n_timesteps"])
        self._budget = SearchBudget.of(plan, self._n_timesteps)
        self._studies: dict[Search, tuple[optuna.Study, StudyDescription]] = {}

    def run(self, stop: StopSignal) -> ComparisonResult | None:
        """Do what is not done yet; None if it was stopped before the end.

        :raises sb3_hpo.errors.UserError: if a study of these names is about something else, or a sampler or the pruner
            cannot work
        :raises sb3_hpo.search.ConsecutiveFailuresError: if trials of a search fail one after the other
        """
        self._storage.on_stale_trial = RetryDeadTrial(TuningSettings.max_retries)
        for search in self._plan.searches:
            self._studies[search] = open_study(
                self._storage,
                self.study_name(search),
                self._task,
                self._space,
                self._settings(search),
                begins_with_known=False,
            )
        self._announce()
        self._search(stop)
        if stop.is_pending:
            n_done = sum(self._is_over(search) for search in self._studies)
            self._display.line(f"{n_done} of {len(self._studies)} searches are over; the same command goes on")
            return None
        return self._judge(stop)

    def study_name(self, search: Search) -> str:
        """The study that keeps a search."""
        return f"{self._name}-{search.name}"

    def _settings(self, search: Search) -> TuningSettings:
        return self._plan.settings(
            search,
            n_timesteps=self._n_timesteps,
            seed=repetition_seed(self._plan.seed, search.repetition),
            log_folder=self._log_folder,
        )

    def _announce(self) -> None:
        plan, n = self._plan, len(self._studies)
        each = (
            f"{count(plan.budget, 'training')} of {self._n_timesteps:,} environment steps"
            if plan.budget is not None
            else f"{duration(plan.timeout or 0.0)} of trainings"
        )
        self._display.line(
            f"{', '.join(plan.samplers)}: {count(plan.n_repetitions, 'repetition')}, pruner {plan.pruner}; {n} "
            f"searches of {each}; Ctrl-C stops, and the same command goes on"
        )

    def _search(self, stop: StopSignal) -> None:
        left = [search for search in self._plan.searches if not self._is_over(search)]
        self._display.begin("search", 100 * len(self._studies), lambda: None)
        try:
            self._show_progress()
            if self._crew is None:
                for search in left:
                    self._search_here(search, stop)
            elif left:
                jobs = [(self.study_name(search), self._settings(search)) for search in left]
                names = {self.study_name(search): search for search in left}
                for name in self._crew.search(jobs, self._budget, stop, self._show_progress):
                    self._tell(names[name])
        finally:
            self._display.end()

    def _search_here(self, search: Search, stop: StopSignal) -> None:
        if stop.is_pending:
            return
        study, description = self._studies[search]
        settings = self._settings(search)
        run_search(
            study,
            description,
            self._task,
            self._space,
            settings,
            self._budget,
            stop,
            lambda trial: self._show_progress(),
        )
        if not stop.is_pending:
            self._tell(search)

    def _tell(self, search: Search) -> None:
        trace = self._trace(search)[0]
        best = (
            f"best score {one_decimal(trace.incumbents[-1].score)}"
            if trace.incumbents
            else "nothing trained to its end"
        )
        self._display.line(
            f"{search.name:<12} {count(trace.n_trials, 'trial'):<11} {duration(trace.seconds):>13}  {best}"
        )

    def _show_progress(self) -> None:
        if not self._display.shows_progress:
            return  # It reads every study, several times a second.
        shares = [self._budget.share(self._trials(search)) for search in self._studies]
        n_over = sum(share >= 1.0 for share in shares)
        self._display.progress(100 * sum(shares), f"% of a search, {n_over} of {len(shares)} searches over")

    def _is_over(self, search: Search) -> bool:
        return self._budget.share(self._trials(search)) >= 1.0

    def _trials(self, search: Search) -> Sequence[optuna.trial.FrozenTrial]:
        return self._studies[search][0].get_trials(deepcopy=False)

    def _trace(self, search: Search) -> tuple[Trace, dict[str, Candidate]]:
        return trace_of(search, self._trials(search), self._budget)

    def _judge(self, stop: StopSignal) -> ComparisonResult | None:
        found = [self._trace(search) for search in self._plan.searches]
        traces = [trace.thinned(self._max_incumbents) for trace, _ in found]
        by_key = {key: candidate for _, candidates in found for key, candidate in candidates.items()}
        default = Candidate(None, None, to_zoo(self._task.configuration), is_default=True)
        # The last ones first: they say most, should there be no time for the others.
        incumbents = sorted(
            (incumbent for trace in traces for incumbent in trace.incumbents), key=lambda incumbent: -incumbent.steps
        )
        keys = dict.fromkeys(incumbent.key for incumbent in incumbents)
        candidates = [default, *(by_key[key] for key in keys if key != default.fingerprint)]
        scores = self._fresh_scores(candidates, stop)
        if scores is None:
            return None
        subject = Subject(
            f"{self._task.algo} on {self._task.env_id}", self._n_timesteps, "environment steps", self._grid_in_words()
        )
        references = {TUNED_FROM: sum(scores[default.fingerprint]) / self._plan.n_seeds}
        n_out = n_left_out([trace for trace, _ in found], self._max_incumbents)
        return ComparisonResult(self._plan, subject, traces, scores, references, n_out)

    def _fresh_scores(self, candidates: Sequence[Candidate], stop: StopSignal) -> dict[str, list[float]] | None:
        """Scores of candidates on fresh seeds; None if it was stopped before the end."""
        used = [seed for _, description in self._studies.values() for seed in description.tuning_seeds]
        seeds = validation_seeds(self._plan.seed, self._plan.n_seeds, never=list(dict.fromkeys(used)))
        judging = Judging(self._storage, self._name, self._task, seeds, lambda: stop.is_pending, self._display)
        if self._crew is None or judging.n_missing(candidates) == 0:
            return judging.scores(candidates)
        any_study = self.study_name(next(iter(self._studies)))
        with self._crew.validating(any_study, self._name) as workforce:
            return judging.scores(candidates, workforce)

    def _grid_in_words(self) -> str | None:
        for search in self._studies:
            settings = self._settings(search)
            if search.sampler == "grid":
                grid = exhaustive_grid("grid", self._space, settings.sampler_kwargs)
                return None if grid is None else grid_in_words(grid, self._plan.budget)
        return None
