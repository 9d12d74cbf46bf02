from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial
from rich.console import Console

from sb3_hpo.candidates import fingerprint_of
from sb3_hpo.configuration import merge, to_zoo
from sb3_hpo.display import Display
from sb3_hpo.errors import UserError
from sb3_hpo.search_space import SearchSpace
from sb3_hpo.settings import TuningSettings
from sb3_hpo.study import open_study
from sb3_hpo.trial_attributes import CANDIDATE, HYPERPARAMS, N_EPISODES, ORIGIN, SEED
from sb3_hpo.tuning import Tuning
from sb3_hpo.validation_trainings import open_validation_study
from sb3_hpo.warm_start import best_of
from tests.tasks import SPACE, FakeTask

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.storages import BaseStorage

GAMMA = SPACE.to_params({})["one_minus_gamma"]
DISTRIBUTIONS = {parameter.name: parameter.distribution for parameter in SPACE}


def params(learning_rate: float) -> dict[str, Any]:
    return {"learning_rate": learning_rate, "one_minus_gamma": GAMMA, "n_steps": 5}


def earlier_study(storage: BaseStorage, values: dict[float, float | None]) -> None:
    """A study with one trial for each learning rate; those without a score were pruned."""
    task = FakeTask()
    study, _ = open_study(storage, "earlier", task, SPACE, TuningSettings())
    for learning_rate, value in values.items():
        study.add_trial(
            create_trial(
                state=TrialState.PRUNED if value is None else TrialState.COMPLETE,
                value=value,
                params=params(learning_rate),
                distributions=DISTRIBUTIONS,
                user_attrs={HYPERPARAMS: hyperparams(learning_rate)},
            )
        )


def hyperparams(learning_rate: float) -> dict[str, Any]:
    return to_zoo(merge(FakeTask().configuration, SPACE.to_hyperparams(params(learning_rate))))


def validated(storage: BaseStorage, learning_rate: float, *scores: float) -> None:
    """What a learning rate, and the default, had on as many seeds that judged them."""
    trained(storage, hyperparams(learning_rate), dict(enumerate(scores)))
    trained(storage, to_zoo(FakeTask().configuration), dict.fromkeys(range(len(scores)), 0.0))


def trained(
    storage: BaseStorage, configuration: dict[str, Any], scores: dict[int, float], n_episodes: int = 20
) -> None:
    """What a configuration had on some seeds."""
    for seed, score in scores.items():
        trial = create_trial(
            value=score, user_attrs={CANDIDATE: fingerprint_of(configuration), SEED: seed, N_EPISODES: n_episodes}
        )
        open_validation_study(storage, "earlier").add_trial(trial)


def learning_rates(storage: BaseStorage, task: FakeTask | None = None, space: SearchSpace = SPACE) -> list[Any]:
    return [first.params["learning_rate"] for first in best_of(storage, "earlier", task or FakeTask(), space)]


def test_the_best_scores_are_taken_over_each_once(storage: BaseStorage) -> None:
    earlier_study(storage, {0.01: -1.0, 0.02: 3.0, 0.03: None, 0.04: 2.0, 0.05: 0.0})
    assert learning_rates(storage) == [0.02, 0.04, 0.05]


def test_what_held_on_fresh_seeds_comes_before_what_only_the_search_saw(storage: BaseStorage) -> None:
    earlier_study(storage, {0.01: 1.0, 0.02: 9.0, 0.03: 8.0, 0.04: 7.0})
    validated(storage, 0.01, 5.0, 5.0, 5.0)
    validated(storage, 0.03, 6.0, 0.0, 0.0)
    assert learning_rates(storage) == [0.01, 0.03, 0.02]


def test_a_score_that_only_chose_a_finalist_is_none_that_held(storage: BaseStorage) -> None:
    earlier_study(storage, {0.01: 1.0, 0.02: 9.0, 0.03: 8.0})
    validated(storage, 0.01, 5.0, 5.0)
    trained(storage, hyperparams(0.03), {77: 500.0})  # The default was not trained on that seed: it chose.
    assert learning_rates(storage) == [0.01, 0.02, 0.03]


def test_a_seed_counts_once_by_the_most_episodes_that_judged_it(storage: BaseStorage) -> None:
    earlier_study(storage, {0.01: 1.0, 0.02: 2.0})
    validated(storage, 0.01, 5.0)
    validated(storage, 0.02, 6.0)
    trained(storage, hyperparams(0.01), {0: 500.0}, n_episodes=2)
    assert learning_rates(storage) == [0.02, 0.01]


def test_they_are_the_first_trials_after_the_default(storage: BaseStorage, tmp_path: Path) -> None:
    earlier_study(storage, {0.01: 1.0, 0.02: 9.0})
    for n_trials in (3, 2):
        shown = io.StringIO()
        settings = TuningSettings(
            n_trials=n_trials,
            study_name="new",
            warm_start_from="earlier",
            n_evaluations=2,
            n_validation_seeds=0,
            log_folder=str(tmp_path),
            seed=n_trials,
        )
        task = FakeTask(30)  # Another number of steps.
        Tuning(task, SPACE, settings, storage, Display(Console(file=shown, width=200))).run()
        assert "warm start: trial 2 of study earlier, trial 1 of study earlier" in shown.getvalue()
    trials = optuna.load_study(study_name="new", storage=storage).trials
    assert [trial.user_attrs.get(ORIGIN) for trial in trials] == [
        "default configuration",
        "trial 2 of study earlier",
        "trial 1 of study earlier",
        None,
        None,
    ]
    assert [trial.params["learning_rate"] for trial in trials[1:3]] == [0.02, 0.01]


def test_what_lies_outside_the_search_space_is_left_out(storage: BaseStorage) -> None:
    earlier_study(storage, {0.01: 1.0, 0.02: 9.0})
    (rate,) = (parameter for parameter in SPACE if parameter.name == "learning_rate")
    narrow = dataclasses.replace(rate, distribution=FloatDistribution(1e-5, 0.015, log=True))
    others = [parameter for parameter in SPACE if parameter is not rate]
    assert learning_rates(storage, space=SearchSpace((narrow, *others))) == [0.01]
    # What the earlier study did not tune is as it was then.
    assert [set(first.params) for first in best_of(storage, "earlier", FakeTask(), SearchSpace((rate,)))] == [
        {"learning_rate"},
        {"learning_rate"},
    ]
    none = dataclasses.replace(rate, distribution=FloatDistribution(1e-5, 1e-4, log=True))
    with pytest.raises(UserError, match="no complete trial of study 'earlier' lies in the search space"):
        learning_rates(storage, space=SearchSpace((none, *others)))


def test_what_cannot_be_started_from_is_told(storage: BaseStorage) -> None:
    with pytest.raises(UserError, match="study to start from"):
        learning_rates(storage)
    earlier_study(storage, {0.01: None})
    with pytest.raises(UserError, match="'earlier' has no complete trial"):
        learning_rates(storage)
    other = FakeTask()
    other.algo = "ppo"
    with pytest.raises(UserError, match="'earlier' tuned a2c, this command tunes ppo"):
        learning_rates(storage, other)
    optuna.create_study(storage=storage, study_name="foreign")
    with pytest.raises(UserError, match="'foreign' was not made by sb3-hpo"):
        best_of(storage, "foreign", FakeTask(), SPACE)
