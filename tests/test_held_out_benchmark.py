from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from sb3_hpo.tables.curve_table import CurveTable
from tests.benchmark_modules import benchmark


@pytest.fixture
def held_out(monkeypatch: pytest.MonkeyPatch):
    with benchmark("held_out", monkeypatch) as module:
        yield module


def table(n_configurations: int = 24, n_seeds: int = 4) -> CurveTable:
    """All end at a ceiling of 500; later ones were there for longer."""
    curves = np.full((n_configurations, n_seeds, 20), 500.0)
    for i in range(n_configurations):
        curves[i, :, 1 : 18 - i // 2] = 100.0
        curves[i, :, 0] = 10.0 * i
    return CurveTable({"x": np.arange(float(n_configurations))}, curves, np.full((n_configurations, n_seeds), 500.0))


def test_judged_are_seeds_that_chose_nothing(held_out) -> None:
    curves = table()
    for held in range(4):
        curves.final[:] = 500.0
        curves.final[:, held] = np.arange(24.0)
        columns = np.array([*(seed for seed in range(4) if seed != held), held])
        search = held_out.Search(held_out.Trainings(curves), np.arange(24), columns, 2)
        search.complete([(candidate, seed) for candidate in search.finalists for seed in (0, 1, 2)])
        shown = [score for candidate in search.finalists for score in search.scores(candidate, [0, 1, 2])]
        assert set(shown) == {500.0}
        assert search.worth == [float(i) for i in range(23, 15, -1)]


def test_late_means_are_of_the_same_trainings_as_the_scores(held_out) -> None:
    curves = table()
    curves.final[:] = np.arange(24.0)[:, None] + 0.25 * np.arange(4)
    trainings = held_out.Trainings(curves)
    search = held_out.Search(trainings, np.arange(24), np.array([3, 1, 0, 2]), 2)
    candidate = search.finalists[2]
    search.complete([(candidate, 1)])
    (_, score) = search.scores(candidate, [0, 1, 2])
    (row,) = np.flatnonzero(curves.final[:, 1] == score)
    assert search.late_means(candidate, [0, 1, 2]) == [trainings.late[row, 3], trainings.late[row, 1]]


def test_rankings_differ_where_scores_say_nothing(held_out) -> None:
    """Two of the rankings look at late means alone, at a ceiling; without one, one of these goes by the scores."""
    curves = table()
    curves.final[:, 3] = 400.0 + np.arange(24.0)  # Of the seeds, this one judges in a quarter of the searches.
    (one, two) = held_out.measure(curves, 12, seed=0)
    assert [one["selection_seeds"], two["selection_seeds"]] == [1, 2]
    assert one["more"][held_out.OURS] == 0.0
    assert one["more"]["late means"] == one["more"]["late means at a ceiling"]
    # Whoever has the highest score, on its own, was there last.
    no_ceiling = CurveTable(curves.columns, curves.curves - np.arange(24.0)[:, None, None], curves.final)
    (one, _) = held_out.measure(no_ceiling, 12, seed=0)
    assert one["more"]["late means"] > 0.0
    assert one["more"]["late means at a ceiling"] == 0.0


def test_the_command_prints_and_keeps_what_it_measured(held_out, tmp_path, monkeypatch, capsys) -> None:
    np.savez(tmp_path / "steps.npz", mean_reward=table().curves, seeds=np.arange(4), x=np.arange(24.0))
    words = [str(tmp_path / "steps.npz"), "--repetitions", "2", "--json", str(tmp_path / "found.json")]
    monkeypatch.setattr(sys, "argv", ["held_out.py", *words])
    held_out.main()
    assert "| steps | 2 | 500.0 ± 0.0 | +0.00 ± 0.00 |" in capsys.readouterr().out
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert [row["selection_seeds"] for row in found["rows"]] == [1, 2]
    np.savez(tmp_path / "steps.npz", mean_reward=table(n_seeds=2).curves, seeds=np.arange(2), x=np.arange(24.0))
    with pytest.raises(SystemExit):
        held_out.main()
    assert "steps has 2 seeds, it takes 3 to 6" in capsys.readouterr().err
