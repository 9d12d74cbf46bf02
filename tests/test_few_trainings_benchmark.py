from __future__ import annotations

import numpy as np
import pytest

from tests.benchmark_modules import benchmark


@pytest.fixture
def few_trainings(monkeypatch: pytest.MonkeyPatch):
    with benchmark("few_trainings", monkeypatch) as module:
        yield module


def test_every_split_spends_all_trainings_and_only_several_finalists_are_chosen_among(few_trainings) -> None:
    splits = few_trainings.splits(8)
    assert (1, 0, 4) in splits
    assert (2, 1, 3) in splits
    assert (2, 2, 2) in splits
    assert (4, 1, 2) in splits
    for n_finalists, n_selection, n_validation in splits:
        assert n_finalists * n_selection + 2 * n_validation == 8
        assert (n_finalists > 1) == (n_selection > 0)


def test_what_always_succeeds_is_chosen_and_taken(few_trainings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(few_trainings, "CLASSES", {1.0: 0.5, 0.0: 0.5})
    monkeypatch.setattr(few_trainings, "DEFAULT_SUCCEEDS", 0.0)
    generator = np.random.default_rng(0)
    among_four = [few_trainings.spend(few_trainings.Split(4, 1, 4), generator) for _ in range(60)]
    assert 0.85 <= np.mean(among_four) <= 1.0  # One of four is such a one in 94 %.
    one = [few_trainings.spend(few_trainings.Split(1, 0, 4), generator) for _ in range(60)]
    assert 0.3 <= np.mean(one) <= 0.7


def test_what_always_fails_is_not_taken(few_trainings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(few_trainings, "CLASSES", {0.0: 1.0})
    monkeypatch.setattr(few_trainings, "DEFAULT_SUCCEEDS", 1.0)
    assert few_trainings.spend(few_trainings.Split(2, 1, 3), np.random.default_rng(0)) == 1.0
