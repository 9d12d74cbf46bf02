from __future__ import annotations

import contextlib
import dataclasses
import math
import subprocess
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from sb3_hpo import validation
from sb3_hpo.candidates import Candidate, Validated, Validation, candidates_of, choose_candidates
from sb3_hpo.configuration import merge, to_zoo
from sb3_hpo.errors import UserError
from sb3_hpo.heartbeats import HeartbeatStorage
from sb3_hpo.interruption import Deadline, StopSignal
from sb3_hpo.intervals import bootstrap_interval
from sb3_hpo.promotion import PAUSED
from sb3_hpo.scores import iqm
from sb3_hpo.seeds import bootstrap_generator
from sb3_hpo.training_queue import Trained
from sb3_hpo.trial_attributes import (
    CANDIDATE,
    FAILURE,
    FINAL_RETURNS,
    HYPERPARAMS,
    N_EPISODES,
    RUNS,
    SEED,
    TRACEBACK,
    WORKER,
    TrialInterruptedError,
)
from sb3_hpo.validation import Validator
from sb3_hpo.validation_plan import ValidationPlan
from sb3_hpo.validation_trainings import (
    n_timesteps_of_validation,
    open_validation_study,
    train_and_evaluate,
    validation_study_name,
)
from sb3_hpo.worker_identity import identity
from tests.tasks import MAX_EPISODE_STEPS, SPACE, FailingStep, FakeTask, Faulty, record_predictions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DEFAULT_PARAMS = {"learning_rate": 7e-4, "one_minus_gamma": SPACE.to_params({})["one_minus_gamma"], "n_steps": 5}
SEEDS = [1, 2, 3, 4]
SELECTION_SEEDS = [11, 12, 13, 14]


def add(
    study: optuna.Study,
    task: FakeTask,
    value: float | None,
    state: TrialState = TrialState.COMPLETE,
    attrs: dict[str, Any] | None = None,
    system_attrs: dict[str, Any] | None = None,
    intermediate: dict[int, float] | None = None,
    **params: Any,
) -> None:
    params = {**DEFAULT_PARAMS, **params}
    configuration = merge(task.configuration, SPACE.to_hyperparams(params))
    study.add_trial(
        create_trial(
            state=state,
            value=value,
            params=params,
            distributions={p.name: p.distribution for p in SPACE},
            user_attrs={HYPERPARAMS: to_zoo(configuration), **(attrs or {})},
            system_attrs=system_attrs,
            intermediate_values=intermediate,
        )
    )


def names(candidates: list[Candidate]) -> list[str]:
    return [candidate.name for candidate in candidates]


def candidate(name: float, *, is_default: bool = False, score: float | None = None) -> Candidate:
    trial = None if score is None else 0
    return Candidate(trial, score, {"policy": "MlpPolicy", "name": name}, is_default=is_default)


DEFAULT = candidate(0, is_default=True)


class Trainings:
    """Stands for training: the score of each candidate on each seed, validation seeds before the others, from a table.

    A candidate with scores on the validation seeds only has the same ones on the selection seeds.
    """

    def __init__(
        self,
        scores: Mapping[float, list[float]],
        interrupted_after: int | None = None,
        late_means: Mapping[float, list[float]] | None = None,
    ) -> None:
        self.scores = scores
        self.late_means = late_means or {}
        self.interrupted_after = interrupted_after
        self.done: list[tuple[float, int]] = []

    def __call__(
        self, task: FakeTask, configuration: Mapping[str, Any], seed: int, n_episodes: int, *args: object
    ) -> Trained:
        if len(self.done) == self.interrupted_after:
            raise TrialInterruptedError
        self.done.append((configuration["name"], seed))
        scores = self.scores[configuration["name"]]
        place = [*SEEDS, *SELECTION_SEEDS].index(seed)
        late = self.late_means.get(configuration["name"])
        return Trained(scores[place % len(scores)], 100, None if late is None else late[place % len(late)])


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch):
    def table(scores: Mapping[float, list[float]], **kwargs: Any) -> Trainings:
        trainings = Trainings(scores, **kwargs)
        monkeypatch.setattr(validation, "train_and_evaluate", trainings)
        return trainings

    return table


def run(
    storage: optuna.storages.BaseStorage,
    candidates: list[Candidate],
    seeds: list[int] = SEEDS,
    selection_seeds: Sequence[int] = (),
    stop: StopSignal | None = None,
    deadline: Deadline | None = None,
    plan: ValidationPlan | None = None,
    **options: Any,
) -> Validation:
    validator = Validator(storage, "s", **{"task": FakeTask(), "n_episodes": 5, **options})
    return validator.validate(
        candidates, seeds, selection_seeds, stop or StopSignal(), deadline or Deadline(None), plan
    )


def test_candidates_are_the_default_and_the_best_trials(study: optuna.Study, task: FakeTask) -> None:
    add(study, task, 1.0)
    for value, learning_rate in [(5.0, 0.01), (9.0, 0.02), (7.0, 0.03), (8.0, 0.04)]:
        add(study, task, value, learning_rate=learning_rate)
    candidates = choose_candidates(study, task, SPACE, 3)
    assert names(candidates) == ["default", "trial 2", "trial 4", "trial 3"]
    assert [c.score for c in candidates] == [1.0, 9.0, 8.0, 7.0]
    assert candidates[0].trial == 0
    assert candidates[0].configuration == to_zoo(task.configuration)
    assert candidates[1].configuration["learning_rate"] == 0.02


def test_default_is_a_candidate_without_a_trial_of_it(study: optuna.Study, task: FakeTask) -> None:
    add(study, task, 3.0, learning_rate=0.01)
    candidates = choose_candidates(study, task, SPACE, 3)
    assert names(candidates) == ["default", "trial 0"]
    assert (candidates[0].trial, candidates[0].score) == (None, None)


def test_default_outside_the_space_is_a_candidate(study: optuna.Study, task: FakeTask) -> None:
    task.configuration = {**task.configuration, "n_steps": 7}
    add(study, task, 3.0)
    assert names(choose_candidates(study, task, SPACE, 3)) == ["default", "trial 0"]


def test_default_takes_no_place_of_a_finalist(study: optuna.Study, task: FakeTask) -> None:
    add(study, task, 9.0)
    add(study, task, 1.0, learning_rate=0.01)
    assert names(choose_candidates(study, task, SPACE, 1)) == ["default", "trial 1"]


