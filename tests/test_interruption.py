from __future__ import annotations

import contextlib
import os
import signal

import pytest

from sb3_hpo import interruption
from sb3_hpo.interruption import Deadline, StopSignal

BOTH_SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(interruption, "time", clock)
    return clock


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@BOTH_SIGNALS
def test_signal_is_a_request_and_no_exception(clock: Clock, number: int) -> None:
    with StopSignal() as stop:
        assert (stop.is_pending, stop.exit_code) == (False, 0)
        send(number)
        assert stop.is_pending
        assert stop.received == number
        assert stop.exit_code == 128 + number


@BOTH_SIGNALS
def test_second_signal_ends_at_once(clock: Clock, number: int) -> None:
    with StopSignal() as stop:
        send(signal.SIGINT)
        clock.now += 60.0
        with pytest.raises(KeyboardInterrupt):
            send(number)
        assert stop.is_pending


def test_signal_after_the_first_was_heeded_is_a_request_again(clock: Clock) -> None:
    with StopSignal() as stop:
        send(signal.SIGINT)
        stop.heed()
        assert not stop.is_pending
        assert stop.exit_code == 130
        clock.now += 60.0
        send(signal.SIGTERM)
        assert stop.is_pending
        assert stop.exit_code == 143


def test_signal_sent_twice_at_once_counts_once(clock: Clock) -> None:
    with StopSignal() as stop:
        send(signal.SIGINT)
        clock.now += interruption.ECHO_S / 2
        send(signal.SIGINT)
        assert stop.is_pending


def test_echoes_do_not_put_off_the_end(clock: Clock) -> None:
    """The time of an echo is counted from the first signal, not from the last echo."""
    with StopSignal():
        send(signal.SIGINT)
        clock.now += 0.7 * interruption.ECHO_S
        send(signal.SIGINT)
        clock.now += 0.7 * interruption.ECHO_S
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_former_reactions_come_back_even_after_an_error() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with contextlib.suppress(ValueError), StopSignal():
        assert signal.getsignal(signal.SIGINT) != before[0]
        raise ValueError
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_deadline(clock: Clock) -> None:
    deadline = Deadline(60.0)
    assert (deadline.seconds_left, deadline.is_over) == (60.0, False)
    clock.now += 59.5
    assert (deadline.seconds_left, deadline.is_over) == (0.5, False)
    clock.now += 0.5
    assert (deadline.seconds_left, deadline.is_over) == (0.0, True)
    clock.now += 10.0
    assert (deadline.seconds_left, deadline.is_over) == (0.0, True)


def test_no_deadline(clock: Clock) -> None:
    deadline = Deadline(None)
    clock.now += 1e9
    assert (deadline.seconds_left, deadline.is_over) == (None, False)
