"""``sb3-hpo report``, and the report with which ``tune`` and ``validate`` end."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from rich.console import Console

from sb3_hpo.cli import main
from sb3_hpo.display import Display
from sb3_hpo.report import ending
from sb3_hpo.settings import TuningSettings
from sb3_hpo.tuning import Tuning
from tests.report_pages import read_page
from tests.report_studies import add_trials, new_study
from tests.tasks import SPACE, FakeTask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def made(folder: Path, outcomes: Sequence[str] = ("complete", "failed")) -> str:
    """The location of a storage with a study."""
    location = f"sqlite:///{folder}/s.db"
    add_trials(new_study(storage=optuna.storages.get_storage(location)), outcomes)
    return location


def test_it_is_written_into_the_folder_of_the_study(tmp_path, capsys):
    location = made(tmp_path)
    words = ["report", "--storage", location, "--study-name", "reported", "-f", str(tmp_path / "logs")]
    assert main(words) == 0
    path = tmp_path / "logs" / "dqn" / "reported" / "report.html"
    assert capsys.readouterr().out == f"report: {path}\n"
    assert read_page(path).column("outcome") == ["complete", "failed"]


def test_another_file_and_pictures_beside_it(tmp_path, capsys):
    location, path = made(tmp_path), tmp_path / "new" / "mine.html"
    words = ["report", "--storage", location, "--study-name", "reported", "--output", str(path), "--png"]
    assert main(words) == 0
    pictures = sorted(path.parent.glob("mine_*.png"))
    assert f"{len(pictures)} pictures beside it" in capsys.readouterr().out
    assert {"mine_curves.png", "mine_history.png", "mine_costs_time.png"} <= {picture.name for picture in pictures}


def test_the_point_of_the_study_is_chosen(tmp_path):
    location, path = made(tmp_path, ["complete"] * 20), tmp_path / "r.html"
    words = ["report", "--storage", location, "--study-name", "reported", "--output", str(path), "--at-trial", "15"]
    assert main(words) == 0
    assert "What the sampler knows before trial 15" in read_page(path).text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--study-name", "report"], "unknown study 'report': did you mean 'reported'?"),
        (["--study-name", "reported", "--at-trial", "9"], "--at-trial 9: study 'reported' has no trial 9"),
        (["--study-name", "reported", "--output", "/proc/no/r.html"], "'/proc/no' cannot be written"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, capsys, words, message):
    location = made(tmp_path)
    assert main(["report", "--storage", location, "-f", str(tmp_path / "logs"), *words]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_a_storage_that_is_not_there_is_not_made(tmp_path, capsys):
    assert main(["report", "--storage", f"sqlite:///{tmp_path}/none.db", "--study-name", "x"]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_study_names_no_folder_outside_that_of_the_results(tmp_path):
    location = made(tmp_path)
    study = optuna.load_study(study_name="reported", storage=location)
    study.set_user_attr("sb3_hpo", {**study.user_attrs["sb3_hpo"], "algo": "../../outside"})
    assert main(["report", "--storage", location, "--study-name", "reported", "-f", str(tmp_path / "logs")]) == 0
    assert (tmp_path / "logs" / "stock" / "reported" / "report.html").is_file()


def tune(storage: Any, folder: Path, **options: Any) -> str:
    shown = io.StringIO()
    short = {"n_evaluations": 2, "n_eval_episodes": 1, "n_validation_seeds": 4, "n_validation_episodes": 1}
    settings = TuningSettings(study_name="s", pruner="none", **{**short, **options}, log_folder=str(folder))
    display = Display(Console(file=shown, width=400))
    assert Tuning(FakeTask(60), SPACE, settings, storage, display).run() == 0
    return shown.getvalue()


def test_a_study_ends_with_its_report_whose_verdict_is_that_of_the_result(storage, tmp_path):
    shown = tune(storage, tmp_path, n_trials=3)
    folder = tmp_path / "a2c" / "s"
    page, result = read_page(folder / "report.html"), json.loads((folder / "result.json").read_text())
    assert f"report: {folder / 'report.html'}" in shown
    assert result["verdict"]["text"] in page.text
    assert f"-conf {folder / 'best.yml'}" in page.text
    drawn = [x for trace in page.figures["figure-comparison"]["data"] if trace["mode"] == "markers" for x in trace["x"]]
    for candidate in ("winner", "default"):
        assert set(result["validation"][candidate]["scores"]) <= set(drawn)
    n_search, n_validation = 3 * 60, 60 * (2 * 4 + 2 * 2)
    assert page.text.count("environment steps trained") == 1
    assert result["n_timesteps_spent"] >= n_search + n_validation - 60
    assert f"{result['n_timesteps_spent']:,} environment steps trained" in page.text


def test_a_study_ends_with_one_command_that_imports_what_it_imports(storage, tmp_path, monkeypatch):
    monkeypatch.setattr(FakeTask, "arguments", {"gym_packages": ["tests.environments"]})
    shown = tune(storage, tmp_path, n_trials=1)
    folder = tmp_path / "a2c" / "s"
    command = (
        f"rl_zoo3 train --algo a2c --env CartPole-v1 --gym-packages tests.environments -conf {folder / 'best.yml'}"
    )
    assert f"train with the stock zoo: {command}\n" in shown
    assert f"# Train with it: {command}\n" in (folder / "best.yml").read_text()
    assert command in read_page(folder / "report.html").text


def test_a_report_made_later_is_the_same(storage, tmp_path):
    tune(storage, tmp_path, n_trials=2)
    path = tmp_path / "a2c" / "s" / "report.html"
    first = read_page(path)
    study = optuna.load_study(study_name="s", storage=storage)
    ending.make_report(storage, study, "s.log", tmp_path / "later.html", path.parent)
    later = read_page(tmp_path / "later.html")
    assert later.figures == first.figures
    assert later.table == first.table


def test_a_report_that_cannot_be_drawn_loses_nothing(storage, tmp_path, monkeypatch):
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("no\nink")

    monkeypatch.setattr(ending, "make_report", broken)
    shown = tune(storage, tmp_path, n_trials=1)
    folder = tmp_path / "a2c" / "s"
    assert (folder / "best.yml").is_file()
    assert (folder / "result.json").is_file()
    assert not (folder / "report.html").exists()
    assert shown.splitlines()[-1] == (
        "the report could not be made (RuntimeError: no ink); the result is kept, and sb3-hpo report --study-name s "
        "makes it later"
    )