def test_repeated_configuration_is_validated_once(study: optuna.Study, task: FakeTask) -> None:
    for value, learning_rate in [(9.0, 0.01), (9.0, 0.01), (8.0, 0.02), (7.0, 0.03)]:
        add(study, task, value, learning_rate=learning_rate)
    assert names(choose_candidates(study, task, SPACE, 2)) == ["default", "trial 0", "trial 2"]


def test_params_that_lead_to_one_configuration_are_one_finalist(study: optuna.Study, task: FakeTask) -> None:
    fitted = {HYPERPARAMS: to_zoo(merge(task.configuration, {"n_steps": 20}))}
    add(study, task, 9.0, learning_rate=0.01, attrs=fitted)
    add(study, task, 9.5, learning_rate=0.02, attrs=fitted)
    add(study, task, 8.0, learning_rate=0.03)
    assert names(choose_candidates(study, task, SPACE, 3)) == ["default", "trial 1", "trial 2"]
    trials = study.get_trials()[:2]
    both = [trial.user_attrs[HYPERPARAMS] for trial in trials]
    assert names(candidates_of(task, trials, both)) == ["default", "trial 0"]


@pytest.mark.parametrize("sampled", [{}, SPACE.to_hyperparams(DEFAULT_PARAMS)], ids=["as it is", "all named"])
def test_params_that_lead_to_the_default_are_no_finalist(study: optuna.Study, task: FakeTask, sampled: dict) -> None:
    add(study, task, 9.0, learning_rate=0.01, attrs={HYPERPARAMS: to_zoo(merge(task.configuration, sampled))})
    add(study, task, 8.0, learning_rate=0.03)
    candidates = choose_candidates(study, task, SPACE, 3)
    assert names(candidates) == ["default", "trial 1"]
    assert (candidates[0].trial, candidates[0].score) == (0, 9.0)


def test_text_that_would_be_run_is_no_candidate(study: optuna.Study, task: FakeTask) -> None:
    code = {**to_zoo(task.configuration), "normalize": "__import__('os').system('true') or {}"}
    add(study, task, 9.0, learning_rate=0.01, attrs={HYPERPARAMS: code})
    with pytest.raises(UserError, match="nothing is run as code"):
        choose_candidates(study, task, SPACE, 1)


@pytest.mark.parametrize(("is_paused", "winner"), [(True, 0), (False, 1)])
def test_what_an_unfinished_training_had_reached_replaces_no_default(storage, is_paused: bool, winner: int) -> None:
    furthest = dataclasses.replace(candidate(1, score=500.0), is_paused=is_paused)
    assert named(run(storage, [DEFAULT, furthest], []).winner) == winner


def test_a_finalist_says_whether_its_trial_paused(study: optuna.Study, task: FakeTask) -> None:
    add(study, task, None, TrialState.PRUNED, learning_rate=0.01, system_attrs={PAUSED: 1}, intermediate={1: 9.0})
    assert [c.is_paused for c in choose_candidates(study, task, SPACE, 1)] == [False, True]
    add(study, task, 8.0, learning_rate=0.02)
    assert [c.is_paused for c in choose_candidates(study, task, SPACE, 1)] == [False, False]


def test_trials_that_did_not_complete_are_no_candidates(study: optuna.Study, task: FakeTask) -> None:
    add(study, task, None, TrialState.FAIL, learning_rate=0.01)
    add(study, task, 9.0, TrialState.PRUNED, learning_rate=0.02)
    assert names(choose_candidates(study, task, SPACE, 3)) == ["default"]


def test_trial_of_negative_returns_is_not_ranked_below_zero(study: optuna.Study, task: FakeTask) -> None:
    for value, learning_rate in [(-5.0, 0.01), (0.0, 0.02), (-1.0, 0.03)]:
        add(study, task, value, learning_rate=learning_rate)
    assert names(choose_candidates(study, task, SPACE, 3)) == ["default", "trial 1", "trial 2", "trial 0"]


def test_finalists_whose_agents_were_judged_come_in_the_order_of_that(study: optuna.Study, task: FakeTask) -> None:
    for value, learning_rate, returns in [(9.0, 0.01, [1.0, 2.0]), (8.0, 0.02, [5.0, 5.0]), (7.0, 0.03, [4.0, 3.0])]:
        runs = [
            {"seed": 1, "timesteps": [100, 160], "returns": [[99.0], [8.0]], "n_timesteps": 200, FINAL_RETURNS: returns}
        ]
        add(study, task, value, learning_rate=learning_rate, attrs={RUNS: runs})
    candidates = choose_candidates(study, task, SPACE, 3)
    assert [c.tuning_scores for c in candidates] == [{}, {1: 5.0}, {1: 3.5}, {1: 1.5}]
    assert [c.tuning_late_means for c in candidates] == [{}, {1: 6.5}, {1: 5.75}, {1: 4.75}]
    assert names(candidates) == ["default", "trial 1", "trial 2", "trial 0"]
    # By their scores where not all of them were.
    add(study, task, 8.5, learning_rate=0.04)
    assert names(choose_candidates(study, task, SPACE, 2))[1:] == ["trial 0", "trial 3"]


def test_of_finalists_whose_agents_were_judged_alike_the_steadier_comes_first(
    study: optuna.Study, task: FakeTask
) -> None:
    for value, learning_rate, late in [(9.0, 0.01, 3.0), (8.0, 0.02, 5.0)]:
        run = {"seed": 1, "timesteps": [160], "returns": [[late]], "n_timesteps": 200, FINAL_RETURNS: [5.0]}
        add(study, task, value, learning_rate=learning_rate, attrs={RUNS: [run]})
    assert names(choose_candidates(study, task, SPACE, 2)) == ["default", "trial 1", "trial 0"]


def test_of_finalists_whose_agents_were_judged_alike_the_one_of_more_seeds_comes_first(
    study: optuna.Study, task: FakeTask
) -> None:
    """And the one of a single lucky seed is not expected to be better than one that was nearly as good on three."""
    for learning_rate, scores in [(0.01, [9.0]), (0.02, [9.0, 9.0, 9.0]), (0.03, [9.0, 2.0]), (0.04, [9.2])]:
        runs = [
            {"seed": seed, "timesteps": [160], "returns": [[9.0]], "n_timesteps": 200, FINAL_RETURNS: [score]}
            for seed, score in enumerate(scores)
        ]
        add(study, task, 9.0, learning_rate=learning_rate, attrs={RUNS: runs})
    assert names(choose_candidates(study, task, SPACE, 4)) == ["default", "trial 1", "trial 3", "trial 0", "trial 2"]


