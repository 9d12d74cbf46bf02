from __future__ import annotations

import pytest

from sb3_hpo.errors import MAX_NAMES_LISTED, UserError, one_line, unknown_name


def test_near_name_is_proposed() -> None:
    error = unknown_name("sampler", "tpee", ["random", "tpe"])
    assert isinstance(error, UserError)
    assert str(error) == "unknown sampler 'tpee': did you mean 'tpe'? known: random, tpe"


def test_without_a_near_name_the_known_ones_are_listed() -> None:
    assert str(unknown_name("pruner", "xyz", ["median", "halving"])) == "unknown pruner 'xyz': known: halving, median"


def test_long_list_is_cut_and_counted() -> None:
    names = [f"env-{n:03}" for n in range(MAX_NAMES_LISTED + 7)]
    message = str(unknown_name("environment", "?", names))
    assert f"env-{MAX_NAMES_LISTED - 1:03} and 7 more" in message
    assert f"env-{MAX_NAMES_LISTED:03}" not in message


def test_long_list_is_left_out_where_one_name_is_near() -> None:
    names = ["CartPole-v1", *(f"x{n}" for n in range(MAX_NAMES_LISTED))]
    assert str(unknown_name("environment", "CartPol-v1", names)).endswith("did you mean 'CartPole-v1'?")


def test_nothing_known() -> None:
    assert str(unknown_name("algorithm", "dqn", [])) == "unknown algorithm 'dqn': known: none"


@pytest.mark.parametrize(
    ("message", "expected"), [("a\nb", "a b"), ("  a \t\n\n b\r\n", "a b"), ("", ""), ("plain", "plain")]
)
def test_one_line(message: str, expected: str) -> None:
    assert one_line(ValueError(message)) == expected
