"""``sb3-hpo compare`` on a table, and what is wrong with a command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest

from sb3_hpo.compare_options import compare_parser
from sb3_hpo.comparing.plan import Plan, Search
from tests.integration.in_process import run_command
from tests.test_comparing_table_searches import make_table

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def verbosity():
    before = optuna.logging.get_verbosity()
    yield
    optuna.logging.set_verbosity(before)


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    table = make_table()
    np.savez(
        tmp_path / "small.npz", mean_reward=table.curves, seconds=table.seconds, seeds=np.arange(3), **table.columns
    )
    return tmp_path / "small.npz"


def compare(table_file: Path, *words: str) -> int:
    return run_command(["compare", "--table", str(table_file), "--n-jobs", "1", *words])


def test_table_gives_a_picture_and_numbers_that_the_seed_decides(table_file: Path, tmp_path: Path, capsys) -> None:
    contents = []
    for i, seed in enumerate(["3", "3", "4"]):
        picture, numbers = tmp_path / f"{i}.png", tmp_path / f"{i}.json"
        words = [
            "--budget",
            "5",
            "--repetitions",
            "3",
            "--seed",
            seed,
            "--output",
            str(picture),
            "--json",
            str(numbers),
        ]
        assert compare(table_file, *words) == 0
        contents.append((picture.read_bytes(), numbers.read_text()))
    assert contents[0] == contents[1] != contents[2]
    numbers = json.loads(contents[0][1])
    assert list(numbers["samplers"]) == ["grid", "random", "tpe"]
    assert numbers["plan"]["budget"] == 5
    of_tpe = numbers["samplers"]["tpe"]
    assert [len(values) for values in of_tpe["curves"]["steps"].values()] == [len(of_tpe["curves"]["steps"]["x"])] * 4
    assert len(of_tpe["true_score"]["of_each_repetition"]) == 3
    low, high = of_tpe["true_score"]["ci95"]
    assert low <= of_tpe["true_score"]["iqm"] <= high
    assert str(tmp_path) not in contents[0][1]
    printed = capsys.readouterr().out
    assert "small: the best of each search, on fresh seeds" in printed
    assert "best of the table" in printed
    assert "grid: 24 points" in printed


def test_evaluations_are_as_asked_and_make_it_another_comparison(tmp_path: Path, monkeypatch) -> None:
    made: list[tuple[str, int, int]] = []

    class Made:
        def __init__(self, task: object, space: object, plan: Plan, storage: object, name: str, *rest: object) -> None:
            settings = plan.settings(Search("tpe", 0))
            made.append((name, settings.n_evaluations, settings.n_eval_episodes))

        def run(self, stop: object) -> None:
            return None

    monkeypatch.setattr("sb3_hpo.task_comparison.TaskComparison", Made)
    command = ["compare", "--n-jobs", "1", "-f", str(tmp_path), "--storage", f"sqlite:///{tmp_path}/compared.db"]
    evaluations = ["--n-evaluations", "2"]
    for words in ([], evaluations, [*evaluations, "--eval-episodes", "1"], ["--n-evaluations", "20"]):
        assert run_command([*command, *words]) == 0
    assert [numbers[1:] for numbers in made] == [(20, 5), (2, 5), (2, 1), (20, 5)]
    names = [name for name, *_ in made]
    assert names[0] == names[3] == "compare_dqn_CartPole-v1_50000_none_seed-0"
    assert names[1:3] == [f"{names[0]}_2-evaluations", f"{names[0]}_2-evaluations_1-eval-episodes"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--env", "CartPole-v1"], "--env says nothing about a table"),
        (["--eval-episodes", "3"], "--eval-episodes says nothing about a table"),
        (["--timeout", "5m"], "--timeout says nothing about a table"),
        (["--samplers", "grid,randm"], "did you mean 'random'"),
        (["--budget", "0"], "--budget is 0"),
        (["--n-jobs", "0"], "--n-jobs is 0"),
        (["--output", "picture.gif"], "must end with one of .png"),
        (["--output", "small.npz/picture.png"], "cannot be written"),
        (["--pruner", "wilcoxon"], "pruner 'wilcoxon'"),
    ],
)
def test_mistakes_are_told_in_one_line(table_file: Path, tmp_path: Path, words, told, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert compare(table_file, *words) == 2
    message = capsys.readouterr().err
    assert told in message
    assert message.count("\n") == 1
    assert not (tmp_path / "compare.png").exists()


def test_numbers_are_kept_where_the_picture_cannot_be_written(table_file: Path, tmp_path: Path, capsys) -> None:
    picture, numbers = tmp_path / "picture.png", tmp_path / "numbers.json"
    picture.mkdir()
    words = ["--budget", "5", "--repetitions", "2", "--output", str(picture), "--json", str(numbers)]
    assert compare(table_file, *words) == 2
    assert f"'{picture}' cannot be written: Is a directory" in capsys.readouterr().err
    assert json.loads(numbers.read_text())["plan"]["budget"] == 5
    assert {path.name for path in tmp_path.iterdir()} == {"picture.png", "numbers.json", "small.npz"}


@pytest.mark.parametrize("content", [b"", b"no table", b"PK\x03\x04 cut off"])
def test_file_that_is_no_table_is_told(tmp_path: Path, content: bytes, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no.npz").write_bytes(content)
    assert compare(tmp_path / "no.npz") == 2
    message = capsys.readouterr().err
    assert "is no .npz file" in message
    assert "allow_pickle" not in message
    assert compare(tmp_path / "missing.npz") == 2
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--env", "CartPole-v7"], "CartPole"),
        (["--algo", "dqm"], "did you mean 'dqn'"),
        (["-n", "0"], "--n-timesteps is 0"),
        (["--max-incumbents", "1"], "--max-incumbents is 1"),
        (["--storage", "sqlite://", "--n-jobs", "2"], "one process sees"),
    ],
)
def test_mistakes_about_a_task_are_told_in_one_line(tmp_path: Path, words, told, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(["compare", "--n-jobs", "1", *words]) == 2
    assert told in capsys.readouterr().err


def test_samplers_are_named_once_each() -> None:
    assert compare_parser().parse_args(["--samplers", "tpe, random,tpe,"]).samplers == ("tpe", "random")


def test_stopping_a_table_keeps_nothing_and_says_so(table_file: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sb3_hpo.compare_command.compare_on_table", interrupted)
    assert compare(table_file) == 130
    assert capsys.readouterr().err == "sb3-hpo: stopped; nothing is kept of searches on a table\n"
