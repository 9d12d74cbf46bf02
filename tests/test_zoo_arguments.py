"""Arguments of a configuration that the zoo makes objects of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rl_zoo3.exp_manager import ExperimentManager

from sb3_hpo.algorithms import get_algorithm
from sb3_hpo.errors import UserError
from sb3_hpo.space_files import edited_space
from sb3_hpo.zoo_arguments import check_schedules

if TYPE_CHECKING:
    from sb3_hpo.search_space import SearchSpace

SCHEDULES = ("learning_rate", "clip_range", "clip_range_vf", "delta_std")


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("value", [0.001, 1, -1, "lin_0.001", "lin_1e-4"])
def test_what_the_zoo_makes_a_schedule_of_is_left_to_it(name: str, value: object) -> None:
    check_schedules({name: value})
    ExperimentManager._preprocess_schedules({name: value})


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("value", ["fast", "lin_fast", "lin_0.1_0.2", "lin_inf", "0.001", None, True, [0.1], {"a": 1}])
def test_anything_else_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(UserError) as caught:
        check_schedules({"gamma": "x", name: value})
    assert str(caught.value) == f"{name} is {value!r}, it must be a number, or a linear schedule such as lin_0.001"


def test_a_configuration_without_schedules_is_none_of_its_business() -> None:
    check_schedules({"gamma": "fast"})


def td3_space(noise_type: object) -> SearchSpace:
    return edited_space("td3", get_algorithm("td3"), {"parameters": {"noise_type": noise_type}}, "space.yml")


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {"value": None},
        {"choices": [None, "normal", "ornstein-uhlenbeck"]},
        {"choices": ["loud"], "transform": {"named": {"arguments": {"loud": "normal"}}}},
    ],
)
def test_noise_that_the_zoo_knows_may_be_searched(entry: object) -> None:
    assert td3_space(entry)


@pytest.mark.parametrize(
    "entry",
    [
        "gauss",
        {"choices": [None, "gauss"]},
        {"choices": ["loud"], "transform": {"named": {"arguments": {"loud": "gauss"}}}},
    ],
)
def test_noise_that_the_zoo_does_not_know_is_refused_before_anything_is_trained(entry: object) -> None:
    with pytest.raises(UserError, match="noise_type is 'gauss', it must be normal or ornstein-uhlenbeck"):
        td3_space(entry)
