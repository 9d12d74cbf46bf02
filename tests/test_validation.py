from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from sb3_hpo import validation
from sb3_hpo.configuration import merge, to_zoo
from sb3_hpo.interruption import Deadline, StopSignal
from sb3_hpo.objective import HYPERPARAMS, TrialInterruptedError
from sb3_hpo.scores import bootstrap_interval, iqm
from sb3_hpo.seeds import bootstrap_generator
from sb3_hpo.validation import (
    Candidate,
    Validation,
    choose_candidates,
    n_timesteps_of_validation,
    train_and_evaluate,
    validate,
    validation_study_name,
)
from tests.tasks import MAX_EPISODE_STEPS, SPACE, FailingStep, FakeTask, record_predictions

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PARAMS = {"learning_rate": 7e-4, "one_minus_gamma": SPACE.to_params({})["one_minus_gamma"], "n_steps": 5}
SEEDS = [1, 2, 3]


def add(study: optuna.Study, task: FakeTask, value: float | None, state: TrialState = TrialState.COMPLETE, **params):
    params = {**DEFAULT_PARAMS, **params}
    configuration = merge(task.configuration, SPACE.to_hyperparams(params))
    study.add_trial(
        create_trial(
            state=state,
            value=value,
            params=params,
            distributions={p.name: p.distribution for p in SPACE},
            user_attrs={HYPERPARAMS: to_zoo(configuration)},
        )
    )


def names(candidates: list[Candidate]) -> list[str]:
    return [candidate.name for candidate in candidates]


def candidate(name: float, *, is_default: bool = False, score: float | None = None) -> Candidate:
    trial = None if score is None else 0
    return Candidate(trial, score, {"policy": "MlpPolicy", "name": name}, is_default=is_default)


DEFAULT = candidate(0, is_default=True)


class Trainings:
    """Stands for training: the score of each candidate on each seed, from a table."""

    def __init__(self, scores: Mapping[float, list[float]], interrupted_after: int | None = None) -> None:
        self.scores = scores
        self.interrupted_after = interrupted_after
        self.done: list[tuple[float, int]] = []

    def __call__(
        self, task: FakeTask, configuration: Mapping[str, Any], seed: int, n_episodes: int, *args: object
    ) -> tuple[float, int]:
        if len(self.done) == self.interrupted_after:
            raise TrialInterruptedError
        self.done.append((configuration["name"], seed))
        return self.scores[configuration["name"]][SEEDS.index(seed)], 100


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch):
    def table(scores: Mapping[float, list[float]], **kwargs: Any) -> Trainings:
        trainings = Trainings(scores, **kwargs)
        monkeypatch.setattr(validation, "train_and_evaluate", trainings)
        return trainings

    return table


def run(storage: optuna.storages.BaseStorage, candidates: list[Candidate], **options: Any) -> Validation:
    arguments = {
        "task": FakeTask(),
        "seeds": SEEDS,
        "n_episodes": 5,
        "stop": StopSignal(),
        "deadline": Deadline(None),
        "on_run": lambda candidate, score: None,
    }
    return validate(storage, "s", candidates=candidates, **{**arguments, **options})


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


def test_trials_that_did_not_complete_are_no_candidates(study: optuna.Study, task: FakeTask) -> None:
    add(study, task, None, TrialState.FAIL, learning_rate=0.01)
    add(study, task, 9.0, TrialState.PRUNED, learning_rate=0.02)
    assert names(choose_candidates(study, task, SPACE, 3)) == ["default"]


def test_trial_of_negative_returns_is_not_ranked_below_zero(study: optuna.Study, task: FakeTask) -> None:
    for value, learning_rate in [(-5.0, 0.01), (0.0, 0.02), (-1.0, 0.03)]:
        add(study, task, value, learning_rate=learning_rate)
    assert names(choose_candidates(study, task, SPACE, 3)) == ["default", "trial 1", "trial 2", "trial 0"]


def test_scores_are_kept_seed_by_seed_and_ranked(storage, table) -> None:
    trainings = table({0: [1, 2, 3], 1: [7, 8, 9], 2: [4, 5, 6]})
    told = []
    result = run(
        storage, [DEFAULT, candidate(1), candidate(2)], on_run=lambda c, s: told.append((c.configuration["name"], s))
    )
    assert trainings.done == [(name, seed) for seed in SEEDS for name in (0, 1, 2)]
    assert told == [(0, 1), (1, 7), (2, 4), (0, 2), (1, 8), (2, 5), (0, 3), (1, 9), (2, 6)]
    assert [v.scores for v in result.ranking] == [[7, 8, 9], [4, 5, 6], [1, 2, 3]]
    assert [v.iqm for v in result.ranking] == [8, 5, 2]
    assert result.winner.candidate == candidate(1)
    assert result.default.scores == [1, 2, 3]
    assert (result.seeds, result.n_seeds_asked) == (SEEDS, 3)
    for validated in result.ranking:
        assert validated.ci95 is not None
        assert validated.ci95 == bootstrap_interval(validated.scores, bootstrap_generator(0))
        assert validated.iqm == iqm(validated.scores)


