from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3 import DQN

from sb3_hpo.training_length import EVALUATIONS, SHORTEST, affordable_length, measured_seconds
from sb3_hpo.verdict_time import ENOUGH
from tests.tasks import FakeTask, FakeTraining, cartpole

if TYPE_CHECKING:
    from collections.abc import Callable

    from stable_baselines3.common.base_class import BaseAlgorithm


@pytest.mark.parametrize(
    ("n_timesteps", "seconds", "length"),
    [
        (50_000, 43.0, 50_000),  # Two fast cores: 2,400 seconds are worth 55.
        (50_000, 60.0, 50_000),
        (50_000, 75.0, 40_000),
        (50_000, 90.0, 33_000),
        (50_000, 140.0, 21_000),
        (50_000, 1_000.0, 20_000),  # Too long in any case.
        (1_000_000, 75.0, 800_000),
        (7, 1_000.0, 2),
        (1, 1_000.0, 1),
    ],
)
def test_a_training_is_as_long_as_forty_of_it_fit_into_the_time(n_timesteps: int, seconds: float, length: int) -> None:
    assert affordable_length(n_timesteps, seconds, available=2_400.0) == length


@given(st.integers(1, 10**9), st.floats(1e-3, 1e6), st.floats(1.0, 1e7))
def test_a_length_is_within_its_bounds_and_worth_enough(n_timesteps: int, seconds: float, available: float) -> None:
    length = affordable_length(n_timesteps, seconds, available)
    assert 1 <= length <= n_timesteps
    assert length > 0.9 * SHORTEST * n_timesteps - 1
    worth = available / (seconds * length / n_timesteps)
    assert length == 1 or worth >= ENOUGH * (1 - 1e-9) or length <= SHORTEST * n_timesteps
    if length < n_timesteps:
        # No longer one of two digits would do.
        assert affordable_length(n_timesteps, seconds, 1.2 * available) >= length


class Clock:
    """Seconds that pass with environment steps alone.

    :param cost: ``n`` -> seconds of the ``n``-th step
    """

    def __init__(self, cost: Callable[[int], float] = lambda n: 1.0) -> None:
        self.now = 0.0
        self.n_steps = 0
        self.cost = cost

    def monotonic(self) -> float:
        return self.now

    def wrapper(self, env: gym.Env) -> gym.Env:
        clock = self

        class Ticking(gym.Wrapper):
            def step(self, action: Any) -> Any:
                clock.n_steps += 1
                clock.now += clock.cost(clock.n_steps)
                return super().step(action)

        return Ticking(env)


def timed(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr("sb3_hpo.training_length.time", SimpleNamespace(monotonic=clock.monotonic))


@pytest.mark.parametrize("seconds_per_step", [0.5, 1.0])
def test_a_twentieth_is_measured_and_the_whole_expected(
    monkeypatch: pytest.MonkeyPatch, seconds_per_step: float
) -> None:
    clock = Clock(lambda n: seconds_per_step)
    timed(monkeypatch, clock)
    task = FakeTask(n_timesteps=2_000, wrapper=clock.wrapper)
    seconds = measured_seconds(task.prepare(task.configuration), 1, longest=1e9)
    assert seconds == pytest.approx(EVALUATIONS * 2_000 * seconds_per_step)
    assert 100 <= clock.n_steps <= 110


class OffPolicy(FakeTraining):
    """DQN that fills its replay buffer for 300 steps first."""

    def create_model(self, seed: int) -> BaseAlgorithm:
        env = cartpole(1, seed, self.task.wrapper)
        return DQN("MlpPolicy", env, learning_starts=300, train_freq=10, seed=seed, device="cpu")


def test_steps_that_only_fill_a_replay_buffer_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(lambda n: 0.0 if n <= 300 else 2.0)
    timed(monkeypatch, clock)
    task = FakeTask(n_timesteps=1_000, wrapper=clock.wrapper)
    seconds = measured_seconds(OffPolicy(task, task.configuration), 1, longest=1e9)
    assert seconds == pytest.approx(EVALUATIONS * 1_000 * 2.0)
    assert 350 <= clock.n_steps <= 361


def test_what_learns_too_late_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    timed(monkeypatch, clock)
    task = FakeTask(n_timesteps=1_000, wrapper=clock.wrapper)
    assert measured_seconds(OffPolicy(task, task.configuration), 1, longest=100.0) is None
    assert clock.n_steps == 100
    short = FakeTask(n_timesteps=250, wrapper=clock.wrapper)
    assert measured_seconds(OffPolicy(short, short.configuration), 1, longest=1e9) is None


def test_measuring_takes_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    timed(monkeypatch, clock)
    task = FakeTask(n_timesteps=1_000_000, wrapper=clock.wrapper)
    seconds = measured_seconds(task.prepare(task.configuration), 1, longest=33.0)
    assert seconds == pytest.approx(EVALUATIONS * 1_000_000)
    assert clock.n_steps == 33


def test_environments_are_closed() -> None:
    closed: list[bool] = []

    class Closing(gym.Wrapper):
        def close(self) -> None:
            closed.append(True)
            super().close()

    task = FakeTask(n_timesteps=20, wrapper=Closing)
    measured_seconds(task.prepare(task.configuration), 1, longest=1e9)
    assert closed == [True]


def test_a_training_shorter_than_a_rollout_is_measured_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    timed(monkeypatch, clock)
    task = FakeTask(n_timesteps=3, wrapper=clock.wrapper)
    assert measured_seconds(task.prepare(task.configuration), 1, longest=1e9) == pytest.approx(EVALUATIONS * 3)