def test_of_finalists_that_were_all_at_the_ceiling_the_one_of_more_seeds_comes_first(
    study: optuna.Study, task: FakeTask
) -> None:
    for learning_rate, n_seeds in [(0.01, 1), (0.02, 3), (0.03, 2)]:
        runs = [
            {"seed": seed, "timesteps": [160], "returns": [[9.0]], "n_timesteps": 200, FINAL_RETURNS: [9.0]}
            for seed in range(n_seeds)
        ]
        add(study, task, 9.0, learning_rate=learning_rate, attrs={RUNS: runs})
    assert names(choose_candidates(study, task, SPACE, 3)) == ["default", "trial 1", "trial 2", "trial 0"]


def named(validated: Validated | None) -> float | None:
    return None if validated is None else validated.candidate.configuration["name"]


def ranking(result: Validation) -> list[float | None]:
    return [named(validated) for validated in result.ranking]


LOW, MIDDLE, HIGH = [1, 2, 3, 4], [5, 6, 7, 8], [11, 12, 13, 14]


def test_seeds_that_choose_come_first_and_then_those_that_judge(storage, table) -> None:
    trainings = table({0: LOW, 1: MIDDLE, 2: [6, 9, 7, 8]})
    told = []
    result = run(
        storage,
        [DEFAULT, candidate(1), candidate(2)],
        selection_seeds=SELECTION_SEEDS,
        on_run=lambda c, s: told.append((c.configuration["name"], s)),
    )
    choosing = [(name, seed) for seed in SELECTION_SEEDS for name in (1, 2)]
    judging = [(name, seed) for seed in SEEDS for name in (0, 2)]
    assert sorted(trainings.done[:8]) == sorted(choosing)
    assert trainings.done[8:] == judging
    assert len(told) == 16
    assert ranking(result) == [2, 0, 1]
    winner, default, other = result.ranking
    assert (winner.scores, winner.selection_scores) == ([6, 9, 7, 8], [6, 9, 7, 8])
    assert (default.scores, default.selection_scores) == (LOW, [])
    assert (other.scores, other.selection_scores, other.iqm) == ([], MIDDLE, None)
    assert (result.seeds, result.n_seeds_asked, result.selection_seeds) == (SEEDS, 4, SELECTION_SEEDS)
    assert (result.verdict, result.probability_of_improvement) == ("better", 1.0)
    for validated in (winner, default):
        assert validated.ci95 == bootstrap_interval(validated.scores, bootstrap_generator(0))
        assert validated.iqm == iqm(validated.scores)


@pytest.mark.parametrize(
    ("scores", "verdict", "order"),
    [
        ({0: LOW, 1: HIGH}, "better", [1, 0]),
        ({0: HIGH, 1: LOW}, "worse", [0, 1]),
        ({0: MIDDLE, 1: MIDDLE}, "not distinguishable", [0, 1]),
        ({0: MIDDLE, 1: [5, 6, 7, 9]}, "not distinguishable", [0, 1]),
        # Probably better by the mean, and no worse by the middle half.
        ({0: [500, 500, 490, 100], 1: [500] * 4}, "not distinguishable", [1, 0]),
        ({0: [500] * 4, 1: [500, 500, 490, 100]}, "not distinguishable", [0, 1]),
        ({0: [500] * 4, 1: [500] * 4}, "not distinguishable", [0, 1]),
        ({0: [-4, -3, -2, -1], 1: [-24, -23, -22, -21]}, "worse", [0, 1]),
    ],
)
def test_default_is_kept_unless_the_finalist_is_probably_better(storage, table, scores, verdict, order) -> None:
    table(scores)
    result = run(storage, [DEFAULT, candidate(1)])
    assert (result.verdict, ranking(result)) == (verdict, order)
    assert named(result.finalist) == 1
    assert named(result.winner) == order[0]
    assert result.default.candidate == DEFAULT


def test_seeds_go_to_the_two_finalists_that_lead(storage, table) -> None:
    trainings = table({0: HIGH, 1: LOW, 2: HIGH, 3: [10, 12, 13, 15]})
    result = run(storage, [DEFAULT, candidate(1), candidate(2), candidate(3)], selection_seeds=SELECTION_SEEDS)
    choosing = [name for name, seed in trainings.done if seed in SELECTION_SEEDS]
    assert [choosing.count(name) for name in (0, 1, 2, 3)] == [0, 1, 4, 4]
    assert ranking(result) == [0, 2, 3, 1]
    assert [v.is_behind for v in result.ranking] == [False, False, False, True]
    assert result.ranking[3].selection_scores == [1]


def test_a_finalist_that_was_lucky_once_gives_its_place_to_the_next(storage, table) -> None:
    """Three that the search has not told apart: the first one fails at once, the third is never needed."""
    trainings = table({0: LOW, 1: [11, 500], 2: [500, 500, 499, 500], 3: [500, 500, 480, 480], 4: [500, 11]})
    finalists = [judged(name, s7=500.0) for name in (1, 2, 3, 4)]
    result = run(storage, [DEFAULT, *finalists], selection_seeds=SELECTION_SEEDS)
    choosing = [name for name, seed in trainings.done if seed in SELECTION_SEEDS]
    assert [choosing.count(name) for name in (1, 2, 3, 4)] == [1, 4, 4, 0]
    assert ranking(result) == [2, 0, 3, 4, 1]


def test_the_chosen_finalist_is_not_behind_however_few_seeds_it_has(storage, table) -> None:
    table({0: [5], 1: [500, 10], 2: [400, 10], 3: [300]})
    candidates, plan = [DEFAULT, candidate(1), candidate(2), candidate(3)], ValidationPlan(3, 5, len(SEEDS))
    result = run(storage, candidates, selection_seeds=SELECTION_SEEDS, plan=plan)
    assert (named(result.finalist), result.ranking[0].selection_scores) == (3, [300])
    assert not any(v.is_behind for v in result.ranking)


@pytest.mark.parametrize(("n_trainings", "counts", "chosen"), [(2, [0, 1, 1], 3), (3, [1, 1, 1], 1)])
def test_a_seed_that_was_easier_for_all_chooses_nobody_that_has_no_other(storage, table, n_trainings, counts, chosen):
    """Two fall by 42 and 43; of the third nothing is known but a score on the seed that was easier for them."""
    trainings = table({0: [5], 1: [70], 2: [58], 3: [60]})
    candidates = [DEFAULT, judged(3, s7=102.0), judged(2, s7=101.0), judged(1, s7=100.0)]
    plan = ValidationPlan(3, n_trainings, len(SEEDS))
    result = run(storage, candidates, selection_seeds=SELECTION_SEEDS, plan=plan)
    choosing = [name for name, seed in trainings.done if seed in SELECTION_SEEDS]
    assert [choosing.count(name) for name in (1, 2, 3)] == counts
    assert named(result.finalist) == chosen
    assert result.finalist.selection_scores == [99.0 + chosen, 70 if chosen == 1 else 60]


