from __future__ import annotations

import dataclasses

import pytest

from sb3_hpo.errors import UserError
from sb3_hpo.settings import DEFAULT_TIMEOUT_S, TuningSettings


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("n_trials", 0),
        ("max_total_trials", -1),
        ("n_timesteps", 0),
        ("n_seeds", 0),
        ("n_evaluations", 0),
        ("n_eval_episodes", 0),
        ("n_eval_envs", 0),
        ("n_finalists", 0),
        ("n_validation_episodes", 0),
        ("max_consecutive_failures", 0),
        ("n_startup_trials", -1),
        ("n_validation_seeds", -1),
        ("seed", -1),
        ("timeout", 0),
        ("timeout", -5.0),
        ("timeout", float("nan")),
        ("timeout", float("inf")),
        ("timeout", "600"),
        ("timeout", True),
        ("stop_at", "treshold"),
        ("stop_at", float("nan")),
        ("stop_at", float("inf")),
        ("stop_at", True),
        ("stop_after", 0),
        ("stop_after", None),
        ("no_improvement", 0),
        ("save_models", 1),
        ("n_trials", 2.0),
        ("n_trials", "10"),
        ("n_trials", True),
        ("n_seeds", None),
        ("seed", None),
        ("sampler", 3),
        ("sampler", None),
        ("storage", 1),
        ("sampler_kwargs", "points: 3"),
        ("sampler_kwargs", None),
        ("sampler_kwargs", {3: "points"}),
        ("pruner_kwargs", [1]),
        ("callback", "mine.callback"),
        ("callback", None),
        ("callback", [3]),
        ("wandb_tags", ["a", None]),
        ("track", "wandb"),
        ("tensorboard_log", 3),
        ("dashboard", 1),
        ("yes", 1),
        ("yes", "yes"),
        ("yes", None),
    ],
)
def test_bad_value_is_refused_by_name_and_value(option: str, value: object) -> None:
    with pytest.raises(UserError) as caught:
        TuningSettings(**{option: value})
    assert str(caught.value).startswith(f"{option} is {value!r}")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("stop_at", None),
        ("stop_at", -200),
        ("stop_at", 475.0),
        ("stop_at", "threshold"),
        ("no_improvement", None),
        ("no_improvement", 1),
        ("save_models", True),
        ("n_trials", None),
        ("n_trials", 1),
        ("timeout", 1),
        ("timeout", 0.5),
        ("n_startup_trials", 0),
        ("n_validation_seeds", 0),
        ("seed", 0),
        ("storage", None),
        ("sampler_kwargs", {}),
        ("pruner_kwargs", {"wrapped_pruner": "median", "patience": 3}),
        ("callback", ()),
        ("callback", ("mine.callback",)),
        ("tensorboard_log", ""),
        ("yes", True),
    ],
)
def test_value_on_the_border_is_taken(option: str, value: object) -> None:
    assert getattr(TuningSettings(**{option: value}), option) == value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score": "mean_last"}, "unknown score 'mean_last': did you mean 'mean-last'?"),
        ({"score": "median"}, "known: auc, best, last, mean-last"),
        ({"aggregate": "iqr"}, "unknown aggregate 'iqr': did you mean 'iqm'?"),
    ],
)
def test_unknown_name_is_refused_with_the_nearest(options: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        TuningSettings(**options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("n_finalists", "n_validation_seeds", "n_selection_seeds", "n_trainings"),
    [(8, 10, 5, 35), (3, 10, 5, 35), (8, 5, 3, 19), (1, 5, 0, 10), (8, 0, 0, 0), (2, 1, 1, 4)],
)
def test_trainings_of_a_validation(
    n_finalists: int, n_validation_seeds: int, n_selection_seeds: int, n_trainings: int
) -> None:
    settings = TuningSettings(n_finalists=n_finalists, n_validation_seeds=n_validation_seeds)
    assert (settings.n_selection_seeds, settings.n_validation_trainings) == (n_selection_seeds, n_trainings)


def test_settings_cannot_be_changed_after_the_check() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TuningSettings().n_trials = 0


@pytest.mark.parametrize(
    ("budget", "timeout"),
    [
        ({}, DEFAULT_TIMEOUT_S),
        ({"n_trials": 3}, None),
        ({"max_total_trials": 3}, None),
        ({"timeout": 5.0}, 5.0),
        ({"n_trials": 3, "timeout": 5.0}, 5.0),
        ({"yes": True}, DEFAULT_TIMEOUT_S),
        ({"sampler": "grid"}, DEFAULT_TIMEOUT_S),
        ({"sampler": "grid", "yes": True}, None),
        ({"sampler": "brute-force", "yes": True}, None),
        ({"sampler": "grid", "yes": True, "timeout": 5.0}, 5.0),
    ],
)
def test_only_a_tuning_without_any_budget_gets_the_default_one(budget: dict, timeout: float | None) -> None:
    settings = TuningSettings(**budget, n_seeds=2).with_default_budget()
    assert settings == TuningSettings(**{**budget, "timeout": timeout}, n_seeds=2)


def test_a_list_is_the_same_wherever_it_was_read() -> None:
    assert TuningSettings(callback=["mine.callback"]) == TuningSettings(callback=("mine.callback",))


def test_later_source_overrides_earlier_one() -> None:
    first, second = {"n_trials": 1, "n_seeds": 4}, {"n_trials": 2}
    settings = TuningSettings.from_mappings(("a", first), ("b", second))
    assert settings == TuningSettings(n_trials=2, n_seeds=4)
    assert (first, second) == ({"n_trials": 1, "n_seeds": 4}, {"n_trials": 2})


def test_later_none_overrides_too() -> None:
    assert TuningSettings.from_mappings(("a", {"n_trials": 1}), ("b", {"n_trials": None})).n_trials is None


@pytest.mark.parametrize("name", ["n_trails", 3, None])
def test_unknown_option_names_its_source(name: object) -> None:
    with pytest.raises(UserError, match=r"unknown option in the file .*n_trials"):
        TuningSettings.from_mappings(("the file", {name: 1}))


@pytest.mark.parametrize("options", [[1], "n_trials", None, 3])
def test_source_that_is_no_mapping_is_refused(options: object) -> None:
    with pytest.raises(UserError, match="the hpo block must be a mapping"):
        TuningSettings.from_mappings(("the hpo block", options))