@pytest.mark.parametrize(
    ("scores", "order"),
    [
        ({0: [5, 5, 5], 1: [5, 5, 5], 2: [5, 5, 5]}, [0, 1, 2]),
        ({0: [5, 5, 5], 1: [6, 6, 6], 2: [6, 6, 6]}, [1, 2, 0]),
        ({0: [5, 5, 5], 1: [4, 4, 4], 2: [5, 5, 5]}, [0, 2, 1]),
        ({0: [-5, -5, -5], 1: [-6, -6, -6], 2: [0, 0, 0]}, [2, 0, 1]),
    ],
)
def test_tie_keeps_the_default_ahead_and_then_the_better_in_the_search(storage, table, scores, order) -> None:
    table(scores)
    result = run(storage, [DEFAULT, candidate(1), candidate(2)])
    assert [v.candidate.configuration["name"] for v in result.ranking] == order


def test_tie_of_the_iqm_is_decided_by_the_mean(storage, table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.SEEDS", [1, 2, 3, 4])
    table({0: [0, 5, 5, 9], 1: [1, 5, 5, 9]})
    assert run(storage, [DEFAULT, candidate(1)], seeds=[1, 2, 3, 4]).winner.candidate == candidate(1)


def test_one_seed_has_a_score_and_no_interval(storage, table) -> None:
    table({0: [4, 0, 0]})
    validated = run(storage, [DEFAULT], seeds=[1]).winner
    assert (validated.iqm, validated.ci95) == (4, None)


def test_nothing_is_trained_again_on_resume(storage, table) -> None:
    scores = {0: [1, 2, 3], 1: [7, 8, 9], 2: [4, 5, 6]}
    table(scores)
    first = run(storage, [DEFAULT, candidate(1)])
    trainings = table(scores)
    again = run(storage, [DEFAULT, candidate(1)])
    assert trainings.done == []
    assert again == first
    run(storage, [DEFAULT, candidate(2), candidate(1)])
    assert trainings.done == [(2, 1), (2, 2), (2, 3)]
    assert n_timesteps_of_validation(storage, "s") == 900


def test_other_number_of_episodes_is_another_evaluation(storage, table) -> None:
    trainings = table({0: [1, 2, 3]})
    run(storage, [DEFAULT], n_episodes=5)
    run(storage, [DEFAULT], n_episodes=6)
    assert len(trainings.done) == 6


@pytest.mark.parametrize(("n_done", "n_seeds"), [(0, 0), (1, 0), (2, 1), (3, 1), (5, 2)])
def test_only_seeds_that_all_candidates_finished_count(storage, table, n_done: int, n_seeds: int) -> None:
    table({0: [1, 2, 3], 1: [7, 8, 9]}, interrupted_after=n_done)
    result = run(storage, [DEFAULT, candidate(1, score=3.0)])
    assert (result.seeds, result.n_seeds_asked) == (SEEDS[:n_seeds], 3)
    assert [v.scores for v in result.ranking] == [[7, 8, 9][:n_seeds], [1, 2, 3][:n_seeds]]

    trainings = table({0: [1, 2, 3], 1: [7, 8, 9]})
    assert run(storage, [DEFAULT, candidate(1)]).seeds == SEEDS
    assert len(trainings.done) == 6 - n_done


def test_deadline_that_is_over_trains_nothing(storage, table) -> None:
    trainings = table({})
    result = run(storage, [DEFAULT, candidate(1, score=3.0)], deadline=Deadline(0.0))
    assert trainings.done == []
    assert result.seeds == []


@pytest.mark.parametrize(
    ("default_score", "other_score", "winner"), [(None, -9.0, 1), (1.0, 2.0, 1), (2.0, 1.0, 0), (1.0, 1.0, 0)]
)
def test_without_validation_the_score_of_the_search_decides(storage, default_score, other_score, winner) -> None:
    default = candidate(0, is_default=True, score=default_score)
    result = run(storage, [default, candidate(1, score=other_score)], seeds=[])
    assert result.winner.candidate.configuration["name"] == winner
    assert (result.winner.iqm, result.winner.ci95, result.winner.scores) == (None, None, [])


def test_validation_is_kept_in_the_storage_of_the_study(storage, table) -> None:
    assert n_timesteps_of_validation(storage, "s") == 0
    table({0: [1, 2, 3]})
    run(storage, [DEFAULT])
    study = optuna.load_study(study_name=validation_study_name("s"), storage=storage)
    assert [trial.value for trial in study.trials] == [1, 2, 3]
    assert [trial.user_attrs["seed"] for trial in study.trials] == SEEDS
    assert n_timesteps_of_validation(storage, "s") == 300


def test_training_is_the_same_for_the_same_seed(task: FakeTask) -> None:
    configuration = to_zoo({**task.configuration, "learning_rate": 0.02})
    first = train_and_evaluate(task, configuration, 5, 12)
    train_and_evaluate(task, configuration, 6, 12)
    assert train_and_evaluate(task, configuration, 5, 12) == first
    assert 1 <= first[0] <= MAX_EPISODE_STEPS
    assert first[1] == 200
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
