from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sb3_hpo.tables.curve_table import CurveTable
from tests.tables import grid_arrays

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.savez(tmp_path / "small.npz", **grid_arrays())
    return tmp_path / "small.npz"


@pytest.fixture
def table(path: Path) -> CurveTable:
    return CurveTable.read(path)


def test_columns_are_the_search_space(table) -> None:
    assert {parameter.name: parameter.distribution for parameter in table.space} == {
        "rate": IntDistribution(0, 3),
        "kind": CategoricalDistribution(["a", "b", "c"]),
    }
    assert [table.index(table.params(i)) for i in range(12)] == list(range(12))
    assert table.index({"rate": 2, "kind": "c"}) == 8


def test_run_that_ended_early_keeps_its_last_value(table) -> None:
    assert (table.curves[0, 0, 4:] == table.curves[0, 0, 4]).all()


def test_truth_is_the_mean_over_all_seeds_of_the_last_tenth(table) -> None:
    assert table.truth[8] == pytest.approx(table.curves[8, :, -3:].mean())
    assert table.regret[8] == 0.0
    assert table.regret.max() == 1.0


def test_point_between_configurations_stands_for_the_nearest() -> None:
    table = CurveTable(
        {"x": np.array([0.0, 1.0, 10.0]), "y": np.array([0.0, 3.0, 2.0])}, np.zeros((3, 1, 4)), np.zeros((3, 1))
    )
    assert table.space["x"].distribution == FloatDistribution(0.0, 10.0)
    assert [table.index(table.params(i)) for i in range(3)] == [0, 1, 2]
    assert table.index({"x": 3.0, "y": 2.9}) == 1


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": np.zeros(2)}, "mean_reward"),
        ({"mean_reward": np.zeros((2, 1, 4))}, "column of 2 values"),
        ({"mean_reward": np.zeros((2, 1, 4)), "x": np.zeros(3)}, "column of 2 values"),
    ],
)
def test_file_that_is_no_table(tmp_path: Path, arrays, words: str) -> None:
    np.savez(tmp_path / "no.npz", **arrays)
    with pytest.raises(ValueError, match=words):
        CurveTable.read(tmp_path / "no.npz")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut off"])
def test_file_that_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "no.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"is no \.npz file"):
        CurveTable.read(tmp_path / "no.npz")


def test_nothing_in_a_table_is_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "no.npz", **{**grid_arrays(), "kind": np.array([object()] * 12)})
    with pytest.raises(ValueError, match=r"no \.npz file of plain arrays"):
        CurveTable.read(tmp_path / "no.npz")


def test_seconds_are_read_and_a_run_that_ended_takes_none(tmp_path: Path) -> None:
    seconds = np.broadcast_to(np.arange(1.0, 21.0), (12, 3, 20)).copy()
    seconds[0, 0, 5:], seconds[1, 1] = np.nan, np.nan
    np.savez(tmp_path / "timed.npz", **{**grid_arrays(), "seconds": seconds})
    table = CurveTable.read(tmp_path / "timed.npz")
    assert table.seconds is not None
    assert table.seconds[0, 0, 4:].tolist() == [5.0] * 16
    assert not table.seconds[1, 1].any()
    arrays = {name: values for name, values in grid_arrays().items() if name != "seconds"}
    np.savez(tmp_path / "untimed.npz", **arrays)
    assert CurveTable.read(tmp_path / "untimed.npz").seconds is None


def test_full_grid_is_known(table: CurveTable) -> None:
    assert table.is_grid
    assert not CurveTable({"x": np.array([0.0, 1.0])}, np.zeros((3, 1, 4)), np.zeros((3, 1))).is_grid
