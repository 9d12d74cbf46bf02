from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from stable_baselines3.common.noise import NormalActionNoise

from sb3_hpo.candidates import choose_candidates
from sb3_hpo.configuration import merge
from sb3_hpo.errors import UserError
from sb3_hpo.features import HER, MLP_POLICY, N_STEP_RETURNS, configuration_features
from sb3_hpo.objective import configuration_of
from sb3_hpo.parameter import Parameter, SameAs
from sb3_hpo.plugin.registration import convert, sample
from sb3_hpo.search_space import SearchSpace
from sb3_hpo.transforms import AtLeast, FractionOf, NetArch, OneMinus, OutsideSpaceError, ZeroAt


def parameter(name: str, distribution: Any, **kwargs: Any) -> Parameter:
    return Parameter(**{"name": name, "distribution": distribution, "argument": name, "source": "a test", **kwargs})


WINGED = SearchSpace(
    (
        parameter("speed", IntDistribution(1, 9), default=1, widened={"wings": IntDistribution(1, 99)}),
        parameter("flaps", CategoricalDistribution([True, False]), default=True, requires=frozenset({"wings"})),
        parameter("rate", IntDistribution(1, 9), default=1, when={"flaps": [True]}),
        parameter("glow", IntDistribution(1, 9), default=1, requires=frozenset({"wings", "night"})),
    )
)


@pytest.mark.parametrize(
    ("configuration", "features"),
    [
        ({}, {MLP_POLICY, N_STEP_RETURNS}),
        ({"policy": "MlpPolicy"}, {MLP_POLICY, N_STEP_RETURNS}),
        ({"policy": "MlpLstmPolicy"}, {MLP_POLICY, N_STEP_RETURNS}),
        ({"policy": "MultiInputPolicy"}, {MLP_POLICY}),
        ({"replay_buffer_class": "somewhere.buffers.PrioritizedReplayBuffer"}, {MLP_POLICY}),
        ({"optimize_memory_usage": True}, {MLP_POLICY}),
        ({"optimize_memory_usage": False}, {MLP_POLICY, N_STEP_RETURNS}),
        ({"policy": "MultiInputPolicy", "replay_buffer_class": "HerReplayBuffer"}, {MLP_POLICY, HER}),
        ({"policy": "CnnPolicy"}, {N_STEP_RETURNS}),
        ({"policy": "CnnLstmPolicy"}, {N_STEP_RETURNS}),
        ({"policy": "LinearPolicy"}, {N_STEP_RETURNS}),
        ({"policy": "somewhere.policies.LinearThing"}, {N_STEP_RETURNS}),
    ],
)
def test_features_show_in_the_configuration(configuration: dict[str, Any], features: set[str]) -> None:
    assert configuration_features(configuration) == features


@pytest.mark.parametrize(
    ("features", "names"),
    [
        (set(), ["speed"]),
        ({"night"}, ["speed"]),
        ({"wings"}, ["speed", "flaps", "rate"]),
        ({"wings", "night"}, ["speed", "flaps", "rate", "glow"]),
    ],
)
def test_parameters_without_their_features_are_dropped_and_what_depends_on_them(
    features: set[str], names: list[str]
) -> None:
    space = WINGED.for_features(frozenset(features))
    assert [p.name for p in space] == names
    assert space["speed"].distribution.high == (99 if "wings" in features else 9)


def test_features_are_those_that_make_a_difference() -> None:
    assert WINGED.features == {"wings", "night"}


def test_fit_is_kept() -> None:
    space = SearchSpace((), fit=(lambda configuration, budget: {**configuration, "n": budget.n_timesteps},))
    task = SimpleNamespace(configuration={"n_timesteps": 7.0}, max_episode_steps=None)
    assert configuration_of(task, space.for_features(frozenset()), {}) == {"n_timesteps": 7.0, "n": 7}


QUARTERS = SearchSpace(
    (
        parameter("freq", IntDistribution(1, 8), default=1),
        parameter(
            "fraction",
            FloatDistribution(0.25, 1.0, step=0.25),
            argument="steps",
            default=1,
            transform=FractionOf("freq"),
            when={"freq": (4, 8)},
            otherwise=1.0,
        ),
    )
)


@pytest.mark.parametrize(
    ("params", "hyperparams"),
    [
        ({"freq": 8, "fraction": 0.25}, {"freq": 8, "steps": 2}),
        ({"freq": 1}, {"freq": 1, "steps": 1}),
        ({"freq": 3}, {"freq": 3, "steps": 3}),
    ],
)
def test_parameter_that_does_not_apply_has_its_other_value(params: Any, hyperparams: Any) -> None:
    assert QUARTERS.to_hyperparams(params) == hyperparams
    assert QUARTERS.to_params(hyperparams) == params


def test_configuration_with_another_value_where_it_does_not_apply_lies_outside() -> None:
    assert QUARTERS.to_params({"freq": 3, "steps": -1}) == {"freq": 3}
    with pytest.raises(OutsideSpaceError, match=r"^steps = 2 is outside the space: with \{'freq': 3\} it is 3$"):
        QUARTERS.to_params({"freq": 3, "steps": 2})