def test_of_equally_good_finalists_those_with_more_seeds_stay_ahead(storage, table) -> None:
    late_means = {1: [400.0], 2: [400.0], 3: [480.0]}
    trainings = table({0: LOW, 1: CEILING, 2: CEILING, 3: CEILING}, late_means=late_means)
    finalists = [
        dataclasses.replace(judged(name, s7=500.0), tuning_late_means={7: late})
        for name, late in ((1, 500.0), (2, 499.0), (3, 480.0))
    ]
    run(storage, [DEFAULT, *finalists], selection_seeds=SELECTION_SEEDS)
    choosing = [name for name, seed in trainings.done if seed in SELECTION_SEEDS]
    assert [choosing.count(name) for name in (1, 2, 3)] == [4, 4, 0]


def test_a_leader_that_fails_is_out_and_the_next_goes_on(storage, table) -> None:
    """The leader has three seeds when it fails on the fourth; the others have two then, and one more is allowed."""

    class Failing(Trainings):
        def __call__(self, task: FakeTask, configuration: Mapping[str, Any], seed: int, *args: Any) -> Trained:
            if (configuration["name"], seed) == (1, SELECTION_SEEDS[3]):
                raise RuntimeError("broken")
            return super().__call__(task, configuration, seed, *args)

    trainings = Failing({0: LOW, 1: [500], 2: [490, 10, 10, 10], 3: [480]})
    candidates = [DEFAULT, candidate(1), candidate(2), candidate(3)]
    options = {"plan": ValidationPlan(3, 8, len(SEEDS)), "train": trainings}
    result = run(storage, candidates, selection_seeds=SELECTION_SEEDS, **options)
    assert ranking(result) == [3, 0, 2, 1]
    assert [len(v.selection_scores) for v in result.ranking] == [3, 0, 2, 3]
    assert [v.is_behind for v in result.ranking] == [False, False, True, False]


@pytest.mark.parametrize("n_trainings", [0, 1, 2, 3, 5, 8])
def test_no_more_trainings_choose_than_are_planned(storage, table, n_trainings: int) -> None:
    trainings = table({0: LOW, 1: HIGH, 2: HIGH, 3: LOW})
    plan = ValidationPlan(3, n_trainings, len(SEEDS))
    candidates = [DEFAULT, candidate(1), candidate(2), candidate(3)]
    run(storage, candidates, selection_seeds=SELECTION_SEEDS, plan=plan)
    assert sum(seed in SELECTION_SEEDS for _, seed in trainings.done) == n_trainings
    # What was trained counts for the next command, too.
    run(storage, candidates, selection_seeds=SELECTION_SEEDS, plan=plan)
    assert sum(seed in SELECTION_SEEDS for _, seed in trainings.done) == n_trainings


@pytest.mark.parametrize(("seconds", "n_done"), [(0.0, 4), (1e6, 4), (300.0, 3), (50.0, 1)])
def test_seeds_beyond_the_plan_are_trained_as_long_as_there_is_time(storage, table, monkeypatch, seconds, n_done):
    """Every training takes 100 s, and the plan is for one seed of the four."""
    trainings = table({0: LOW, 1: HIGH})
    monkeypatch.setattr(validation.Trainings, "seconds", lambda self, candidate: 100.0)
    deadline = Deadline(None) if not seconds else SteppingDeadline(seconds, trainings)
    result = run(storage, [DEFAULT, candidate(1)], deadline=deadline, plan=ValidationPlan(1, 0, 1))
    assert (len(result.seeds), len(trainings.done)) == (n_done, 2 * n_done)


class SteppingDeadline(Deadline):
    """Has 100 seconds less after each training."""

    def __init__(self, seconds: float, trainings: Trainings) -> None:
        super().__init__(seconds)
        self._trainings = trainings
        self._seconds = seconds

    @property
    def seconds_left(self) -> float:
        return self._seconds + 100.0 - 100.0 * len(self._trainings.done) / 2.0

    @property
    def is_over(self) -> bool:
        return False


def test_equally_good_finalists_are_ranked_by_how_steady_they_were(storage, table) -> None:
    table({0: LOW, 1: HIGH, 2: HIGH}, late_means={0: LOW, 1: [5], 2: [7]})
    candidates = [DEFAULT, candidate(1), candidate(2)]
    assert named(run(storage, candidates, selection_seeds=SELECTION_SEEDS[:1]).finalist) == 2


def test_how_steady_some_finalists_were_says_nothing_where_it_is_not_known_of_all(storage, table) -> None:
    table({0: LOW, 1: HIGH, 2: HIGH}, late_means={2: [99]})
    candidates = [DEFAULT, candidate(1), candidate(2)]
    assert named(run(storage, candidates, selection_seeds=SELECTION_SEEDS[:1]).finalist) == 1


CEILING = [500, 500, 500, 500]


@pytest.mark.parametrize(
    ("late", "default_late", "winner"),
    [
        ([500, 500, 499, 500], [420, 380, 500, 450], 1),
        ([420, 380, 500, 450], [500, 500, 499, 500], 0),
        ([500, 480, 500, 500], [500, 490, 490, 500], 0),
        (CEILING, CEILING, 0),
        ([500, 500, 499, 500], None, 0),
        (None, [420, 380, 500, 450], 0),
    ],
)
def test_of_two_at_the_ceiling_the_steadier_one_is_taken(storage, table, late, default_late, winner) -> None:
    known = {name: means for name, means in ((0, default_late), (1, late)) if means is not None}
    table({0: CEILING, 1: CEILING}, late_means=known)
    result = run(storage, [DEFAULT, candidate(1)])
    assert (named(result.winner), result.verdict) == (winner, "not distinguishable")
    assert result.default.late_means == (default_late or [])
    assert result.finalist is not None
    assert result.finalist.late_means == (late or [])


def test_how_steady_the_agents_of_the_search_were_chooses_without_a_training(storage, table) -> None:
    table({0: LOW, 1: MIDDLE, 2: MIDDLE})
    finalists = [
        dataclasses.replace(judged(name, s7=50.0), tuning_late_means={7: late}) for name, late in ((1, 30.0), (2, 45.0))
    ]
    assert named(run(storage, [DEFAULT, *finalists]).finalist) == 2


