from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sb3_hpo.seeds import (
    bootstrap_generator,
    evaluation_seed,
    repetition_seed,
    sampler_seed,
    selection_seeds,
    tuning_seeds,
    validation_seeds,
)

SEEDS = st.integers(0, 2**32)
COUNTS = st.integers(0, 30)


@given(SEEDS, COUNTS, COUNTS)
def test_validation_seeds_are_never_tuning_seeds(seed: int, n_tuning: int, n_validation: int) -> None:
    tuning = tuning_seeds(seed, n_tuning)
    validation = validation_seeds(seed, n_validation, never=tuning)
    assert len(set(tuning)) == n_tuning
    assert len(set(validation)) == n_validation
    assert not set(tuning) & set(validation)


@given(SEEDS, COUNTS)
def test_excluded_seeds_are_replaced_and_the_others_stay(seed: int, n_seeds: int) -> None:
    free = validation_seeds(seed, n_seeds, never=[])
    never = free[::2]
    replaced = validation_seeds(seed, n_seeds, never=never)
    assert not set(replaced) & set(never)
    assert [s for s in replaced if s in free] == free[1::2]


@given(SEEDS, COUNTS, COUNTS)
def test_more_seeds_extend_fewer(seed: int, n_seeds: int, n_more: int) -> None:
    never = tuning_seeds(seed, 2)
    assert tuning_seeds(seed, n_seeds + n_more)[:n_seeds] == tuning_seeds(seed, n_seeds)
    longer = validation_seeds(seed, n_seeds + n_more, never=never)
    assert longer[:n_seeds] == validation_seeds(seed, n_seeds, never=never)


@given(SEEDS, COUNTS)
def test_seeds_that_choose_are_not_those_that_judge(seed: int, n_seeds: int) -> None:
    others = [*tuning_seeds(seed, 3), *validation_seeds(seed, n_seeds, never=[])]
    assert not set(selection_seeds(seed, n_seeds, never=[])) & set(others)
    assert not set(selection_seeds(seed, n_seeds, never=others[::2])) & set(others)


@given(SEEDS)
def test_seeds_are_plain_and_leave_room_for_the_rank_of_an_environment(seed: int) -> None:
    for drawn in [*tuning_seeds(seed, 3), evaluation_seed(seed), sampler_seed(seed, 0)]:
        assert type(drawn) is int
        assert 0 <= drawn < 2**31
        np.random.RandomState(drawn + 1_000)


def test_another_seed_gives_other_seeds() -> None:
    assert not set(tuning_seeds(0, 20)) & set(tuning_seeds(1, 20))


def test_evaluation_does_not_replay_the_training_environment() -> None:
    assert evaluation_seed(7) == evaluation_seed(7) != 7
    assert evaluation_seed(7) != evaluation_seed(8)


def test_sampler_draws_otherwise_in_a_resumed_study() -> None:
    assert sampler_seed(0, 5) == sampler_seed(0, 5)
    assert len({sampler_seed(seed, n_trials) for seed in range(3) for n_trials in range(20)}) == 60


@pytest.mark.parametrize(("seed", "same"), [(3, True), (4, False)])
def test_bootstrap_generator_is_fixed_by_its_seed(seed: int, same: bool) -> None:
    draws = bootstrap_generator(3).integers(1_000, size=20)
    assert (draws == bootstrap_generator(seed).integers(1_000, size=20)).all() == same


def test_repetitions_have_seeds_of_their_own() -> None:
    seeds = [repetition_seed(seed, repetition) for seed in (0, 1) for repetition in range(20)]
    assert len(set(seeds)) == 40
    assert repetition_seed(1, 3) == seeds[23]