def test_argument_whose_default_is_another_argument() -> None:
    space = SearchSpace(
        (
            parameter("top", IntDistribution(1, 64), default=SameAs("all", 8)),
            parameter("more", IntDistribution(1, 41), argument="all", default=8, transform=AtLeast("top")),
        )
    )
    assert space.to_params({}) == {"top": 8, "more": 1}
    assert space.to_params({"all": 6}) == {"top": 6, "more": 1}
    assert space.to_params({"all": 6, "top": 2}) == {"top": 2, "more": 5}
    assert space.to_hyperparams({"top": 2, "more": 5}) == {"top": 2, "all": 6}
    with pytest.raises(OutsideSpaceError):
        space.to_params({"all": 2, "top": 6})


@pytest.mark.parametrize(
    ("transform", "value", "argument"),
    [
        (ZeroAt(1e-8), 1e-8, 0.0),
        (ZeroAt(1e-8), 2e-8, 2e-8),
        (ZeroAt(10), 10, 0),
        (ZeroAt(10), 11, 11),
        (OneMinus(one_at=1e-4), 1e-4, 1.0),
        (OneMinus(one_at=1e-4), 0.25, 0.75),
        (OneMinus(), 1e-4, 0.9999),
    ],
)
def test_low_end_stands_for_what_a_log_scale_does_not_reach(transform: Any, value: float, argument: float) -> None:
    assert transform.forward(value, {}) == argument
    assert type(transform.forward(value, {})) is type(argument)
    assert transform.backward(argument, {}) == pytest.approx(value, rel=1e-9)


def test_value_that_stands_for_zero_is_no_argument() -> None:
    with pytest.raises(OutsideSpaceError):
        ZeroAt(10).backward(10, {})


def test_bare_list_and_spelt_out_networks_are_the_same() -> None:
    arch = NetArch({"small": {"pi": [64], "vf": [64]}, "wide": [9]}, heads=("pi", "vf"))
    assert arch.backward([64], {}) == arch.backward({"pi": [64], "vf": [64]}, {}) == "small"
    assert arch.backward({"pi": [9], "vf": [9]}, {}) == "wide"
    for unknown in ([65], {"pi": [64], "vf": [65]}, {"pi": [64], "qf": [64]}):
        with pytest.raises(OutsideSpaceError):
            arch.backward(unknown, {})
    with pytest.raises(OutsideSpaceError):
        arch.forward("huge", {})


@pytest.mark.parametrize(
    ("changes", "merged"),
    [
        ({"noise_type": None}, {"gamma": 0.9}),
        ({"noise_type": "ornstein-uhlenbeck"}, {"gamma": 0.9, "noise_type": "ornstein-uhlenbeck", "noise_std": 0.1}),
        ({}, {"gamma": 0.9, "noise_type": "normal", "noise_std": 0.1}),
    ],
)
def test_no_noise_takes_the_noise_of_the_base_away(changes: dict[str, Any], merged: dict[str, Any]) -> None:
    base = {"gamma": 0.9, "noise_type": "normal", "noise_std": 0.1}
    assert merge(base, changes) == merged
    assert base["noise_std"] == 0.1


def test_the_zoo_s_registry_samples_what_applies() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    noises = []
    for _ in range(10):
        trial = study.ask()
        kwargs = sample("td3", trial, 2, 1, {"using_her_replay_buffer": True})
        assert kwargs["replay_buffer_kwargs"].keys() == {"n_sampled_goal", "goal_selection_strategy"}
        assert not kwargs.keys() & {"noise_type", "noise_std"}
        noise = kwargs.get("action_noise")
        if isinstance(noise, NormalActionNoise):
            assert np.array_equal(noise._sigma, [trial.params["noise_std"]] * 2)
        noises.append(type(noise))
        again = convert("td3", trial.params)
        assert ("noise_type" in again) == (noise is not None)
        assert again["gamma"] == kwargs["gamma"]
    assert len(set(noises)) == 3
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    assert "use_sde" not in sample("ppo", study.ask(), 0, 1, {})
    assert "use_sde" in sample("ppo", study.ask(), 1, 1, {})


@pytest.mark.parametrize(("n_timesteps", "is_trained"), [(1_000, True), (10, False)])
def test_trial_that_trained_something_shorter_is_not_the_default(n_timesteps: int, is_trained: bool) -> None:
    space = SearchSpace(
        (parameter("n_steps", IntDistribution(1, 64), default=5),),
        fit=(lambda configuration, budget: {**configuration, "n_steps": min(64, budget.n_timesteps)},),
    )
    task = SimpleNamespace(configuration={"n_steps": 64, "n_timesteps": n_timesteps}, max_episode_steps=None)
    study = optuna.create_study(direction="maximize")
    trained = configuration_of(task, space, {"n_steps": 64})
    study.add_trial(
        optuna.trial.create_trial(
            value=1.0,
            params={"n_steps": 64},
            distributions={"n_steps": space["n_steps"].distribution},
            user_attrs={"hyperparams": trained},
        )
    )
    default, *finalists = choose_candidates(study, task, space, n_finalists=3)
    assert (default.trial == 0) is is_trained
    assert default.configuration["n_steps"] == 64
    assert [finalist.configuration["n_steps"] for finalist in finalists] == ([] if is_trained else [10])


def test_parameter_needs_a_source() -> None:
    with pytest.raises(UserError, match="has no source"):
        parameter("speed", IntDistribution(1, 9), default=1, source=" ")
