"""A study as plain values: trials, configurations, what was spent, who worked when, the verdict."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Any

import optuna
import pytest

from sb3_hpo.report.comparison import comparison_section
from sb3_hpo.report.costs import costs_section, saved_by_pruning
from sb3_hpo.report.curves import curves_section
from sb3_hpo.report.outcomes import COLOURS
from sb3_hpo.report.study_reading import read_study
from sb3_hpo.report.summary import numbers_of, training_commands
from sb3_hpo.report.telling import most_telling
from sb3_hpo.report.workers import rows_of, workers_section
from tests.report_studies import START, add_trials, add_validation, new_study
from tests.test_result import BETTER, DEFAULT_FAILED, NOT_CLEAR, NOT_VALIDATED, NOTHING_FOUND, ONE_SEED, PROBABLY, WORSE

if TYPE_CHECKING:
    from pathlib import Path

    from sb3_hpo.report.charts import Chart
    from sb3_hpo.report.study_data import StudyData
    from sb3_hpo.result import TuningResult

ALL = ["complete", "paused", "went on", "pruned", "costly", "failed", "interrupted", "running", "waiting"]


def read(*outcomes: str, location: str = "sqlite:///s.db", **options: Any) -> StudyData:
    study = new_study(**options)
    add_trials(study, outcomes)
    return read_study(study._storage, study, location)


def chart_of(section: Any, at: int = 0) -> Chart:
    content = section.pictures[at].content
    assert content is not None
    return content


def test_each_outcome_has_its_word():
    data = read(*ALL)
    words = [trial.outcome for trial in data.trials]
    assert words == [
        "complete",
        "paused",
        "went on",
        "complete",
        "pruned",
        "stopped for cost",
        "failed",
        "given up",
        "running",
        "waiting",
    ]
    assert set(words) <= COLOURS.keys()
    assert data.trials[5].reason.startswith("99 s until evaluation 3")
    assert data.trials[6].reason == "OSError: broken"


def test_only_complete_trials_have_a_score():
    """Optuna keeps the last report of a pruned trial as its value."""
    study = new_study()
    study.add_trial(
        optuna.create_trial(state=optuna.trial.TrialState.PRUNED, value=500.0, intermediate_values={1: 500.0})
    )
    add_trials(study, ["complete"])
    data = read_study(study._storage, study, "s.log")
    assert data.trials[0].value is None
    assert data.best is data.trials[1]


def test_trials_of_one_configuration_are_one_with_its_last_outcome_and_whole_curve():
    data = read("went on", "paused")
    assert [trial.configuration for trial in data.trials] == [0, 0, 2]
    first, second = data.configurations
    assert (first.outcome, first.furthest.number) == ("complete", 1)
    assert len(first.furthest.curves[0].returns) == 20
    assert second.outcome == "paused"


def test_a_trial_whose_continuation_was_given_up_is_paused_again():
    study = new_study()
    add_trials(study, ["went on"])
    first, second = study.trials
    again = new_study("again")
    second.state, second.values = optuna.trial.TrialState.FAIL, None
    second.user_attrs["failure"] = "TrialInterruptedError: stopped"
    again.add_trials([first, second])
    data = read_study(again._storage, again, "s.log")
    assert [trial.outcome for trial in data.trials] == ["paused", "given up"]
    assert [one.outcome for one in data.configurations] == ["paused"]


def test_environment_steps_are_counted_once_where_a_training_went_on():
    data = read("went on")
    assert [trial.n_timesteps for trial in data.trials] == [500, 1_500]
    assert data.trials[1].n_timesteps_reached == 2_000


def test_what_pausing_saved_is_what_the_rest_of_the_trainings_would_have_been():
    data = read("complete", "paused", "went on", "pruned", "costly", "failed")
    saved = saved_by_pruning(data)
    assert saved is not None
    assert (saved.n_configurations, saved.n_timesteps) == (3, 3 * 1_500)
    assert saved.seconds == pytest.approx(3 * 25.0 * 3)  # 500 steps took 25 s each.
    text = " ".join(costs_section(data).text)
    assert "another 4,500 environment steps and about 3 min 45 s" in text


def test_time_and_steps_are_shared_out_among_the_outcomes():
    data = read("complete", "complete", "paused")
    time, steps, parts = (chart_of(costs_section(data), at) for at in range(3))
    assert [series.texts[0] for series in time.series] == ["complete: 50 s, 67%", "paused: 25 s, 33%"]
    assert [series.texts[0] for series in steps.series] == ["complete: 4,000 steps, 89%", "paused: 500 steps, 11%"]
    assert parts.series[0].texts == ["environment: 36 s, 60%"]
    assert time.x.title == "worker time (seconds)"


def test_validation_is_among_what_was_spent():
    study = new_study()
    add_trials(study, ["complete"])
    add_validation(study._storage, "reported", [10.0, 20.0])
    data = read_study(study._storage, study, "s.log")
    texts = [series.texts[0] for series in chart_of(costs_section(data)).series]
    assert texts == ["complete: 25 s, 29%", "validation: 1 min 00 s, 71%"]
    assert numbers_of(data)["environment steps trained"] == "6,000"


def test_curves_are_one_line_for_each_outcome_and_interrupted_between_trainings():
    chart = chart_of(curves_section(read("complete", "complete", "paused", "went on")))
    by_name = {series.name: series for series in chart.series}
    assert set(by_name) == {"complete (3)", "paused (1)"}
    complete = by_name["complete (3)"]
    assert len(complete.x) == len(complete.y) == len(complete.texts) == 3 * (20 + 1)
    assert [at for at, y in enumerate(complete.y) if y is None] == [20, 41, 62]
    assert complete.x[19] == 2_000
    assert complete.texts[19].startswith("trial 0, complete: ")
    assert chart.x.title == "environment steps"


def test_a_running_trial_is_drawn_by_what_it_has_reported():
    chart = chart_of(curves_section(read("running")))
    assert list(chart.series[0].x) == [100.0, 200.0, 300.0, 400.0, None]


def test_rows_of_workers_are_theirs():
    data = read("complete", "complete", "complete")
    rows = rows_of(data.trials)
    assert [rows[id(trial)] for trial in data.trials] == [0, 1, 0]
    chart = chart_of(workers_section(data))
    assert list(chart.y.ticks.values()) == ["node, process 100", "node, process 101"]
    span = chart.series[0]
    assert list(span.x[:3]) == [START, START + datetime.timedelta(seconds=25), None]


def test_trials_without_a_worker_share_rows_as_they_can():
    study = optuna.create_study(direction="maximize")
    for begin, end in ((0, 10), (5, 15), (12, 20)):
        trial = optuna.create_trial(value=1.0)
        trial.datetime_start = START + datetime.timedelta(seconds=begin)
        trial.datetime_complete = START + datetime.timedelta(seconds=end)
        study.add_trial(trial)
    data = read_study(study._storage, study, "s.log")
    rows = rows_of(data.trials)
    assert [rows[id(trial)] for trial in data.trials] == [0, 1, 0]
    assert not data.is_ours


def validated(result: TuningResult) -> StudyData:
    study = new_study()
    add_trials(study, ["complete"])
    add_validation(study._storage, "reported", [1.0]).set_user_attr("result", result.as_json())
    return read_study(study._storage, study, "s.log")


@pytest.mark.parametrize("result", [BETTER, NOT_CLEAR, PROBABLY, WORSE, ONE_SEED])
def test_the_verdict_is_that_of_the_command(result: TuningResult):
    data = validated(result)
    assert data.verdict is not None
    assert data.verdict.text == result.verdict()
    assert data.verdict.kind == result.validation.verdict
    assert data.verdict.seeds == result.validation.seeds
    names = [candidate.name for candidate in data.verdict.candidates]
    ranking = [v.candidate for v in result.validation.ranking]
    assert names == ["default" if c.is_default else f"trial {c.trial}" for c in ranking]
    for candidate, ranked in zip(data.verdict.candidates, result.validation.ranking, strict=True):
        assert candidate.scores == ranked.scores
        assert (candidate.iqm, candidate.ci95) == (ranked.iqm, ranked.ci95)
        assert candidate.selection_scores == ranked.selection_scores


def test_every_seed_the_mean_and_the_interval_are_drawn():
    chart = chart_of(comparison_section(validated(BETTER)))
    assert list(chart.y.ticks.values()) == ["trial 3", "default", "trial 7"]
    points = [series for series in chart.series if series.kind == "points" and not series.name]
    assert [list(series.x) for series in points] == [
        [99.0, 100.0, 100.0, 101.0],
        [49.0, 50.0, 50.0, 51.0],
        [30.0, 31.0],
    ]
    interval = next(series for series in chart.series if series.name == "95 % interval")
    assert list(interval.x) == [99.0, 101.0, None, 49.0, 51.0, None]
    diamonds = next(series for series in chart.series if series.name == "IQM")
    assert list(diamonds.x) == [100, 50]


@pytest.mark.parametrize("result", [NOT_VALIDATED, NOTHING_FOUND, DEFAULT_FAILED])
def test_without_scores_there_is_the_text_alone(result: TuningResult):
    data = validated(result)
    assert data.verdict is not None
    assert data.verdict.text == result.verdict()
    assert comparison_section(data).pictures[0].content is None


def test_the_command_that_trains_the_winner(tmp_path: Path):
    data = validated(BETTER)
    sentence, command = training_commands(data, tmp_path / "best.yml")
    assert sentence == "Train the winner:"
    assert command == f"rl_zoo3 train --algo dqn --env CartPole-v1 -conf {tmp_path / 'best.yml'}"
    _, export, train = training_commands(data, None)
    assert export == "sb3-hpo export --study-name reported --storage s.log --trial 3 --output best.yml"
    assert train == "rl_zoo3 train --algo dqn --env CartPole-v1 -conf best.yml"
    assert training_commands(read("failed"), None) == []


def test_the_command_is_that_of_the_result(tmp_path: Path):
    folder = tmp_path / "my logs"
    _, command = training_commands(validated(BETTER), folder / "best.yml")
    assert command == BETTER.training_command(folder)


def test_the_commands_import_what_the_study_imports(tmp_path: Path):
    study = new_study()
    stored = study.user_attrs["sb3_hpo"]
    study.set_user_attr("sb3_hpo", {**stored, "arguments": {"gym_packages": ["mine.envs", "two; rm"]}})
    add_trials(study, ["complete"])
    result = dataclasses.replace(BETTER, gym_packages=["mine.envs", "two; rm"])
    add_validation(study._storage, "reported", [1.0]).set_user_attr("result", result.as_json())
    data = read_study(study._storage, study, "s.log")
    named = "--gym-packages mine.envs 'two; rm'"
    _, command = training_commands(data, tmp_path / "best.yml")
    assert command == result.training_command(tmp_path)
    assert command == f"rl_zoo3 train --algo dqn --env CartPole-v1 {named} -conf {tmp_path / 'best.yml'}"
    _, export, train = training_commands(data, None)
    assert export == f"sb3-hpo export --study-name reported --storage s.log {named} --trial 3 --output best.yml"
    assert train == f"rl_zoo3 train --algo dqn --env CartPole-v1 {named} -conf best.yml"


@pytest.mark.parametrize("arguments", [None, "evil", {"gym_packages": "evil"}, {"gym_packages": [3, None]}])
def test_modules_that_are_none_are_left_out(arguments: object):
    study = new_study()
    study.set_user_attr("sb3_hpo", {**study.user_attrs["sb3_hpo"], "arguments": arguments})
    assert read_study(study._storage, study, "s.log").gym_packages == []


def test_no_password_of_the_storage_is_read():
    location = "postgresql://me:hunter22@host/db"
    study = new_study()
    failed = optuna.create_trial(
        state=optuna.trial.TrialState.FAIL, user_attrs={"failure": f"OSError: {location} hunter22 refused"}
    )
    study.add_trial(failed)
    stored = study.user_attrs["sb3_hpo"]
    study.set_user_attr("sb3_hpo", {**stored, "command": f"sb3-hpo tune --storage {location}"})
    data = read_study(study._storage, study, location)
    assert "hunter22" not in repr(data)
    assert data.facts["storage"] == "postgresql://me:***@host/db"


def test_how_it_was_made():
    data = read("complete", settings={"sampler_kwargs": {"n_ei_candidates": 48}, "timeout": 1200.0})
    assert data.facts["algorithm and environment"] == "dqn on CartPole-v1"
    assert data.facts["one training"] == "2,000 environment steps, 20 evaluations of 5 episodes"
    assert data.facts["tuning seeds"] == "11"
    assert data.facts["budget"] == (
        "30 trials of its own or 20 min 00 s with validation, sampler tpe {'n_ei_candidates': 48}, pruner promote, "
        "10 validation seeds"
    )
    assert data.facts["command that made it"] == "sb3-hpo tune --env CartPole-v1"


def test_the_most_telling_are_the_best_and_the_latest():
    chosen = most_telling(list(range(10)), 4, worth=lambda n: -n, number=lambda n: n)
    assert chosen == [0, 1, 8, 9]
    assert most_telling([3, 1], 4, float, int) == [3, 1]
    assert len(most_telling(list(range(100)), 5, float, int)) == 5
