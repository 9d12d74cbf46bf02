from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sb3_hpo.transforms import (
    FractionOf,
    Identity,
    Named,
    OneMinus,
    OutsideSpaceError,
    PowerOfTwo,
    Schedule,
    Transform,
)

NETS = Named({"small": [64, 64], "big": [400, 300]})
GATHERED = {"train_freq": 16, "learning_rate": 0.001}


@pytest.mark.parametrize(
    ("transform", "value", "argument"),
    [
        (Identity(), 3, 3),
        (Identity(), "a", "a"),
        (Identity(), None, None),
        (OneMinus(), 0.25, 0.75),
        (PowerOfTwo(), 0, 1),
        (PowerOfTwo(), 8, 256),
        (FractionOf("train_freq"), 0.25, 4),
        (FractionOf("train_freq"), 1.0, 16),
        (NETS, "big", [400, 300]),
        (Schedule("learning_rate"), "linear", "lin_0.001"),
        (Schedule("learning_rate"), "constant", 0.001),
    ],
)
def test_there_and_back(transform: Transform, value: object, argument: object) -> None:
    assert transform.forward(value, GATHERED) == argument
    assert transform.backward(argument, GATHERED) == value


@pytest.mark.parametrize(
    ("transform", "argument", "value"),
    [
        (Identity(), "lin_2.3e-3", 2.3e-3),
        (FractionOf("train_freq"), -1, 1.0),
        (OneMinus(), 0.9999, pytest.approx(1e-4)),
        (PowerOfTwo(), 64.0, 6),
        (Schedule("learning_rate"), "lin_2.3e-3", "linear"),
    ],
)
def test_other_ways_to_write_an_argument_are_read(transform: Transform, argument: object, value: object) -> None:
    assert transform.backward(argument, GATHERED) == value


@pytest.mark.parametrize(
    ("transform", "argument"),
    [
        (Identity(), [1]),
        (Identity(), "lin_fast"),
        (OneMinus(), "high"),
        (OneMinus(), None),
        (OneMinus(), True),
        (PowerOfTwo(), 48),
        (PowerOfTwo(), 0),
        (PowerOfTwo(), -4),
        (PowerOfTwo(), 0.3),
        (PowerOfTwo(), math.nan),
        (PowerOfTwo(), math.inf),
        (PowerOfTwo(), [1, "episode"]),
        (FractionOf("train_freq"), "all"),
        (NETS, [64]),
        (NETS, None),
    ],
)
def test_argument_that_no_value_gives_is_outside(transform: Transform, argument: object) -> None:
    with pytest.raises(OutsideSpaceError):
        transform.backward(argument, GATHERED)


def test_fraction_is_at_least_one_step() -> None:
    assert FractionOf("train_freq").forward(0.25, {"train_freq": 1}) == 1


@given(st.floats(0.5, 1.0))
def test_gamma_survives_exactly(gamma: float) -> None:
    transform = OneMinus()
    assert transform.forward(transform.backward(gamma, {}), {}) == gamma


@given(st.floats(1e-6, 1.0))
def test_schedule_keeps_every_digit(initial: float) -> None:
    written = Schedule("learning_rate").forward("linear", {"learning_rate": initial})
    assert Identity().backward(written, {}) == initial


def test_unknown_name_is_refused() -> None:
    with pytest.raises(OutsideSpaceError, match="'huge' is none of small, big"):
        NETS.forward("huge", {})
