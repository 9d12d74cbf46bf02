"""Name -> Optuna sampler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna

from sb3_hpo.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.samplers import BaseSampler


def create_sampler(name: str, *, seed: int, n_startup_trials: int) -> BaseSampler:
    """The Optuna sampler of that name.

    :param name: one of :data:`SAMPLERS`
    :param seed: seed of the sampler's generator
    :param n_startup_trials: trials before the sampler starts to learn from them
    :raises UserError: for an unknown name
    """
    check_sampler(name)
    return SAMPLERS[name](seed, n_startup_trials)


def check_sampler(name: str) -> None:
    """Check a sampler's name.

    :raises UserError: for an unknown name
    """
    if name not in SAMPLERS:
        raise unknown_name("sampler", name, SAMPLERS)


def _random(seed: int, n_startup_trials: int) -> BaseSampler:
    return optuna.samplers.RandomSampler(seed=seed)


def _tpe(seed: int, n_startup_trials: int) -> BaseSampler:
    # Multivariate and with constant liar by default since Optuna 5.
    return optuna.samplers.TPESampler(n_startup_trials=n_startup_trials, seed=seed)


SAMPLERS: dict[str, Callable[[int, int], BaseSampler]] = {"random": _random, "tpe": _tpe}
