from __future__ import annotations

import json
import sys

import pytest

from tests.benchmark_modules import benchmark


@pytest.fixture
def tied_trials(monkeypatch: pytest.MonkeyPatch):
    with benchmark("tied_trials", monkeypatch) as module:
        yield module


def simulated(tied_trials, max_seeds: int, n_trainings: int = 30, n_choosing: int = 6, succeeds: float | None = None):
    """A tuning that was run, and how many trainings it drew."""
    tuning = tied_trials.Tuning(0.5, tied_trials.Spending(n_trainings, n_choosing, max_seeds), 3)
    drawn = []
    draw = tuning._draw
    tuning._draw = lambda share: drawn.append(share) or draw(share)
    if succeeds is not None:
        tuning._succeeds = lambda params: succeeds
    tuning.run()
    return tuning, drawn


@pytest.mark.parametrize("max_seeds", [1, 3])
def test_no_more_trainings_are_drawn_than_there_are(tied_trials, max_seeds: int) -> None:
    tuning, drawn = simulated(tied_trials, max_seeds)
    assert 15 <= len(drawn) <= 30 + max_seeds - 1  # The last trial of the search goes on as long as it may.
    chosen = sum(1 for name, _ in tuning._scores)
    assert chosen <= 6


@pytest.mark.parametrize(("max_seeds", "succeeds", "expected"), [(3, 1.0, 3), (1, 1.0, 1), (3, 0.11, 1)])
def test_trials_get_the_seeds_that_the_rule_of_the_project_gives(
    tied_trials, monkeypatch: pytest.MonkeyPatch, max_seeds: int, succeeds: float, expected: int
) -> None:
    monkeypatch.setattr(tied_trials, "FAILED", (10.0, 450.0) if succeeds == 1.0 else (10.0, 11.0))
    tuning, _ = simulated(tied_trials, max_seeds, n_trainings=14, succeeds=succeeds)
    numbers = [len(trial.user_attrs["runs"]) for trial in tuning._study.trials]
    if succeeds == 1.0:
        assert numbers[0] == 1  # There is none that it could share the best score with.
        assert set(numbers[1:]) == {expected}
    else:
        values = [trial.value for trial in tuning._study.trials]
        assert all(n == expected for n, value in zip(numbers, values, strict=True) if value < 11.0)


def test_chosen_is_nine_of_ten_as_the_binomial_distribution_says(tied_trials) -> None:
    assert tied_trials.holds(1.0) == 1.0
    assert tied_trials.holds(0.9) == pytest.approx(0.7361, abs=1e-4)


def test_further_seeds_help_where_trainings_succeed_or_fail(tied_trials, monkeypatch, tmp_path, capsys) -> None:
    one, three = tied_trials.Spending(62, 14, 1), tied_trials.Spending(62, 14, 3)
    monkeypatch.setattr(tied_trials, "SPENDINGS", (one, three))
    monkeypatch.setattr(tied_trials, "STEEP", (2.0,))
    file = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", ["tied_trials.py", "--repetitions", "12", "--json", str(file)])
    tied_trials.main()
    content = json.loads(file.read_text(encoding="utf-8"))
    by_seeds = {row["max_seeds"]: row["nine_of_ten"] for row in content["rows"]}
    assert by_seeds[3] > by_seeds[1]
    assert f"| 2 | 62 | 14 | 3 | {content['rows'][1]['succeeds']:.1%}" in capsys.readouterr().out
    assert (content["repetitions"], content["command"]) == (12, f"tied_trials.py --repetitions 12 --json {file}")
