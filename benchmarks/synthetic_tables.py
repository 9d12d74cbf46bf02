"""Tables of learning curves with a truth of our own making, so that no strategy is fitted to one table.

``python benchmarks/synthetic_tables.py FOLDER --seed 0`` writes one table of each kind. Configurations are random
points of the unit cube; what they reach falls off smoothly from one best point, some parameters mattering more than
others.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np

N_CONFIGURATIONS = 300
N_SEEDS = 5
N_EVALUATIONS = 100
LEARNS_BELOW = 0.65
"""Where configurations fall back, those of which the first parameter is higher learn nothing."""
TOP = 100.0
"""What the best configuration reaches."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """What makes a table easy or hard.

    :param n_parameters: columns
    :param narrowness: how fast what is reached falls off from the best point
    :param is_late: whether good configurations learn later than bad ones
    :param training_noise: spread between seeds, as a share of the top
    :param evaluation_noise: spread between evaluations of one training
    :param failure: probability that a training fails for no reason
    :param falls_back: whether all but the best configurations lose again what they had reached, as DQN on CartPole
        does: who is ahead at a fifth of a training says nothing about its end; a third learns nothing at all
    """

    n_parameters: int = 5
    narrowness: float = 2.0
    is_late: bool = False
    training_noise: float = 0.05
    evaluation_noise: float = 0.04
    failure: float = 0.0
    falls_back: bool = False


KINDS = {
    "smooth-5": Kind(),
    "smooth-10": Kind(n_parameters=10),
    "late": Kind(is_late=True),
    "noisy": Kind(training_noise=0.15, evaluation_noise=0.12),
    "failures": Kind(failure=0.3),
    "mostly-bad": Kind(narrowness=6.0),
    "falling-back": Kind(n_parameters=6, narrowness=0.8, training_noise=0.12, falls_back=True),
}


def create(kind: Kind, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """The arrays of a table."""
    points = generator.random((N_CONFIGURATIONS, kind.n_parameters))
    quality = _quality(kind, points, generator)
    if kind.falls_back:
        return _table(points, _falling_back(kind, points, quality, generator))
    progress = _late(quality, generator) if kind.is_late else _early(generator)
    noise = np.sqrt(np.maximum(quality, 0.05))[:, None]
    levels = quality[:, None] + kind.training_noise * noise * generator.normal(size=(N_CONFIGURATIONS, N_SEEDS))
    levels = np.where(generator.random(levels.shape) < kind.failure, 0.15 * levels, levels)
    fluctuation = kind.evaluation_noise * noise[:, :, None] * _correlated(generator)
    return _table(points, levels[:, :, None] * progress + fluctuation)


def _table(points: np.ndarray, curves: np.ndarray) -> dict[str, np.ndarray]:
    return {
        **{f"x{i}": points[:, i] for i in range(points.shape[1])},
        "seeds": np.arange(N_SEEDS),
        "mean_reward": (TOP * curves).astype(np.float32),
    }


def _falling_back(kind: Kind, points: np.ndarray, quality: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Learning curves as shares of the top, shape ``(n_configurations, n_seeds, n_evaluations)``."""
    noise = generator.normal(size=(N_CONFIGURATIONS, N_SEEDS))
    levels = np.clip(quality[:, None] + kind.training_noise * noise, 0.02, 1.0)[:, :, None]
    slowness = np.exp(0.4 * generator.normal(size=(N_CONFIGURATIONS, 1, 1)))
    rise = (0.04 + 0.05 * quality[:, None, None]) * slowness * _speed(generator)
    learned = 1.0 - np.exp(-((_time() / rise) ** 1.5))
    lost = (1.0 - levels) / (1.0 + np.exp(-(_time() - 0.42) / 0.12))
    fluctuation = _correlated(generator) * (0.04 + 0.22 * (1.0 - levels)) * learned
    curves = np.clip(learned * (1.0 - lost) + fluctuation, 0.02, 1.0)
    return np.where(points[:, :1, None] > LEARNS_BELOW, 0.04 + 0.01 * _correlated(generator), curves)


def _quality(kind: Kind, points: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """What each configuration reaches, from 0 to 1, shape ``(n_configurations,)``."""
    importance = generator.dirichlet(np.full(kind.n_parameters, 0.7))
    best = generator.uniform(0.15, 0.85, kind.n_parameters)
    distances = 12.0 * ((points - best) ** 2 @ importance)
    quality = np.exp(-kind.narrowness * distances)
    quality += 0.05 * generator.normal(size=len(quality)) * (quality > 0.1)
    scaled: np.ndarray = (quality - quality.min()) / np.ptp(quality)
    return scaled


def _early(generator: np.random.Generator) -> np.ndarray:
    """Share of its level that each training has reached, whatever its level."""
    return 1.0 - np.exp(-4.0 * _time() * _speed(generator))


def _late(quality: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """As :func:`_early`, but the better, the later."""
    middle = (0.1 + 0.55 * quality * generator.uniform(0.5, 1.0, len(quality)))[:, None, None] / _speed(generator)
    progress: np.ndarray = 1.0 / (1.0 + np.exp((middle - _time()) / 0.08))
    return progress


def _time() -> np.ndarray:
    return (np.arange(1, N_EVALUATIONS + 1) / N_EVALUATIONS)[None, None]


def _speed(generator: np.random.Generator) -> np.ndarray:
    of_configuration = 0.3 * generator.normal(size=(N_CONFIGURATIONS, 1, 1))
    speed: np.ndarray = np.exp(of_configuration + 0.15 * generator.normal(size=(N_CONFIGURATIONS, N_SEEDS, 1)))
    return speed


def _correlated(generator: np.random.Generator) -> np.ndarray:
    """Noise of which an evaluation shares half with the one before."""
    noise = generator.normal(size=(N_CONFIGURATIONS, N_SEEDS, N_EVALUATIONS))
    for i in range(1, N_EVALUATIONS):
        noise[:, :, i] = 0.5 * noise[:, :, i - 1] + np.sqrt(0.75) * noise[:, :, i]
    return noise


def main() -> None:
    """Write one table of each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for i, (name, kind) in enumerate(KINDS.items()):
        np.savez_compressed(args.folder / f"{name}.npz", **create(kind, np.random.default_rng([args.seed, i])))


if __name__ == "__main__":
    main()
