from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
from stable_baselines3 import DQN

from sb3_hpo import algorithms
from sb3_hpo.algorithms import ENTRY_POINT_GROUP, Algorithm, algorithm_names, get_algorithm
from sb3_hpo.errors import UserError
from sb3_hpo.spaces.dqn import SPACE

THIRD_PARTY = Algorithm("stable_baselines3:DQN", SPACE)
"""What a package of somebody else declares."""


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch):
    def declare(**values: str) -> None:
        points = [EntryPoint(name, value, ENTRY_POINT_GROUP) for name, value in values.items()]
        monkeypatch.setattr(algorithms, "entry_points", lambda group: [p for p in points if p.group == group])

    return declare


def test_dqn_is_found_by_its_entry_point() -> None:
    assert "dqn" in algorithm_names()
    algorithm = get_algorithm("dqn")
    assert algorithm.model_class is DQN
    assert algorithm.search_space is SPACE


def test_third_party_algorithm_counts_as_the_own_ones(declare) -> None:
    declare(mine=f"{__name__}:THIRD_PARTY", also=f"{__name__}:THIRD_PARTY")
    assert algorithm_names() == ["also", "mine"]
    assert get_algorithm("mine") is THIRD_PARTY


def test_model_may_be_given_as_a_class() -> None:
    assert Algorithm(DQN, SPACE).model_class is DQN


def test_unknown_algorithm_gets_the_near_name() -> None:
    with pytest.raises(UserError, match=r"unknown algorithm 'dqnn': did you mean 'dqn'\?"):
        get_algorithm("dqnn")


@pytest.mark.parametrize("value", ["no_such_package_at_all:ALGORITHM", "math:no_such_name"])
def test_declaration_that_cannot_be_loaded_is_named(declare, value: str) -> None:
    declare(broken=value)
    with pytest.raises(UserError, match=f"algorithm 'broken' cannot be loaded from '{value}'"):
        get_algorithm("broken")


def test_declaration_of_something_else_is_refused(declare) -> None:
    declare(broken="math:pi")
    with pytest.raises(UserError, match=r"'math:pi' is 3\.14.*, it must be an sb3_hpo.Algorithm"):
        get_algorithm("broken")