def test_last_finalist_in_the_running_needs_no_more_choosing(storage, table) -> None:
    trainings = table({0: LOW, 1: MIDDLE, 2: HIGH})
    result = run(storage, [DEFAULT, candidate(1), candidate(2)], selection_seeds=SELECTION_SEEDS)
    assert sum(seed in SELECTION_SEEDS for _, seed in trainings.done) == 6
    assert (named(result.winner), result.selection_seeds) == (2, SELECTION_SEEDS[:3])


def judged(name: float, **scores: float) -> Candidate:
    tuning_scores = {int(seed[1:]): score for seed, score in scores.items()}
    return dataclasses.replace(candidate(name), tuning_scores=tuning_scores)


def test_agents_that_the_search_judged_choose_with_the_others_and_are_not_trained_again(storage, table) -> None:
    trainings = table({0: LOW, 1: MIDDLE, 2: MIDDLE})
    finalists = [judged(1, s7=1.0), judged(2, s7=50.0)]
    result = run(storage, [DEFAULT, *finalists], selection_seeds=SELECTION_SEEDS[:1])
    assert ranking(result) == [2, 0, 1]
    assert result.selection_seeds == [7, SELECTION_SEEDS[0]]
    assert result.ranking[0].selection_scores == [50.0, MIDDLE[0]]
    assert {seed for _, seed in trainings.done} == {SELECTION_SEEDS[0], *SEEDS}


def test_agents_that_the_search_judged_choose_alone_where_there_is_no_time(storage, table) -> None:
    table({0: LOW, 2: HIGH})
    result = run(storage, [DEFAULT, judged(1, s7=1.0), judged(2, s7=50.0)])
    assert (ranking(result), result.selection_seeds) == ([2, 0, 1], [7])


def test_where_not_all_were_judged_on_the_first_tuning_seed_none_chooses(storage, table) -> None:
    table({0: LOW, 1: HIGH, 2: MIDDLE})
    finalists = [judged(1, s7=1.0), judged(2, s7=50.0, s8=60.0), candidate(2)]
    assert run(storage, [DEFAULT, *finalists], selection_seeds=[11, 12]).selection_seeds == [11, 12]


def test_further_seeds_of_the_search_count_for_those_that_have_them(storage, table) -> None:
    trainings = table({0: LOW, 1: HIGH, 2: HIGH})
    finalists = [judged(1, s7=50.0), judged(2, s7=50.0, s12=60.0, s13=60.0)]
    result = run(storage, [DEFAULT, *finalists], selection_seeds=[11], plan=ValidationPlan(2, 2, 2))
    assert result.selection_seeds == [7, 12, 13, 11]
    assert trainings.done[:2] == [(2, 11), (1, 12)]  # Each its next one.
    assert [v.selection_scores for v in result.ranking if not v.candidate.is_default] == [
        [50.0, 60.0, 60.0, HIGH[0]],
        [50.0, HIGH[1]],
    ]


@pytest.mark.parametrize("n_seeds", [0, 1, 2, 3])
def test_few_selection_seeds_choose_without_stopping_any_early(storage, table, n_seeds: int) -> None:
    table({0: LOW, 1: MIDDLE, 2: [5, 7, 7, 8]})
    result = run(storage, [DEFAULT, candidate(1), candidate(2)], selection_seeds=SELECTION_SEEDS[:n_seeds])
    assert named(result.finalist) == (2 if n_seeds >= 2 else 1)
    assert not any(v.is_behind for v in result.ranking)


@given(st.dictionaries(st.sampled_from([1, 2, 3]), st.lists(st.integers(0, 9), min_size=8, max_size=8)))
@settings(max_examples=25)
def test_default_is_trained_on_every_seed_whatever_the_scores(scores: dict) -> None:
    trainings = Trainings({0: [5] * 8, **scores})
    result = run(
        optuna.storages.InMemoryStorage(),
        [DEFAULT, *(candidate(name) for name in scores)],
        selection_seeds=SELECTION_SEEDS,
        train=trainings,
    )
    assert len(result.default.scores) == len(SEEDS)
    assert sorted(ranking(result)) == sorted([0, *scores])
    assert named(result.winner) in (0, named(result.finalist))
    assert len(trainings.done) == len(set(trainings.done))


def test_one_seed_has_a_score_and_no_interval(storage, table) -> None:
    table({0: [4, 0, 0, 0]})
    validated = run(storage, [DEFAULT], seeds=[1]).winner
    assert (validated.iqm, validated.ci95) == (4, None)


def test_default_alone_is_compared_with_nothing(storage, table) -> None:
    table({0: LOW})
    result = run(storage, [DEFAULT])
    assert (result.comparison, result.verdict, result.finalist) == (None, None, None)
    assert result.winner.scores == LOW


def test_nothing_is_trained_again_on_resume(storage, table) -> None:
    scores = {0: LOW, 1: MIDDLE, 2: HIGH}
    options = {"selection_seeds": SELECTION_SEEDS}
    table(scores)
    first = run(storage, [DEFAULT, candidate(1), candidate(2)], **options)
    trainings = table(scores)
    assert run(storage, [DEFAULT, candidate(1), candidate(2)], **options) == first
    assert trainings.done == []
    run(storage, [DEFAULT, candidate(1)])
    assert trainings.done == [(1, seed) for seed in SEEDS]


@pytest.mark.parametrize("n_done", range(14))
def test_interrupted_validation_goes_on_to_the_same_end(storage, table, n_done: int) -> None:
    scores = {0: MIDDLE, 1: LOW, 2: HIGH}
    candidates = [DEFAULT, candidate(1, score=3.0), candidate(2, score=2.0)]
    table(scores)
    whole = run(optuna.storages.InMemoryStorage(), candidates, selection_seeds=SELECTION_SEEDS)
    table(scores, interrupted_after=n_done)
    part = run(storage, candidates, selection_seeds=SELECTION_SEEDS)
    assert len(part.seeds) == max(0, n_done - 6) // 2
    trainings = table(scores)
    assert run(storage, candidates, selection_seeds=SELECTION_SEEDS) == whole
    assert len(trainings.done) == 14 - n_done


def test_training_of_another_worker_is_left_to_it_while_there_is_another(storage, table) -> None:
    study = optuna.create_study(storage=storage, study_name=validation_study_name("s"), direction="maximize")
    study.ask()  # Another worker that has not said yet what it trains.
    trial = study.ask()
    for key, value in ((CANDIDATE, DEFAULT.fingerprint), (SEED, 1), (N_EPISODES, 5)):
        trial.set_user_attr(key, value)
    trainings = table({0: LOW})

    def finish_in_the_other_worker(candidate: Candidate, score: float) -> None:
        if len(trainings.done) == 3 and study.trials[trial.number].state == TrialState.RUNNING:
            study.tell(trial, 1.0)

    result = run(storage, [DEFAULT], on_run=finish_in_the_other_worker)
    assert trainings.done == [(0, 2), (0, 3), (0, 4)]
    assert result.winner.scores == LOW


