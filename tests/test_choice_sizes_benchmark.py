from __future__ import annotations

import pytest

from tests.benchmark_modules import benchmark


@pytest.fixture
def choice_sizes(monkeypatch: pytest.MonkeyPatch):
    with benchmark("choice_sizes", monkeypatch) as module:
        yield module


@pytest.mark.parametrize(
    ("n_trainings", "expected"),
    [
        (30, {"ours": 6, "6": 6, "15": 15}),
        (100, {"ours": 20, "6": 6, "15": 15, "30": 30}),
        (200, {"ours": 40, "6": 6, "15": 15, "30": 30, "60": 60}),
    ],
)
def test_a_choice_leaves_the_search_at_least_half(choice_sizes, n_trainings: int, expected: dict[str, int]) -> None:
    assert {kind: size.n_trainings for kind, size in choice_sizes.sizes(n_trainings).items()} == expected


def test_more_to_choose_by_is_a_smaller_search_and_a_surer_choice(choice_sizes, monkeypatch) -> None:
    """Without noise the larger search wins; with nothing but noise on the seed of the search, the larger choice."""
    from choosing import Scene

    def noisy_at_first(generator, size):
        worth = generator.normal(size=size.n_trials)
        noise = generator.normal(scale=5.0, size=size.n_trials)
        return Scene(worth, lambda i, seed: float(worth[i] + noise[i] * (seed == 0)), size.n_finalists)

    scenes = {"without noise": choice_sizes.SCENES["normal, noise 0.3"], "noisy at first": noisy_at_first}
    monkeypatch.setattr(choice_sizes, "SCENES", scenes)
    monkeypatch.setattr(choice_sizes, "N_TRAININGS", (60,))
    monkeypatch.setattr(choice_sizes, "FACTORS", (0.4, 2.0))
    sure, noisy = choice_sizes.measure(15, seed=1)
    assert sure["worth"]["6"] > sure["worth"]["30"]
    assert noisy["worth"]["30"] > noisy["worth"]["6"]
    assert choice_sizes.as_line(noisy).count("|") == 4 + len(choice_sizes.FACTORS)
    assert "(12)" in choice_sizes.as_line(noisy)
