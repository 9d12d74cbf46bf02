from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sb3_hpo.gaussian_process import MIN_TRIALS, posterior_mean


def test_noise_is_smoothed_away() -> None:
    generator = np.random.default_rng(0)
    points = generator.random((60, 2))
    truth = 100.0 * np.exp(-3.0 * ((points - 0.5) ** 2).sum(axis=1))
    scores = truth + 20.0 * generator.normal(size=60)
    smoothed = posterior_mean(points, scores)
    assert np.abs(smoothed - truth).mean() < 0.5 * np.abs(scores - truth).mean()


def test_scores_without_noise_are_kept() -> None:
    points = np.linspace(0.0, 1.0, 20)[:, None]
    scores = np.sin(3.0 * points[:, 0])
    assert posterior_mean(points, scores) == pytest.approx(scores, abs=0.05)


@pytest.mark.parametrize("scores", [[1.0, 5.0, 2.0, 3.0], [7.0] * 10])
def test_nothing_to_learn_from_leaves_the_scores(scores: list[float]) -> None:
    assert len(scores) < MIN_TRIALS or len(set(scores)) == 1
    points = np.random.default_rng(0).random((len(scores), 3))
    assert posterior_mean(points, np.asarray(scores)).tolist() == scores


@given(st.floats(-1e4, 1e4), st.floats(0.1, 1e4))
def test_mean_shifts_and_scales_with_the_scores(shift: float, scale: float) -> None:
    generator = np.random.default_rng(1)
    points, scores = generator.random((15, 3)), generator.normal(size=15)
    expected = scale * posterior_mean(points, scores) + shift
    assert posterior_mean(points, scale * scores + shift) == pytest.approx(expected, rel=1e-6, abs=1e-6 * scale)


def test_repeated_point_takes_the_mean_of_its_scores() -> None:
    points = np.array([[0.1]] * 4 + [[0.9]] * 4)
    scores = np.array([1.0, 3, 2, 2, 8, 9, 7, 8])
    smoothed = posterior_mean(points, scores)
    assert np.ptp(smoothed[:4]) == pytest.approx(0.0, abs=1e-6)
    assert smoothed[4] > smoothed[0]
