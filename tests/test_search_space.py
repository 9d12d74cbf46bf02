from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sb3_hpo.configuration import from_zoo
from sb3_hpo.errors import UserError
from sb3_hpo.features import MLP_POLICY, N_STEP_RETURNS
from sb3_hpo.parameter import Parameter
from sb3_hpo.search_space import SearchSpace, get_argument, set_argument
from sb3_hpo.spaces.dqn import SPACE
from sb3_hpo.transforms import Named, OutsideSpaceError, Schedule

DQN = SPACE.for_features(frozenset({MLP_POLICY, N_STEP_RETURNS}))
ZOO_DQN = Path(importlib.util.find_spec("rl_zoo3").origin).parent / "hyperparams" / "dqn.yml"


def parameter(name: str, distribution: Any, **kwargs: Any) -> Parameter:
    return Parameter(**{"name": name, "distribution": distribution, "argument": name, "source": "a test", **kwargs})


def conditional_space() -> SearchSpace:
    return SearchSpace(
        (
            parameter("noise", CategoricalDistribution(["none", "normal"]), default="none"),
            parameter("sigma", FloatDistribution(0.1, 1.0), default=0.2, when={"noise": ["normal"]}),
            parameter("decay", IntDistribution(1, 9), default=1, when={"sigma": [0.5]}),
        )
    )


@given(st.integers(0, 2**32 - 1))
def test_dqn_params_go_there_and_back(seed: int) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    params = DQN.suggest(study.ask())
    assert list(params) == [p.name for p in DQN]
    hyperparams = DQN.to_hyperparams(params)
    back = DQN.to_params(hyperparams)
    assert back.keys() == params.keys()
    for name, value in params.items():
        same = math.isclose(back[name], value, rel_tol=1e-9) if isinstance(value, float) else back[name] == value
        assert same, name
    assert DQN.to_hyperparams(back) == hyperparams


@pytest.mark.parametrize("end", ["low", "high"])
def test_dqn_bounds_go_there_and_back_exactly(end: str) -> None:
    params = {
        p.name: p.distribution.choices[0 if end == "low" else -1]
        if isinstance(p.distribution, CategoricalDistribution)
        else getattr(p.distribution, end)
        for p in DQN
    }
    assert DQN.to_params(DQN.to_hyperparams(params)) == params


def test_dqn_hyperparams_are_sb3_arguments() -> None:
    params = DQN.to_params({})
    params |= {"lr_schedule": "linear", "train_freq_pow": 4, "gradient_steps_fraction": 0.5}
    assert DQN.to_hyperparams(params) == {
        "learning_rate": "lin_0.0001",
        "gamma": 0.99,
        "batch_size": 32,
        "train_freq": 16,
        "gradient_steps": 8,
        "buffer_size": 1_000_000,
        "learning_starts": 100,
        "n_steps": 1,
        "exploration_final_eps": 0.05,
        "exploration_fraction": 0.1,
        "target_update_interval": 10_000,
        "policy_kwargs": {"net_arch": [64, 64], "activation_fn": "nn.ReLU"},
    }


def test_configuration_of_the_zoo_for_cartpole_comes_back_unchanged() -> None:
    entry = from_zoo(yaml.safe_load(ZOO_DQN.read_text())["CartPole-v1"])
    back = DQN.to_hyperparams(DQN.to_params(entry))
    tuned = {key: value for key, value in entry.items() if key not in ("policy", "n_timesteps")}
    assert back == {**tuned, "n_steps": 1, "policy_kwargs": {"net_arch": [256, 256], "activation_fn": "nn.ReLU"}}


def test_dqn_defaults_are_those_of_sb3() -> None:
    import inspect

    from stable_baselines3 import DQN as MODEL

    signature = inspect.signature(MODEL.__init__).parameters
    for p in DQN:
        if "." not in p.argument:
            assert p.default == signature[p.argument].default, p.name


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"gamma": 0.5}, "gamma = 0.5"),
        ({"learning_rate": 0.5}, "learning_rate = 0.5"),
        ({"batch_size": 48}, "batch_size = 48"),
        ({"batch_size": 4096}, "batch_size = 4096"),
        ({"train_freq": 16, "gradient_steps": 3}, "gradient_steps = 3"),
        ({"gradient_steps": 8}, "gradient_steps = 8"),
        ({"train_freq": [1, "episode"]}, "train_freq = "),
        ({"exploration_fraction": math.nan}, "exploration_fraction = nan"),
        ({"learning_starts": 100_000}, "learning_starts = 100000"),
        ({"policy_kwargs": {"net_arch": [8]}}, r"policy_kwargs\.net_arch = \[8\]"),
        ({"policy_kwargs": None}, ""),
    ],
)
def test_configuration_outside_the_space_is_refused_by_argument(change: dict, named: str) -> None:
    if change == {"policy_kwargs": None}:
        assert DQN.to_params(change) == DQN.to_params({})
        return
    with pytest.raises(OutsideSpaceError, match=named):
        DQN.to_params(change)


