from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from sb3_hpo.tables.curve_table import CurveTable

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
N_CONFIGURATIONS = 30


@pytest.fixture
def what_predicts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import what_predicts

    yield what_predicts
    for name in ("what_predicts", "scale_machine"):
        sys.modules.pop(name, None)


@pytest.fixture
def table() -> CurveTable:
    """At first all trainings are alike; from the middle on they show what they are worth, which their end denies."""
    worth = np.arange(float(N_CONFIGURATIONS))
    noise = np.random.default_rng(0).normal(size=(N_CONFIGURATIONS, 3, 10))
    curves = np.repeat(np.repeat(worth[:, None, None], 3, axis=1), 20, axis=2)
    curves[:, :, :10] = noise
    curves[:, :, -1] = -worth[:, None]
    final = np.repeat(worth[:, None], 3, axis=1)
    columns = {"schedule": np.where(worth % 2, "linear", "constant"), "rate": worth}
    return CurveTable(columns, curves, final)


def test_what_shows_the_truth_has_the_highest_correlation(what_predicts, table) -> None:
    rows = {row["shown"]: row for row in what_predicts.predictions(table, 20, seed=0)}
    assert rows["score last"]["tau"] == -1.0
    assert rows["agent at the end"]["tau"] == 1.0
    assert abs(rows["after 40%"]["tau"]) < 0.3
    assert rows["after 80%"]["tau"] > 0.9
    low, high = rows["after 40%"]["tau_ci95"]
    assert low < rows["after 40%"]["tau"] < high
    # The highest of ten numbers of 0 to 29, drawn without replacement, is 27.2 on average, and the lowest 1.8.
    assert rows["agent at the end"]["best_of_ten"] == pytest.approx(10 * 31 / 11 - 1, abs=0.6)
    assert rows["score last"]["best_of_ten"] == pytest.approx(31 / 11 - 1, abs=0.6)
    assert rows["score mean-last"]["more_than_ours"] == 0.0
    gain = rows["agent at the end"]["best_of_ten"] - rows["score mean-last"]["best_of_ten"]
    assert rows["agent at the end"]["more_than_ours"] == pytest.approx(gain)
    low, high = rows["score last"]["more_than_ours_ci95"]
    assert low < high < 0.0


def test_a_seed_is_compared_with_the_others_alone(what_predicts) -> None:
    assert what_predicts.others(np.array([[1.0, 2.0, 6.0]])) == pytest.approx(np.array([[4.0, 3.5, 1.5]]))


def test_of_equal_ones_the_other_number_decides(what_predicts) -> None:
    places = what_predicts.in_order(np.array([[5.0], [5.0], [1.0]]), np.array([[2.0], [1.0], [9.0]]))
    assert places.tolist() == [[2.0], [1.0], [0.0]]


def test_only_shares_that_fall_on_an_evaluation_are_looked_at(what_predicts, table) -> None:
    ten = CurveTable(table.columns, table.curves[:, :, ::2], table.final)
    assert list(what_predicts.early(ten)) == [0.1, 0.2, 0.4, 0.6, 0.8, 1.0]
    # Of six evaluations the second half are the last three.
    assert what_predicts.early(ten)[0.6] == pytest.approx(ten.curves[:, :, 3:6].mean(axis=2))


def test_choices_are_counted_and_averaged(what_predicts, table) -> None:
    constant, linear = what_predicts.choices(table, 20, seed=0)
    assert (constant["value"], constant["configurations"], constant["worth"]) == ("constant", 15, 14.0)
    assert (linear["value"], linear["configurations"], linear["worth"]) == ("linear", 15, 15.0)
    assert constant["in_the_best_quarter"] + linear["in_the_best_quarter"] == 8


def test_all_that_are_at_a_ceiling_are_among_the_best(what_predicts, table) -> None:
    capped = CurveTable(table.columns, table.curves, np.minimum(table.final, 15.0))
    constant, linear = what_predicts.choices(capped, 20, seed=0)
    assert (constant["in_the_best_quarter"], linear["in_the_best_quarter"]) == (7, 8)


def test_the_command_writes_a_table_a_file_and_a_picture(what_predicts, table, tmp_path, monkeypatch, capsys) -> None:
    path = tmp_path / "table.npz"
    np.savez(path, mean_reward=table.curves, final_reward=table.final, seeds=np.arange(3), **table.columns)
    words = [str(path), "--samples", "5", "--json", str(tmp_path / "it.json"), "--png", str(tmp_path / "it.png")]
    monkeypatch.setattr(sys, "argv", ["what_predicts.py", *words])
    what_predicts.main()
    assert "| score last | -1.00 [-1.00, -1.00] |" in capsys.readouterr().out
    kept = json.loads((tmp_path / "it.json").read_text(encoding="utf-8"))
    assert (kept["table"], kept["configurations"], kept["seeds"]) == ("table.npz", N_CONFIGURATIONS, 3)
    assert (tmp_path / "it.png").read_bytes().startswith(b"\x89PNG")


def test_one_seed_says_nothing_about_others(what_predicts, table, tmp_path, monkeypatch, capsys) -> None:
    path = tmp_path / "table.npz"
    np.savez(path, mean_reward=table.curves[:, :1], seeds=np.arange(1), **table.columns)
    monkeypatch.setattr(sys, "argv", ["what_predicts.py", str(path)])
    with pytest.raises(SystemExit, match="2"):
        what_predicts.main()
    assert "has 1 seed: what a training says about others takes two or more" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "message"), [(None, "No such file"), ("no table", "is never unpickled")])
def test_what_is_no_table_is_said_in_a_line(what_predicts, tmp_path, monkeypatch, capsys, content, message) -> None:
    path = tmp_path / "table.npz"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["what_predicts.py", str(path)])
    with pytest.raises(SystemExit, match="2"):
        what_predicts.main()
    assert message in capsys.readouterr().err
