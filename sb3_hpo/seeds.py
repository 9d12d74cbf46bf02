"""Seeds: what the search trains on, what chooses its winner, what judges it, and what the sampler draws from.

Never the same ones.
"""

from __future__ import annotations

import numpy as np

_TUNING, _VALIDATION, _EVALUATION, _SAMPLER, _BOOTSTRAP, _SELECTION, _RESUME, _REPETITION = range(8)

_MAX_SEED = 2**31 - 1
"""numpy, torch and Gymnasium all take seeds up to this one, with room for the rank of a parallel environment."""


def tuning_seeds(seed: int, n_seeds: int) -> list[int]:
    """The seeds that every trial is trained on, in order: the same for every trial of a study.

    A longer list begins with the shorter one, so that more seeds extend a comparison rather than change it.
    """
    return _distinct_seeds(seed, _TUNING, n_seeds)


def validation_seeds(seed: int, n_seeds: int, *, never: list[int]) -> list[int]:
    """The seeds that judge a finalist and the default, none of them in ``never`` (seeds used for anything before)."""
    return _other_seeds(seed, _VALIDATION, n_seeds, never)


def selection_seeds(seed: int, n_seeds: int, *, never: list[int]) -> list[int]:
    """The seeds that choose among the finalists, none of them in ``never`` (the tuning and validation seeds)."""
    return _other_seeds(seed, _SELECTION, n_seeds, never)


def evaluation_seed(training_seed: int) -> int:
    """The seed of the evaluation environment that goes with a training seed."""
    return _distinct_seeds(training_seed, _EVALUATION, 1)[0]


def resume_seed(training_seed: int, n_timesteps: int) -> int:
    """The seed of a training that goes on after it paused at ``n_timesteps`` environment steps."""
    return _distinct_seeds(training_seed, _RESUME, 1, n_timesteps)[0]


def sampler_seed(seed: int, first_trial: int) -> int:
    """The sampler's seed for a worker whose first trial has the number ``first_trial`` in its study.

    No two workers of a study share a number, nor does one that goes on with it later: none repeats what another drew.
    """
    return _distinct_seeds(seed, _SAMPLER, 1, first_trial)[0]


def repetition_seed(seed: int, repetition: int) -> int:
    """The seed of a search that is one of several like it: ``repetition`` counts them from 0."""
    return _distinct_seeds(seed, _REPETITION, 1, repetition)[0]


def bootstrap_generator(seed: int) -> np.random.Generator:
    """The generator that intervals are bootstrapped with: the same seed and data give the same interval."""
    return np.random.default_rng([seed, _BOOTSTRAP])


def _other_seeds(seed: int, purpose: int, n_seeds: int, never: list[int]) -> list[int]:
    candidates = _distinct_seeds(seed, purpose, n_seeds + len(never))
    return [s for s in candidates if s not in never][:n_seeds]


def _distinct_seeds(seed: int, purpose: int, n_seeds: int, *more: int) -> list[int]:
    generator = np.random.default_rng([seed, purpose, *more])
    seeds: dict[int, None] = {}
    while len(seeds) < n_seeds:
        seeds[int(generator.integers(_MAX_SEED))] = None
    return list(seeds)