def test_value_that_misses_a_bound_by_rounding_is_taken_onto_it() -> None:
    gamma = 1.0 - 1e-4
    assert 1.0 - gamma != 1e-4
    assert DQN.to_params({"gamma": gamma})["one_minus_gamma"] == 1e-4


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"noise": "none", "typo": 1}, "unknown parameter 'typo'"),
        ({"noise": "normal"}, "parameter 'sigma' is missing"),
        ({"noise": "pink"}, "noise 'pink' is outside none, normal"),
        ({"noise": "normal", "sigma": 1.5}, "sigma 1.5 is outside 0.1 to 1"),
        ({"noise": "normal", "sigma": True}, "sigma True is outside"),
        ({"noise": "normal", "sigma": "0.3"}, "sigma '0.3' is outside"),
        ({"noise": "normal", "sigma": 0.5, "decay": 2.5}, "decay 2.5 is outside 1 to 9"),
    ],
)
def test_wrong_params_are_refused(params: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        conditional_space().to_hyperparams(params)


@pytest.mark.parametrize(
    ("fixed", "sampled"),
    [
        ({"noise": "none", "sigma": 0.5, "decay": 3}, ["noise"]),
        ({"noise": "normal", "sigma": 0.4, "decay": 3}, ["noise", "sigma"]),
        ({"noise": "normal", "sigma": 0.5, "decay": 3}, ["noise", "sigma", "decay"]),
    ],
)
def test_parameter_is_sampled_only_where_it_applies(fixed: dict, sampled: list[str]) -> None:
    space = conditional_space()
    params = space.suggest(optuna.trial.FixedTrial(fixed))
    assert params == {name: fixed[name] for name in sampled}
    assert space.to_params(space.to_hyperparams(params)) == params


def test_dqn_ranges_are_static() -> None:
    """A range that moved with another parameter would drop out of TPE's multivariate model."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(10):
        trial = study.ask()
        DQN.suggest(trial)
        assert trial.distributions == {p.name: p.distribution for p in DQN}


@pytest.mark.parametrize(
    ("distribution", "n_points", "expected"),
    [
        (FloatDistribution(0.0, 1.0), 3, [0.0, 0.5, 1.0]),
        (FloatDistribution(1e-4, 1e-2, log=True), 3, pytest.approx([1e-4, 1e-3, 1e-2])),
        (FloatDistribution(0.25, 1.0, step=0.25), 4, [0.25, 0.5, 0.75, 1.0]),
        (FloatDistribution(0.25, 1.0, step=0.25), 9, [0.25, 0.5, 0.75, 1.0]),
        (FloatDistribution(0.1, 0.5, step=0.1), 5, [0.1, 0.2, 0.3, 0.4, 0.5]),
        (IntDistribution(4, 9), 3, [4, 6, 9]),
        (IntDistribution(4, 6), 10, [4, 5, 6]),
        (IntDistribution(1, 100, log=True), 3, [1, 10, 100]),
        (CategoricalDistribution(["a", "b", "c"]), 2, ["a", "b", "c"]),
    ],
)
def test_grid(distribution: Any, n_points: int, expected: list) -> None:
    assert parameter("x", distribution, default=0).grid(n_points) == expected


def test_every_point_of_the_dqn_grid_is_inside() -> None:
    for p in DQN:
        points = p.grid(4)
        assert [p.inside(point) for point in points] == points
        assert not any(isinstance(point, np.generic) for point in points)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([parameter("a", IntDistribution(0, 1), default=0)] * 2, "'a' is declared twice"),
        (
            [parameter("b", IntDistribution(0, 1), default=0, when={"a": [1]})],
            "'b' depends on 'a': declare that one before it",
        ),
    ],
)
def test_wrong_declaration_is_refused(parameters: list[Parameter], message: str) -> None:
    with pytest.raises(UserError, match=message):
        SearchSpace(tuple(parameters))


def test_parameter_without_a_source_is_refused() -> None:
    with pytest.raises(UserError, match="parameter 'a' has no source"):
        parameter("a", IntDistribution(0, 1), default=0, source=" ")


def test_lookup_proposes_the_near_name() -> None:
    assert DQN["net_arch"].argument == "policy_kwargs.net_arch"
    with pytest.raises(UserError, match="did you mean 'net_arch'"):
        DQN["net_arc"]


def test_space_is_not_changed_through_what_it_returns() -> None:
    nets = Named({"small": [64, 64]})
    space = SearchSpace((parameter("net", CategoricalDistribution(["small"]), default=[64, 64], transform=nets),))
    space.to_hyperparams({"net": "small"})["net"].append(1)
    assert space.to_hyperparams({"net": "small"}) == {"net": [64, 64]}


def test_given_mappings_are_not_modified() -> None:
    hyperparams = {"policy_kwargs": {"net_arch": [64, 64]}}
    params = DQN.to_params(hyperparams)
    before = dict(params)
    DQN.to_hyperparams(params)
    assert (hyperparams, params) == ({"policy_kwargs": {"net_arch": [64, 64]}}, before)


def test_dotted_arguments() -> None:
    hyperparams: dict[str, Any] = {}
    set_argument(hyperparams, "policy_kwargs.optimizer_kwargs.eps", 0)
    assert hyperparams == {"policy_kwargs": {"optimizer_kwargs": {"eps": 0}}}
    assert get_argument(hyperparams, "policy_kwargs.optimizer_kwargs.eps", 1) == 0
    assert get_argument(hyperparams, "policy_kwargs.optimizer_kwargs.eps.x", 1) == 1
    assert get_argument({"policy_kwargs": "text"}, "policy_kwargs.net_arch", 1) == 1


def test_schedule_of_another_argument() -> None:
    schedules = CategoricalDistribution(["constant", "linear"])
    space = SearchSpace(
        (
            parameter("clip", FloatDistribution(0.1, 0.4), default=0.2),
            parameter("schedule", schedules, argument="clip", default=0.2, transform=Schedule("clip")),
        )
    )
    assert space.to_hyperparams({"clip": 0.3, "schedule": "linear"}) == {"clip": "lin_0.3"}
    assert space.to_params({"clip": "lin_0.3"}) == {"clip": 0.3, "schedule": "linear"}
