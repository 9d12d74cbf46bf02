from __future__ import annotations

from typing import TYPE_CHECKING

import gymnasium
import pytest
import torch
from stable_baselines3 import DQN, HerReplayBuffer
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike

from sb3_hpo.errors import UserError
from sb3_hpo.model_kwargs import to_objects
from tests.tasks import cartpole

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("nn.ReLU", torch.nn.ReLU),
        ("th.nn.Tanh", torch.nn.Tanh),
        ("torch.nn.ELU", torch.nn.ELU),
        ("th.optim.Adam", torch.optim.Adam),
        ("torch.optim.RMSprop", torch.optim.RMSprop),
        ("RMSpropTFLike", RMSpropTFLike),
        ("HerReplayBuffer", HerReplayBuffer),
    ],
)
def test_name_becomes_its_class(symbol: str, expected: type) -> None:
    assert to_objects({"policy_kwargs": {"x": [symbol]}}) == {"policy_kwargs": {"x": [expected]}}


def test_replay_buffer_class_is_an_argument_of_its_own() -> None:
    assert to_objects({"replay_buffer_class": "HerReplayBuffer"}) == {"replay_buffer_class": HerReplayBuffer}


@pytest.mark.parametrize("symbol", ["nn.NoSuchLayer", "th.optim.Nope", "nn.Parameter", "nn.Tensor", "th.optim.SGDx"])
def test_name_of_no_layer_or_optimizer_is_refused(symbol: str) -> None:
    with pytest.raises(UserError, match=symbol):
        to_objects({"policy_kwargs": {"x": symbol}})


def test_other_arguments_and_plain_text_stay() -> None:
    configuration = {"policy": "nn.ReLU", "policy_kwargs": {"goal": "future", "net_arch": [8]}, "gamma": 0.9}
    assert to_objects(configuration) == configuration


def test_configuration_is_not_modified() -> None:
    configuration = {"policy_kwargs": {"activation_fn": "nn.Tanh", "net_arch": [8]}}
    to_objects(configuration)["policy_kwargs"]["net_arch"].append(8)
    assert configuration == {"policy_kwargs": {"activation_fn": "nn.Tanh", "net_arch": [8]}}


def test_model_is_built_with_the_objects() -> None:
    configuration = {"buffer_size": 100, "policy_kwargs": {"activation_fn": "nn.Tanh", "net_arch": [7]}}
    model = DQN("MlpPolicy", cartpole(1, 0), device="cpu", **to_objects(configuration))
    layers = list(model.policy.q_net.q_net)
    assert [type(layer) for layer in layers] == [torch.nn.Linear, torch.nn.Tanh, torch.nn.Linear]
    assert layers[0].out_features == 7


def test_the_monitor_gets_the_tuples_that_it_joins(tmp_path: Path) -> None:
    configuration = {"monitor_kwargs": {"info_keywords": ["a"], "reset_keywords": []}, "train_freq": [1, "step"]}
    objects = to_objects(configuration)
    assert objects == {"monitor_kwargs": {"info_keywords": ("a",), "reset_keywords": ()}, "train_freq": [1, "step"]}
    Monitor(gymnasium.make("CartPole-v1"), str(tmp_path / "log"), **objects["monitor_kwargs"]).close()
