"""Arguments of a configuration that the zoo makes objects of."""

from __future__ import annotations

import pytest
from rl_zoo3.exp_manager import ExperimentManager

from sb3_hpo.errors import UserError
from sb3_hpo.plugin.zoo_arguments import check_schedules

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