def test_training_of_a_dead_worker_is_done_in_the_end(storage, table) -> None:
    study = optuna.create_study(storage=storage, study_name=validation_study_name("s"), direction="maximize")
    trial = study.ask()
    gone = subprocess.Popen(["sleep", "0"])
    gone.wait()
    worker = {**identity(), "pid": gone.pid}
    for key, value in ((CANDIDATE, DEFAULT.fingerprint), (SEED, 1), (N_EPISODES, 5), (WORKER, worker)):
        trial.set_user_attr(key, value)
    trainings = table({0: LOW})
    assert run(HeartbeatStorage(storage), [DEFAULT]).winner.scores == LOW
    assert sorted(trainings.done) == [(0, 1), (0, 2), (0, 3), (0, 4)]


def test_other_number_of_episodes_is_another_evaluation(storage, table) -> None:
    trainings = table({0: LOW})
    run(storage, [DEFAULT], n_episodes=5)
    run(storage, [DEFAULT], n_episodes=6)
    assert len(trainings.done) == 8


@pytest.mark.parametrize(("n_done", "n_seeds"), [(0, 0), (1, 0), (2, 1), (3, 1), (5, 2)])
def test_only_seeds_that_both_finished_count(storage, table, n_done: int, n_seeds: int) -> None:
    table({0: LOW, 1: HIGH}, interrupted_after=n_done)
    result = run(storage, [DEFAULT, candidate(1, score=3.0)])
    assert (result.seeds, result.n_seeds_asked) == (SEEDS[:n_seeds], 4)
    assert result.default.scores == LOW[:n_seeds]
    assert len(result.ranking) == 2


@pytest.mark.parametrize(("score", "winner"), [(LOW[0] - 0.5, 0), (LOW[0], 0), (LOW[0] + 0.5, 1)])
def test_what_the_default_has_on_fresh_seeds_counts_where_no_trial_of_it_was_complete(
    storage, table, score: float, winner: int
) -> None:
    table({0: LOW, 1: HIGH}, interrupted_after=1)
    result = run(storage, [DEFAULT, candidate(1, score=score)])
    assert (result.seeds, named(result.winner), result.verdict) == ([], winner, None)


@pytest.mark.parametrize(("score", "winner"), [(0.4, 0), (0.6, 1)])
def test_where_both_have_a_score_of_the_search_like_is_compared_with_like(storage, table, score, winner) -> None:
    table({0: LOW, 1: HIGH}, interrupted_after=1)
    result = run(storage, [candidate(0, is_default=True, score=0.5), candidate(1, score=score)])
    assert (result.seeds, named(result.winner)) == ([], winner)


@pytest.mark.parametrize(("n_seeds", "winner"), [(1, 0), (2, 1), (3, 1)])
def test_too_few_seeds_for_a_verdict_may_be_enough_for_a_choice(storage, table, n_seeds: int, winner: int) -> None:
    table({0: LOW, 1: HIGH})
    result = run(storage, [DEFAULT, candidate(1, score=3.0)], seeds=SEEDS[:n_seeds])
    assert (result.verdict, named(result.winner), named(result.finalist)) == ("not distinguishable", winner, 1)


def test_deadline_that_is_over_trains_nothing(storage, table) -> None:
    trainings = table({})
    result = run(storage, [DEFAULT, candidate(1, score=3.0)], deadline=Deadline(0.0), selection_seeds=SELECTION_SEEDS)
    assert trainings.done == []
    assert result.seeds == []


