"""Whole reports, of studies of every kind."""

from __future__ import annotations

import itertools
import json
import math
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from sb3_hpo.errors import UserError
from sb3_hpo.report.charts import Axis, Chart, Series
from sb3_hpo.report.making import make_report
from sb3_hpo.report.matplotlib_drawing import write_png
from sb3_hpo.report.pictures import Picture
from tests.full_disks import no_file_beyond
from tests.report_pages import Page, read_page
from tests.report_studies import DISTRIBUTIONS, add_trials, add_validation, new_study

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = ["complete", "paused", "went on", "pruned", "complete", "costly", "failed", "interrupted"] * 4
OWN = ["curves", "costs_time", "costs_steps", "costs_parts", "workers"]
OF_OPTUNA = ["history", "importances", "contour", "parallel", *(f"slice_{n}" for n in range(len(DISTRIBUTIONS)))]


def report(study: optuna.Study, folder: Path, **options: Any) -> Page:
    path = folder / "report.html"
    written = make_report(study._storage, study, "sqlite:///s.db", path, folder, **options)
    assert written[0] == path
    return read_page(path)


def with_trials(*outcomes: str, **options: Any) -> optuna.Study:
    study = new_study(**options)
    add_trials(study, outcomes)
    return study


def test_all_pictures_of_a_large_enough_study_are_there_and_say_how_to_read_them(tmp_path: Path) -> None:
    page = report(with_trials(*EVERYTHING, "running", "waiting"), tmp_path)
    surrogate = [f"surrogate_{n}" for n in range(len(DISTRIBUTIONS))]
    assert set(page.figures) == {f"figure-{key}" for key in (*OWN, *OF_OPTUNA, *surrogate)}
    assert all(figure["data"] for figure in page.figures.values())
    n_texts = sum(tag == "figcaption" for tag, _ in page.tags)
    n_small = len(DISTRIBUTIONS) * 2  # Read by the sentence of their section.
    assert n_texts == len(page.figures) - n_small + 1  # And the comparison that there is none of.
    assert "It goes on: 1 trial running." in page.text


def test_the_file_needs_no_network(tmp_path: Path) -> None:
    study = with_trials(*EVERYTHING)
    page = report(study, tmp_path)
    assert not [tag for tag, attributes in page.tags if attributes.get("src")]
    links = [attributes["href"] for _, attributes in page.tags if attributes.get("href")]
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert links
    assert all(link[0] == "#" and link[1:] in ids for link in links)
    assert len(ids) == len(set(ids))
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "Plotly" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([], "It has no trial yet"),
        (["complete"], "1 complete of 1 trial"),
        (["failed", "failed"], "0 complete of 2 trials"),
        (["paused", "pruned", "running"], "No trial is complete yet"),
        (["waiting"], "No trial has run yet"),
        (["running"], "No trial is complete yet"),
    ],
    ids=["empty", "one", "failed", "none complete", "waiting", "running"],
)
def test_small_studies_have_a_report(tmp_path: Path, outcomes: list[str], said: str) -> None:
    page = report(with_trials(*outcomes), tmp_path, is_png=True)
    assert said in page.text
    assert len(page.column("trial") if page.table else []) == len(outcomes)


@pytest.mark.parametrize("constraints", [None, {"cost": 0.5}])
def test_what_is_infeasible_is_said_where_plots_have_it(tmp_path: Path, constraints: dict[str, float] | None) -> None:
    study = new_study()
    for number in range(12):
        params = {"learning_rate": 10 ** (-4 + number / 6), "batch_size_pow": 4 + number % 6}
        study.add_trial(
            optuna.create_trial(
                value=float(number),
                params=params,
                distributions={name: DISTRIBUTIONS[name] for name in params},
                constraints=constraints,
            )
        )
    page = report(study, tmp_path)
    legend = [trace.get("name") for trace in page.figures["figure-parallel"]["data"]]
    assert ("Infeasible" in legend) == (constraints is not None)
    assert ("Infeasible is what violates" in page.text) == (constraints is not None)


def test_the_first_trial_of_a_slice_is_not_white(tmp_path: Path) -> None:
    page = report(with_trials("complete", *["complete"] * 8), tmp_path)
    marker = page.figures["figure-slice_0"]["data"][0]["marker"]
    assert marker["cmin"] <= min(marker["color"]) - 2
    assert marker["cmax"] == max(marker["color"])


def test_equal_scores_and_params_that_never_vary_are_no_mistake(tmp_path: Path) -> None:
    study = new_study()
    for _ in range(12):
        study.add_trial(
            optuna.create_trial(value=1.0, params={"a": 1}, distributions={"a": DISTRIBUTIONS["train_freq"]})
        )
    page = report(study, tmp_path, is_png=True)
    assert "figure-history" in page.figures
    assert "figure-importances" not in page.figures
    assert "with different scores" in page.text


def test_a_study_of_5000_trials_stays_small_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    outcomes = list(itertools.islice(itertools.cycle(EVERYTHING[:8]), 5_000))
    page = report(with_trials(*outcomes), tmp_path)
    assert (tmp_path / "report.html").stat().st_size < 15e6
    assert len(page.column("trial")) == 5_000 + 625
    assert "Drawn are 1,000 of 5,000 configurations" in page.text
    assert "Drawn are 1,000 of 1,875 complete trials" in page.text
    assert "Drawn are 150 of 1,875 complete trials" in page.text
    contour = page.figures["figure-contour"]["data"][0]
    assert len(contour["x"]) <= 150 + 2  # Optuna adds a margin.
    assert len(page.figures["figure-slice_0"]["data"][0]["x"]) <= 1_000


