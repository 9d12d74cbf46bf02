from __future__ import annotations

import numpy as np
import pytest

from tests.benchmark_modules import benchmark


@pytest.fixture
def choosing(monkeypatch: pytest.MonkeyPatch):
    with benchmark("choosing", monkeypatch) as module:
        yield module


def test_each_choice_has_the_trainings_that_it_is_allowed(choosing) -> None:
    drawn: list[int] = []

    def train(i: int, seed: int) -> float:
        drawn.append(i)
        return float(np.random.default_rng(len(drawn)).normal(i, 5.0))

    for choose in choosing.CHOICES.values():
        scene = choosing.Scene(np.arange(20.0), train)
        drawn.clear()
        choose(scene, 12)
        assert 10 <= len(drawn) <= 12


def test_every_choice_is_measured_on_the_same_searches(choosing, monkeypatch) -> None:
    monkeypatch.setattr(choosing, "SCENES", {"without noise": choosing.normal(0.0)})
    (row, *others) = list(choosing.measure(3, seed=1))
    assert [other["n_trainings"] for other in (row, *others)] == list(choosing.N_TRAININGS)
    # Without noise the best of the search is the best.
    assert len(set(row["worth"].values())) == 1
    assert choosing.as_line(row).count("|") == 3 + len(choosing.CHOICES)


def test_with_easier_seeds_the_choice_is_not_by_the_easy_one(choosing, monkeypatch) -> None:
    """The first seed adds 100 to all; three are trained on others, and of the rest nothing else is known."""
    scene = choosing.Scene(np.arange(20.0), lambda i, seed: float(i) + 100.0 * (seed == choosing.SEEDS[0]))
    assert choosing.CHOICES["the two that lead"](scene, 3) == 0
    assert choosing.CHOICES["as scored"](scene, 3) > 2
    draw = choosing.normal(0.0, of_seeds=1.0)
    scene = draw(np.random.default_rng(0), choosing.Size())
    scene.complete([(candidate, seed) for candidate in scene.finalists for seed in choosing.SEEDS])
    first, second = (np.array(scene.scores(candidate, choosing.SEEDS)) for candidate in scene.finalists[:2])
    assert np.ptp(first) > 0
    assert first - second == pytest.approx(np.full(len(choosing.SEEDS), scene.worth[0] - scene.worth[1]))


def test_who_leads_does_not_fall_behind_for_a_hard_seed(choosing) -> None:
    """A seed adds thirty times as much to all as one training differs from the next."""
    draw = choosing.normal(0.1, of_seeds=3.0)
    lost: dict[str, list[float]] = {choosing.OURS: [], "seeds as any other": []}
    for choice, values in lost.items():
        for seed in range(30):
            scene = draw(np.random.default_rng(seed), choosing.Size())
            values.append(max(scene.worth) - scene.worth[choosing.CHOICES[choice](scene, 10)])
    assert max(lost[choosing.OURS]) < 0.1
    assert max(lost["seeds as any other"]) > 0.5
