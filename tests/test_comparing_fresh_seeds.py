"""What the searches found, on fresh seeds: a stand-in for the trainings."""

from __future__ import annotations

from typing import Any

import pytest

from sb3_hpo.candidates import Candidate
from sb3_hpo.comparing.fresh_seeds import Judging
from sb3_hpo.display import Display
from sb3_hpo.training_queue import Trained
from tests.tasks import FakeTask

CANDIDATES = [Candidate(i, float(i), {"level": i}, is_default=False) for i in range(1, 4)]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Level and seed of every training; one of the level 2 fails with the second seed."""
    done: list[tuple[int, int]] = []

    def train(task: object, configuration: Any, seed: int, n_episodes: int, interrupted: object) -> Trained:
        done.append((configuration["level"], seed))
        if done[-1] == (2, 8):
            raise ValueError("broken")
        return Trained(10.0 * configuration["level"] + seed, 200)

    monkeypatch.setattr("sb3_hpo.comparing.fresh_seeds.train_and_evaluate", train)
    return done


def judging(storage: Any, interrupted: Any = lambda: False) -> Judging:
    return Judging(storage, "compared", FakeTask(), [7, 8, 9], interrupted, Display())


def test_training_that_fails_is_worth_the_least_of_all_and_ends_its_configuration(storage, trained, capsys) -> None:
    scores = judging(storage).scores(CANDIDATES)
    assert scores == {
        CANDIDATES[0].fingerprint: [17.0, 18.0, 19.0],
        CANDIDATES[1].fingerprint: [27.0, 17.0, 17.0],
        CANDIDATES[2].fingerprint: [37.0, 38.0, 39.0],
    }
    assert (2, 9) not in trained
    assert "on fresh seeds trial 2 failed: seed 8: ValueError: broken" in capsys.readouterr().out


def test_what_was_trained_is_not_trained_again(storage, trained, capsys) -> None:
    first, second = judging(storage), [CANDIDATES[0], CANDIDATES[2]]
    assert first.n_missing(second) == 6
    scores = first.scores(second[:1])
    assert judging(storage).n_missing(second) == 3
    assert judging(storage).scores(second) == {**(scores or {}), CANDIDATES[2].fingerprint: [37.0, 38.0, 39.0]}
    assert len(trained) == 6
    assert "2 configurations on 3 fresh seeds: 6 trainings, 3 of them done before" in capsys.readouterr().out


def test_stopped_before_the_end_there_are_no_scores(storage, trained, capsys) -> None:
    assert judging(storage, lambda: len(trained) >= 2).scores(CANDIDATES) is None
    assert "2 of 9 trainings are done; the same command goes on" in capsys.readouterr().out
