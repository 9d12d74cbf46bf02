"""A small table of learning curves."""

from __future__ import annotations

import numpy as np


def grid_arrays() -> dict[str, np.ndarray]:
    """12 configurations on a grid, 3 seeds, 20 evaluations: what is reached is the product of the columns."""
    rates, choices = np.meshgrid([1e-4, 1e-3, 1e-2, 1e-1], ["a", "b", "c"], indexing="ij")
    level = np.outer([1.0, 3.0, 4.0, 2.0], [1.0, 2.0, 3.0]).ravel()
    noise = np.random.default_rng(0).normal(0.0, 0.05, (12, 3, 20))
    curves = level[:, None, None] * np.linspace(0.1, 1.0, 20) + noise
    curves[0, 0, 5:] = np.nan
    return {
        "rate": rates.ravel(),
        "kind": choices.ravel(),
        "constant": np.ones(12),
        "seeds": np.arange(3),
        "mean_reward": curves.astype(np.float32),
        "seconds": np.zeros((12, 3, 20)),
    }
