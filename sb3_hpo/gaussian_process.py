"""A Gaussian process that smooths the noisy scores of trials. Pure numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sb3_hpo.scores import FloatArray

LENGTH_SCALES = (0.1, 0.2, 0.4, 0.8, 1.6)
NOISE_TO_SIGNAL = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
MIN_TRIALS = 5
"""With fewer trials there is nothing to learn a length scale from."""


def posterior_mean(points: FloatArray, scores: FloatArray) -> FloatArray:
    r"""What the scores of all trials together say about the score of each.

    :math:`K (K + \\sigma_n^2 I)^{-1} y` (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006,
    equation 2.25) with standardized scores and a Matérn 5/2 kernel (4.17) of one length scale. Length scale and noise
    are those of a small grid that make the scores likeliest (5.8), the signal's variance being solved for.

    :param points: trials in the unit cube, shape ``(n_trials, n_dimensions)``
    :param scores: shape ``(n_trials,)``
    :return: shape ``(n_trials,)``; the scores themselves with fewer than :data:`MIN_TRIALS` trials or all equal
    """
    spread = float(scores.std())
    if len(scores) < MIN_TRIALS or spread == 0.0:
        return np.array(scores)
    y = (scores - scores.mean()) / spread
    distances = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=-1))
    fits = [fit for scale in LENGTH_SCALES for fit in _fits(_matern(distances / scale), y)]
    _, mean = max(fits, key=lambda fit: fit[0])
    smoothed: FloatArray = scores.mean() + spread * mean
    return smoothed


def _fits(kernel: FloatArray, y: FloatArray) -> list[tuple[float, FloatArray]]:
    """Log likelihood and posterior mean for each noise of the grid."""
    eigenvalues, vectors = np.linalg.eigh(kernel)
    eigenvalues = np.maximum(eigenvalues, 0.0)
    projected = vectors.T @ y
    fits = []
    for noise in NOISE_TO_SIGNAL:
        total = eigenvalues + noise
        signal_variance = np.mean(projected**2 / total)
        log_likelihood = -0.5 * (len(y) * np.log(signal_variance) + np.log(total).sum())
        fits.append((float(log_likelihood), vectors @ (eigenvalues / total * projected)))
    return fits


def _matern(distances: FloatArray) -> FloatArray:
    scaled = np.sqrt(5.0) * distances
    kernel: FloatArray = (1.0 + scaled + scaled**2 / 3.0) * np.exp(-scaled)
    return kernel
