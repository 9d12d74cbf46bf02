from __future__ import annotations

import optuna
import pytest

from sb3_hpo.errors import UserError
from sb3_hpo.samplers import SAMPLERS, check_sampler, create_sampler
from tests.tasks import SPACE


def samples(name: str, seed: int, n_startup_trials: int = 3, n_trials: int = 6) -> list[dict]:
    sampler = create_sampler(name, seed=seed, n_startup_trials=n_startup_trials)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(lambda trial: -abs(SPACE.suggest(trial)["learning_rate"] - 0.01), n_trials=n_trials)
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("name", SAMPLERS)
def test_seed_fixes_what_is_sampled(name: str) -> None:
    assert samples(name, seed=1) == samples(name, seed=1)
    assert samples(name, seed=1) != samples(name, seed=2)


def test_tpe_learns_after_as_many_trials_as_it_was_told() -> None:
    soon, late = samples("tpe", 0, n_startup_trials=3), samples("tpe", 0, n_startup_trials=100)
    assert soon[:3] == late[:3]
    assert soon[3] != late[3]


def test_random_never_learns() -> None:
    assert samples("random", 0, n_startup_trials=1) == samples("random", 0, n_startup_trials=100)


def test_unknown_sampler_is_refused_before_anything_is_built() -> None:
    with pytest.raises(UserError, match="unknown sampler 'tpee': did you mean 'tpe'"):
        check_sampler("tpee")
    with pytest.raises(UserError, match="unknown sampler 'tpee'"):
        create_sampler("tpee", seed=0, n_startup_trials=1)