def test_choosing_leaves_judging_its_time(storage, table, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    trainings = table({0: LOW, 1: MIDDLE, 2: [5, 6, 7, 9]})

    def pass_time(candidate: Candidate, score: float) -> None:
        nonlocal now
        now += 1.0

    result = run(
        storage,
        [DEFAULT, candidate(1), candidate(2)],
        deadline=Deadline(8.0),
        selection_seeds=SELECTION_SEEDS,
        on_run=pass_time,
    )
    assert sum(seed in SELECTION_SEEDS for _, seed in trainings.done) == 4
    assert (result.selection_seeds, result.seeds) == (SELECTION_SEEDS[:2], SEEDS[:2])


class Elsewhere:
    """Stands for workers elsewhere: whenever they are looked after they end what they train, and take the next."""

    def __init__(
        self, study: optuna.Study, trainings: Trainings, pass_time: Callable[[], None], n_workers: int = 2
    ) -> None:
        self.n_workers = n_workers
        self.study = study
        self.trainings = trainings
        self.pass_time = pass_time
        self.running: list[optuna.Trial] = []

    def tend(self) -> None:
        self.pass_time()
        for trial in self.running:
            attributes = trial.user_attrs
            self.study.tell(trial, self.trainings(None, attributes[HYPERPARAMS], attributes[SEED], 5).score)
        n_waiting = len(self.study.get_trials(states=(TrialState.WAITING,)))
        self.running = [self.study.ask() for _ in range(min(self.n_workers, n_waiting))]

    def trial_finished(self) -> None:
        pass


def test_what_runs_when_the_time_to_choose_is_over_still_chooses(storage, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr("sb3_hpo.training_queue.POLL_S", 0.0)

    def pass_time() -> None:
        nonlocal now
        now += 1.0

    study = open_validation_study(storage, "s")
    workers = Elsewhere(study, Trainings({0: LOW, 1: [1, 2, 3, 4, 5], 2: [1, 2, 3, 4, 6]}), pass_time)
    # Four of the twelve trainings choose: their time is over at 0.8, when two of them have begun.
    candidates = [DEFAULT, candidate(1), candidate(2)]
    options = {"deadline": Deadline(2.4), "selection_seeds": SELECTION_SEEDS[:2], "workforce": workers}
    result = run(storage, candidates, **options)
    assert (result.selection_seeds, named(result.ranking[-1])) == (SELECTION_SEEDS[:1], 1)


def test_trainings_of_the_default_meanwhile_take_nothing_from_the_choice(storage, monkeypatch) -> None:
    """Eight of 16 trainings compare, for which 4.0 would be left; but the default has its four while they choose."""
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr("sb3_hpo.training_queue.POLL_S", 0.0)

    def pass_time() -> None:
        nonlocal now
        now += 1.0 if workers.running else 0.0

    trainings = Trainings({0: LOW, 1: [1, 2, 3, 4, 5], 2: [1, 2, 3, 4, 6]})
    workers = Elsewhere(open_validation_study(storage, "s"), trainings, pass_time)
    finalists = [judged(name, s7=50.0) for name in (1, 2)]
    options = {"deadline": Deadline(8.0), "selection_seeds": SELECTION_SEEDS, "workforce": workers}
    result = run(storage, [DEFAULT, *finalists], plan=ValidationPlan(2, 8, 4), **options)
    assert (result.selection_seeds, result.seeds) == ([7, *SELECTION_SEEDS], SEEDS)


def test_a_leader_that_takes_longer_than_planned_is_left_the_time_to_be_compared(storage, monkeypatch) -> None:
    """Twelve trainings in 12 s, of which four choose; one of a finalist takes 3 s, so comparing takes it all."""
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)

    def train(*args: object) -> Trained:
        nonlocal now
        trained = trainings(*args)
        now += 0.25 if trainings.done[-1][0] == 0 else 3.0
        return trained

    trainings = Trainings({0: LOW, 1: HIGH, 2: HIGH})
    monkeypatch.setattr(validation.Trainings, "seconds", lambda self, candidate: 0.25 if candidate.is_default else 3.0)
    options = {"deadline": Deadline(12.0), "selection_seeds": SELECTION_SEEDS[:2], "train": train}
    result = run(storage, [DEFAULT, candidate(1), candidate(2)], plan=ValidationPlan(2, 4, 4), **options)
    assert result.seeds == SEEDS[:4]


def test_workers_with_nothing_else_to_do_train_the_default_on_planned_seeds_alone(storage, monkeypatch) -> None:
    monkeypatch.setattr("sb3_hpo.training_queue.POLL_S", 0.0)
    monkeypatch.setattr(validation, "_go_on", lambda *args: None)
    trainings = Trainings({0: LOW, 1: HIGH, 2: LOW})
    workers = Elsewhere(open_validation_study(storage, "s"), trainings, lambda: None)
    options = {"deadline": Deadline(1e6), "selection_seeds": SELECTION_SEEDS, "workforce": workers}
    result = run(storage, [DEFAULT, candidate(1), candidate(2)], plan=ValidationPlan(2, 2, 1), **options)
    assert result.seeds == SEEDS[:1]
    assert [pair for pair in trainings.done if pair[0] == 0] == [(0, SEEDS[0])]


def test_workers_that_wait_for_a_choice_train_the_default_before_a_leader_that_may_fall(storage, monkeypatch) -> None:
    """Three workers: while the two that lead are trained, the third one begins with what is needed in any case."""
    monkeypatch.setattr("sb3_hpo.training_queue.POLL_S", 0.0)
    monkeypatch.setattr(validation, "_go_on", lambda *args: None)
    trainings = Trainings({0: LOW, 1: LOW, 2: LOW})
    workers = Elsewhere(open_validation_study(storage, "s"), trainings, lambda: None, n_workers=3)
    finalists = [judged(name, s7=500.0) for name in (1, 2)]
    options = {"deadline": Deadline(1e6), "selection_seeds": SELECTION_SEEDS[:2], "workforce": workers}
    run(storage, [DEFAULT, *finalists], plan=ValidationPlan(2, 4, 1), **options)
    assert trainings.done[:3] == [(1, SELECTION_SEEDS[0]), (2, SELECTION_SEEDS[0]), (0, SEEDS[0])]
    # And once it has all planned seeds, with what comes next.
    assert trainings.done[3:5] == [(1, SELECTION_SEEDS[1]), (2, SELECTION_SEEDS[1])]


@pytest.mark.parametrize(
    ("default_score", "other_score", "winner"), [(None, -9.0, 1), (1.0, 2.0, 1), (2.0, 1.0, 0), (1.0, 1.0, 0)]
)
def test_without_validation_the_score_of_the_search_decides(storage, default_score, other_score, winner) -> None:
    default = candidate(0, is_default=True, score=default_score)
    result = run(storage, [default, candidate(1, score=other_score)], seeds=[])
    assert named(result.winner) == winner
    assert (result.winner.iqm, result.winner.ci95, result.winner.scores) == (None, None, [])
    assert result.verdict is None


def test_validation_is_kept_in_the_storage_of_the_study(storage, table) -> None:
    assert n_timesteps_of_validation(storage, "s") == 0
    table({0: LOW})
    run(storage, [DEFAULT])
    study = optuna.load_study(study_name=validation_study_name("s"), storage=storage)
    assert [trial.value for trial in study.trials] == LOW
    assert [trial.user_attrs["seed"] for trial in study.trials] == SEEDS
    assert n_timesteps_of_validation(storage, "s") == 400


def test_training_is_the_same_for_the_same_seed(task: FakeTask) -> None:
    configuration = to_zoo({**task.configuration, "learning_rate": 0.02})
    first = train_and_evaluate(task, configuration, 5, 12)
    train_and_evaluate(task, configuration, 6, 12)
    assert train_and_evaluate(task, configuration, 5, 12) == first
    assert 1 <= first[0] <= MAX_EPISODE_STEPS
    assert first.n_timesteps == 200
    assert task.trained[0][0]["policy_kwargs"] == {"net_arch": [8], "activation_fn": "nn.Tanh"}


@pytest.mark.parametrize("deterministic", [True, False])
def test_trained_agent_acts_as_the_task_says(
    task: FakeTask, monkeypatch: pytest.MonkeyPatch, deterministic: bool
) -> None:
    task.deterministic_eval = deterministic
    asked = record_predictions(monkeypatch)
    train_and_evaluate(task, to_zoo(task.configuration), 1, 2)
    assert set(asked) == {deterministic}


def test_real_validation_trains_each_candidate_on_each_seed(storage, study: optuna.Study, task: FakeTask) -> None:
    add(study, task, 3.0, learning_rate=0.05)
    result = run(storage, choose_candidates(study, task, SPACE, 3), task=task, seeds=[1, 2])
    assert [(c["learning_rate"], seed) for c, seed in task.trained] == [(7e-4, 1), (0.05, 1), (7e-4, 2), (0.05, 2)]
    assert not any(math.isnan(score) for v in result.ranking for score in v.scores)
    assert n_timesteps_of_validation(storage, "s") == 800


def test_interrupted_training_has_no_score(storage, task: FakeTask) -> None:
    answers = iter([False] * 30 + [True] * 1_000)
    stop = type("Stop", (), {"is_pending": property(lambda self: next(answers))})()
    result = run(storage, [Candidate(None, None, to_zoo(task.configuration), is_default=True)], task=task, stop=stop)
    assert result.seeds == []
    study = optuna.load_study(study_name=validation_study_name("s"), storage=storage)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL]


