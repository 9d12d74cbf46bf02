"""Every space of this project, tested as a third party tests its own."""

from __future__ import annotations

import importlib
import inspect
import json
from typing import Any

import optuna
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sb3_hpo.algorithms import algorithm_names, get_algorithm
from sb3_hpo.features import BOX_ACTIONS, HER, MLP_POLICY, N_STEP_RETURNS
from sb3_hpo.parameter import Parameter, SameAs
from sb3_hpo.search_space import SearchSpace, get_argument
from sb3_hpo.testing import SearchSpaceTestCase, assert_there_and_back

ALGORITHMS = [
    "a2c",
    "ars",
    "crossq",
    "ddpg",
    "dqn",
    "ppo",
    "ppo_lstm",
    "ppo_mask",
    "qrdqn",
    "sac",
    "td3",
    "tqc",
    "trpo",
]
WITH_HINDSIGHT = {"ddpg", "dqn", "qrdqn", "sac", "td3", "tqc"}


def space_of(algo: str) -> SearchSpace:
    return get_algorithm(algo).search_space


class TestA2C(SearchSpaceTestCase):
    search_space = space_of("a2c")


class TestARS(SearchSpaceTestCase):
    search_space = space_of("ars")


class TestCrossQ(SearchSpaceTestCase):
    search_space = space_of("crossq")


class TestDDPG(SearchSpaceTestCase):
    search_space = space_of("ddpg")


class TestDQN(SearchSpaceTestCase):
    search_space = space_of("dqn")


class TestPPO(SearchSpaceTestCase):
    search_space = space_of("ppo")


class TestRecurrentPPO(SearchSpaceTestCase):
    search_space = space_of("ppo_lstm")


class TestMaskablePPO(SearchSpaceTestCase):
    search_space = space_of("ppo_mask")


class TestQRDQN(SearchSpaceTestCase):
    search_space = space_of("qrdqn")


class TestSAC(SearchSpaceTestCase):
    search_space = space_of("sac")


class TestTD3(SearchSpaceTestCase):
    search_space = space_of("td3")


class TestTQC(SearchSpaceTestCase):
    search_space = space_of("tqc")


class TestTRPO(SearchSpaceTestCase):
    search_space = space_of("trpo")


def test_every_algorithm_is_registered() -> None:
    assert algorithm_names() == ALGORITHMS


def value_of(parameter: Parameter) -> st.SearchStrategy[Any]:
    d = parameter.distribution
    if isinstance(d, CategoricalDistribution):
        return st.sampled_from(d.choices)
    if isinstance(d, IntDistribution):
        return st.integers(d.low, d.high)
    assert isinstance(d, FloatDistribution)
    if d.step is not None:
        return st.integers(0, round((d.high - d.low) / d.step)).map(lambda i: d.low + i * d.step)
    return st.floats(d.low, d.high)


@pytest.mark.parametrize("algo", ALGORITHMS)
@given(data=st.data())
def test_any_params_go_there_and_back(algo: str, data: st.DataObject) -> None:
    features = data.draw(st.frozensets(st.sampled_from([BOX_ACTIONS, HER, MLP_POLICY, N_STEP_RETURNS])))
    space = space_of(algo).for_features(features)
    params: dict[str, Any] = {}
    for parameter in space:
        if parameter.applies(params):
            params[parameter.name] = data.draw(value_of(parameter), label=parameter.name)
    assert_there_and_back(space, params)
    hyperparams = space.to_hyperparams(params)
    assert json.loads(json.dumps(hyperparams)) == hyperparams


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_declared_defaults_are_those_of_the_constructor(algo: str) -> None:
    arguments = inspect.signature(get_algorithm(algo).model_class.__init__).parameters
    for parameter in space_of(algo):
        if "." in parameter.argument or parameter.argument in ("noise_type", "noise_std"):
            continue
        default = parameter.default
        if isinstance(default, SameAs):
            assert arguments[parameter.argument].default is None
            assert arguments[default.argument].default == default.default
        else:
            assert arguments[parameter.argument].default == default, parameter.name


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_defaults_come_out_as_they_are_declared(algo: str) -> None:
    space = space_of(algo)
    params = space.to_params({})
    hyperparams = space.to_hyperparams(params)
    for parameter in space:
        if parameter.applies(params) and not isinstance(parameter.default, SameAs):
            assert get_argument(hyperparams, parameter.argument, None) == parameter.default


@pytest.mark.parametrize("algo", sorted(WITH_HINDSIGHT | {"crossq"}))
def test_gradient_steps_are_always_sampled_and_never_more_than_steps(algo: str) -> None:
    space = space_of(algo).for_features(frozenset())
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(100):
        hyperparams = space.to_hyperparams(space.suggest(study.ask()))
        assert 1 <= hyperparams["gradient_steps"] <= hyperparams["train_freq"]


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_declared_defaults_are_those_of_the_policy(algo: str) -> None:
    model_class = get_algorithm(algo).model_class
    alias = "MlpLstmPolicy" if algo == "ppo_lstm" else "MlpPolicy"
    arguments = inspect.signature(model_class.policy_aliases[alias].__init__).parameters
    for parameter in space_of(algo):
        head, _, name = parameter.argument.rpartition(".")
        if head == "policy_kwargs" and name == "activation_fn":
            assert arguments[name].default is getattr(torch.nn, str(parameter.default).removeprefix("nn."))
        elif (
            head == "policy_kwargs" and name != "net_arch"
        ):  # Its default is None: what that means is tested on models.
            assert arguments[name].default == parameter.default, name


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_replay_parameters_come_with_hindsight_replay_only(algo: str) -> None:
    names = {"n_sampled_goal", "goal_selection_strategy"}
    with_her = {parameter.name for parameter in space_of(algo).for_features(frozenset({HER}))}
    without = {parameter.name for parameter in space_of(algo).for_features(frozenset({BOX_ACTIONS, MLP_POLICY}))}
    assert with_her & names == (names if algo in WITH_HINDSIGHT else set())
    assert not without & names


def test_hindsight_replay_is_for_all_off_policy_algorithms_that_have_a_policy_for_goals() -> None:
    from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

    classes = {algo: get_algorithm(algo).model_class for algo in ALGORITHMS}
    off_policy = {algo for algo, model_class in classes.items() if issubclass(model_class, OffPolicyAlgorithm)}
    assert {algo for algo in off_policy if "MultiInputPolicy" in classes[algo].policy_aliases} == WITH_HINDSIGHT


@pytest.mark.parametrize("algo", ["a2c", "ppo", "ppo_lstm", "trpo"])
def test_gsde_is_for_continuous_actions_only(algo: str) -> None:
    exploration = {"use_sde", "sde_sample_freq", "log_std_init"}
    continuous = {parameter.name for parameter in space_of(algo).for_features(frozenset({BOX_ACTIONS}))}
    discrete = {parameter.name for parameter in space_of(algo).for_features(frozenset({MLP_POLICY}))}
    assert exploration <= continuous
    assert not exploration & discrete


def test_spaces_import_neither_torch_nor_sb3() -> None:
    # A new process: this one has imported both.
    import subprocess
    import sys

    modules = [f"sb3_hpo.spaces.{algo}" for algo in ALGORITHMS]
    assert all(importlib.util.find_spec(module) for module in modules)
    code = f"import sys, {', '.join(modules)}\nprint([m for m in ('torch', 'stable_baselines3') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
