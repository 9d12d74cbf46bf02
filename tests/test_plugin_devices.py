"""Where trainings run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from sb3_hpo.errors import UserError
from sb3_hpo.plugin.devices import check_device, default_threads, training_device

VECTOR = spaces.Box(-1.0, 1.0, (4,))
IMAGE = spaces.Box(0, 255, (84, 84, 4), np.uint8)


@pytest.mark.parametrize(
    ("model_kwargs", "space"),
    [
        ({"policy": "MlpPolicy"}, VECTOR),
        ({"policy": "MlpPolicy", "policy_kwargs": {"net_arch": [64, 64]}}, VECTOR),
        ({"policy": "LinearPolicy"}, VECTOR),
        ({"policy": "MlpLstmPolicy"}, VECTOR),
        ({"policy": "MultiInputPolicy"}, spaces.Dict({"observation": VECTOR, "achieved_goal": VECTOR})),
        ({"policy": "MlpPolicy"}, spaces.Discrete(4)),
    ],
)
def test_auto_is_the_processor_for_networks_without_images(model_kwargs: Any, space: spaces.Space) -> None:
    assert training_device("auto", model_kwargs, space) == "cpu"


@pytest.mark.parametrize(
    ("model_kwargs", "space"),
    [
        ({"policy": "CnnPolicy"}, IMAGE),
        ({"policy": "CnnLstmPolicy"}, IMAGE),
        ({"policy": "MlpPolicy"}, IMAGE),
        ({"policy": "MultiInputPolicy"}, spaces.Dict({"camera": IMAGE, "speed": VECTOR})),
        ({"policy": "MultiInputPolicy"}, spaces.Dict({"eyes": spaces.Dict({"left": IMAGE}), "speed": VECTOR})),
        ({"policy": object}, VECTOR),
        ({"policy": "MlpPolicy", "policy_kwargs": {"features_extractor_class": object}}, VECTOR),
    ],
)
def test_auto_is_left_to_sb3_where_the_networks_may_be_large(model_kwargs: Any, space: spaces.Space) -> None:
    assert training_device("auto", model_kwargs, space) == "auto"


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1"])
def test_what_was_asked_for_is_taken(device: str) -> None:
    assert training_device(device, {"policy": "MlpPolicy"}, VECTOR) == device
    assert training_device(device, {"policy": "CnnPolicy"}, IMAGE) == device


def test_one_thread_on_the_processor_and_what_torch_takes_on_a_gpu() -> None:
    assert (default_threads("auto"), default_threads("cpu"), default_threads("cuda")) == (1, 1, None)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cpu:0"])
def test_a_device_that_torch_or_sb3_takes_is_accepted(device: str) -> None:
    check_device(device)


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "", "lazy"])
def test_a_device_that_is_not_there_is_refused_in_one_line(device: str) -> None:
    with pytest.raises(UserError, match=f"device '{device}' cannot be used: .*--device auto") as caught:
        check_device(device)
    assert "\n" not in str(caught.value)