def test_what_a_storage_says_is_text_wherever_it_stands(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    study = new_study(name=evil, settings={"sampler_kwargs": {"n_ei_candidates": 24}})
    add_trials(study, EVERYTHING)
    evil_distribution = optuna.distributions.CategoricalDistribution([evil, "b"])
    for value in (1.0, 2.0):
        study.add_trial(
            optuna.create_trial(
                value=value,
                params={evil: evil},
                distributions={evil: evil_distribution},
                user_attrs={"failure": evil, "origin": evil, "worker": {"host": evil, "pid": evil}},
            )
        )
    study.set_user_attr(
        "sb3_hpo", {**study.user_attrs["sb3_hpo"], "command": evil, "algo": evil, "versions": {evil: evil}}
    )
    add_validation(study._storage, evil, [1.0]).set_user_attr("result", {"verdict": {"text": evil, "verdict": evil}})
    page = report(study, tmp_path)
    assert evil in page.text
    assert f"{evil}; {evil}" in page.column("remarks")
    assert not [tag for tag, _ in page.tags if tag == "img"]
    n_scripts = sum(tag == "script" for tag, _ in page.tags)
    assert n_scripts == len(page.figures) + 3  # The table, Plotly's and the page's own.
    for figure in page.figures.values():
        assert "<script" not in json.dumps(figure)


def test_what_plotly_would_read_as_markup_is_not_a_link(tmp_path: Path) -> None:
    study = new_study()
    add_trials(study, EVERYTHING)
    name = '<a href="https://example.org">here</a>'
    for value in (1.0, 2.0):
        study.add_trial(
            optuna.create_trial(
                value=value,
                params={name: value},
                distributions={name: DISTRIBUTIONS["exploration_fraction"].__class__(0.0, 9.0)},
            )
        )
    page = report(study, tmp_path)
    assert name in page.text
    drawn = json.dumps(page.figures)
    assert "<a href" not in drawn
    assert "&lt;a href" in drawn  # Which Plotly shows as what it was.


def test_attributes_of_another_kind_than_ours_count_as_missing(tmp_path: Path) -> None:
    study = new_study()
    study.set_user_attr("command:x", 3)
    for runs in (
        3,
        [3],
        [{"n_timesteps": "x", "returns": 4, "timesteps": None, "seconds_by_part": 7}],
        [{"returns": [["a"]]}],
    ):
        study.add_trial(
            optuna.create_trial(value=1.0, user_attrs={"runs": runs, "worker": 4, "continues": "x", "command": 5})
        )
    add_validation(study._storage, study.study_name, [1.0]).set_user_attr("result", {"validation": 3, "winner": []})
    page = report(study, tmp_path)
    assert page.column("score (mean return)") == [1.0] * 4
    assert page.column("environment steps") == [None] * 4


def test_studies_of_the_stock_zoo_say_what_they_do_not_record(tmp_path: Path) -> None:
    study = optuna.create_study(direction="maximize", study_name="stock")

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("learning_rate", 1e-5, 1.0, log=True)
        trial.suggest_categorical("net_arch", ["tiny", "small"])
        for evaluation in (1, 2):
            trial.report(rate * evaluation, evaluation)
        if trial.number % 5 == 4:
            raise optuna.TrialPruned
        return rate

    study.optimize(objective, n_trials=25)
    page = report(study, tmp_path, is_png=True)
    assert "made by the stock zoo or another program" in page.text
    assert "does not record how many environment steps" in page.text
    assert "does not say which sampler drew its trials" in page.text
    assert "row 1" in json.dumps(page.figures["figure-workers"])
    curves = page.figures["figure-curves"]
    assert curves["layout"]["xaxis"]["title"]["text"] == "evaluation (its number)"
    assert sum(value is not None for value in page.traces("curves")["complete (20)"]["y"]) == 40
    assert "sb3-hpo export --study-name stock" in page.text
    assert "figure-surrogate_0" in page.figures


def test_several_objectives_are_refused(tmp_path: Path) -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    with pytest.raises(UserError, match="has 2 objectives"):
        report(study, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_pngs_are_pictures_one_for_each_of_the_page(tmp_path: Path) -> None:
    page = report(with_trials(*EVERYTHING), tmp_path, is_png=True)
    pictures = {path.stem.removeprefix("report_"): path for path in tmp_path.glob("*.png")}
    assert {f"figure-{key}" for key in pictures} == set(page.figures)
    assert all(path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for path in pictures.values())


def test_full_disk_leaves_the_earlier_png(tmp_path: Path) -> None:
    file = tmp_path / "report_line.png"

    def line(*values: float) -> Picture:
        series = Series("", "line", list(range(len(values))), values, "#00805f")
        return Picture("line", "", "", Chart([series], Axis("steps"), Axis("return")))

    write_png(line(1.0, 2.0), file)
    before = file.read_bytes()
    with no_file_beyond(1_000), pytest.raises(OSError, match="File too large") as caught:
        write_png(line(2.0, 1.0), file)
    assert caught.value.filename == str(file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_choice_that_is_no_finite_number_is_text(tmp_path: Path, number: float) -> None:
    study = new_study()
    for at in range(12):
        study.add_trial(
            optuna.create_trial(
                value=float(at),
                params={"clip": (number, 0.5)[at % 2]},
                distributions={"clip": CategoricalDistribution([number, 0.5])},
            )
        )
    page = report(study, tmp_path, is_png=True)
    assert page.column("clip") == [str(number), 0.5] * 6


def test_lowest_is_best_where_the_study_says_so(tmp_path: Path) -> None:
    study = optuna.create_study(direction="minimize")
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=12)
    page = report(study, tmp_path)
    assert f"score of the search (mean return), trial {study.best_trial.number}" in page.text