def test_failing_training_leaves_no_trial_running(storage) -> None:
    task = FakeTask(wrapper=FailingStep)
    default = Candidate(None, None, to_zoo(task.configuration), is_default=True)
    with contextlib.suppress(OSError):
        run(storage, [default], task=task, seeds=[1])
    study = optuna.load_study(study_name=validation_study_name("s"), storage=storage)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL]


class Failing(Trainings):
    """Some of the trainings fail.

    :param failing: pairs of a candidate's name and a seed
    """

    def __init__(self, scores: Mapping[float, list[float]], failing: set[tuple[float, int]]) -> None:
        super().__init__(scores)
        self.failing = failing

    def __call__(self, task: FakeTask, configuration: Mapping[str, Any], seed: int, *args: Any) -> Trained:
        if (configuration["name"], seed) in self.failing:
            self.done.append((configuration["name"], seed))
            raise FloatingPointError("NaN or infinite weights at\nenvironment step 7")
        return super().__call__(task, configuration, seed, *args)


REASON = "FloatingPointError: NaN or infinite weights at environment step 7"
SCORES = {0: [1.0], 1: [9.0], 2: [5.0]}
FINALISTS = [candidate(1, score=90.0), candidate(2, score=50.0)]


def failing_run(storage: optuna.storages.BaseStorage, *failing: tuple[float, int], **options: Any):
    train = Failing(SCORES, set(failing))
    told: list[tuple[float, str]] = []
    found = run(
        storage,
        [DEFAULT, *FINALISTS],
        train=train,
        on_failure=lambda candidate, reason: told.append((candidate.configuration["name"], reason)),
        **options,
    )
    return found, train.done, told


def ranked(found: Validation) -> list[float]:
    return [validated.candidate.configuration["name"] for validated in found.ranking]


def test_finalist_that_fails_on_a_selection_seed_is_out(storage: optuna.storages.BaseStorage) -> None:
    found, done, told = failing_run(storage, (1, SELECTION_SEEDS[1]), selection_seeds=SELECTION_SEEDS)
    assert ranked(found) == [2, 0, 1]
    assert [v.failure for v in found.ranking] == [None, None, f"seed {SELECTION_SEEDS[1]}: {REASON}"]
    assert found.verdict == "better"
    assert found.seeds == SEEDS
    assert [seed for name, seed in done if name == 1] == SELECTION_SEEDS[:2]
    assert told == [(1, f"seed {SELECTION_SEEDS[1]}: {REASON}")]


def test_failure_is_kept_in_its_trial(storage: optuna.storages.BaseStorage) -> None:
    failing_run(storage, (1, SEEDS[0]))
    study = optuna.load_study(storage=storage, study_name=validation_study_name("s"))
    (trial,) = [trial for trial in study.trials if trial.state == TrialState.FAIL]
    assert trial.user_attrs[SEED] == SEEDS[0]
    assert trial.user_attrs[FAILURE] == f"seed {SEEDS[0]}: {REASON}"
    assert "raise FloatingPointError" in trial.user_attrs[TRACEBACK]


def test_next_finalist_takes_the_place_of_one_that_fails_on_a_validation_seed(storage) -> None:
    found, done, _ = failing_run(storage, (1, SEEDS[2]), selection_seeds=SELECTION_SEEDS)
    assert ranked(found) == [2, 0, 1]
    assert found.winner.scores == [5.0] * 4
    assert found.finalist is found.winner
    # The default is trained once on each seed all the same.
    assert [seed for name, seed in done if name == 0] == SEEDS


@pytest.mark.parametrize("seeds", [SELECTION_SEEDS, SEEDS])
def test_default_is_kept_where_every_finalist_fails(storage, seeds: list[int]) -> None:
    failing = [(name, seed) for name in (1, 2) for seed in seeds]
    found, _, told = failing_run(storage, *failing, selection_seeds=SELECTION_SEEDS)
    assert ranked(found)[0] == 0
    assert found.winner.scores == [1.0] * 4
    assert found.comparison is None
    assert all(v.failure for v in found.ranking[1:])
    assert len(told) == 2


def test_validation_ends_where_the_default_fails(storage: optuna.storages.BaseStorage) -> None:
    found, done, told = failing_run(storage, (0, SEEDS[1]), selection_seeds=SELECTION_SEEDS)
    assert ranked(found) == [1, 2, 0]
    assert found.comparison is None
    assert found.seeds == SEEDS[:1]
    assert found.default.failure == f"seed {SEEDS[1]}: {REASON}"
    assert [pair for pair in done if pair[1] in SEEDS] == [(0, 1), (1, 1), (0, 2)]
    assert len(told) == 1


def test_where_everything_fails_the_default_is_named(storage: optuna.storages.BaseStorage) -> None:
    failing = [(name, seed) for name in (0, 1, 2) for seed in [*SEEDS, *SELECTION_SEEDS]]
    found, _, told = failing_run(storage, *failing, selection_seeds=SELECTION_SEEDS)
    assert ranked(found)[0] == 0
    assert found.seeds == []
    assert len(told) == 3


def test_what_failed_is_tried_again_by_the_next_command(storage: optuna.storages.BaseStorage) -> None:
    failing_run(storage, (1, SEEDS[0]))
    found, done, told = failing_run(storage)
    assert ranked(found) == [1, 0, 2]
    assert (1, SEEDS[0]) in done
    assert not told


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, at the squares of what the network gives
def test_training_whose_weights_explode_cannot_win(storage: optuna.storages.BaseStorage) -> None:
    task = FakeTask()
    exploding = to_zoo(merge(task.configuration, {"learning_rate": 1e30}))
    candidates = [
        Candidate(None, None, to_zoo(task.configuration), is_default=True),
        Candidate(0, 1e9, exploding, is_default=False),
    ]
    found = run(storage, candidates, task=task, seeds=[1])
    assert found.winner.candidate.is_default
    assert found.winner.scores
    assert "NaN or infinite weights at environment step" in str(found.ranking[1].failure)


@pytest.mark.parametrize("fault", ["nan observation", "inf reward"])
def test_agent_that_was_trained_on_what_is_no_number_is_not_judged(fault: str) -> None:
    task = FakeTask(wrapper=lambda env: Faulty(env, fault, 120))
    with pytest.raises(FloatingPointError, match=f"{fault.split()[1]}s at environment step 120"):
        train_and_evaluate(task, to_zoo(task.configuration), 1, 2)
