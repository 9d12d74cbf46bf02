from __future__ import annotations

import datetime
import io
import re
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial
from rich.console import Console

from sb3_hpo.console import LINE_WIDTH
from sb3_hpo.display import Display
from sb3_hpo.promotion import PAUSED
from sb3_hpo.trial_attributes import FAILURE, RUNS
from tests.test_result import BETTER, create_result, default, validated


def create_display(*, is_terminal: bool = False) -> tuple[Display, io.StringIO]:
    output = io.StringIO()
    console = Console(
        file=output, force_terminal=is_terminal, width=LINE_WIDTH, highlight=False, soft_wrap=True, legacy_windows=False
    )
    return Display(console), output


def without_control_codes(output: io.StringIO) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.getvalue())


def trial(number: int, state: TrialState, value: float | None = None, **kwargs: Any) -> FrozenTrial:
    created = create_trial(state=state, value=value, **kwargs)
    created.number = number
    created.datetime_start = datetime.datetime(2026, 1, 1, 12, 0, 0)
    created.datetime_complete = datetime.datetime(2026, 1, 1, 12, 1, 5)
    return created


def test_best_trial_so_far_is_marked() -> None:
    display, output = create_display()
    for number, value in enumerate([-20.0, -30.0, 0.0, -1.0]):
        display.trial_finished(trial(number, TrialState.COMPLETE, value))
    lines = output.getvalue().splitlines()
    assert ["best so far" in line for line in lines] == [True, False, True, False]
    assert lines[0] == "trial 0    complete  score    -20.0  1 min 05 s  best so far"


def test_pruned_trial_shows_where_and_at_what_it_was_given_up() -> None:
    display, output = create_display()
    attrs = {RUNS: [{"n_timesteps": 50_000}, {"n_timesteps": 7_500}]}
    values = {50_000: 20.0, 57_500: 12.25, 2_500: 9.0}
    display.trial_finished(trial(7, TrialState.PRUNED, user_attrs=attrs, intermediate_values=values))
    assert output.getvalue() == "trial 7    pruned    at        12.2  1 min 05 s  after 57,500 environment steps\n"


def test_paused_trial_shows_what_decides_whether_it_goes_on() -> None:
    display, output = create_display()
    values = {2_500: 9.0, 7_500: 100.0, 10_000: 500.0}
    paused = trial(7, TrialState.PRUNED, system_attrs={PAUSED: 1}, intermediate_values=values)
    display.trial_finished(paused)
    assert "paused    at       300.0" in output.getvalue()


@pytest.mark.parametrize(
    ("attrs", "reason"),
    [({FAILURE: "ValueError: [red]odd[/red] [/]"}, "ValueError: [red]odd[/red] [/]"), ({}, "without a reason")],
)
def test_failed_trial_shows_its_reason_as_it_is(attrs: dict, reason: str) -> None:
    display, output = create_display()
    display.trial_finished(trial(3, TrialState.FAIL, user_attrs=attrs))
    assert output.getvalue() == f"trial 3    failed    {reason}\n"


def test_interrupted_trial_is_given_up_rather_than_failed() -> None:
    display, output = create_display()
    display.trial_finished(trial(3, TrialState.FAIL, user_attrs={FAILURE: "TrialInterruptedError: stopped"}))
    assert output.getvalue().split() == ["trial", "3", "given", "up", "1", "min", "05", "s"]


def test_output_that_is_no_terminal_has_no_colour_and_no_bar() -> None:
    display, output = create_display()
    display.begin("search", 10, lambda: 60.0)
    display.trial_finished(trial(0, TrialState.COMPLETE, 1.0))
    display.end()
    display.line("bold", "bold")
    display.result(BETTER)
    assert "\x1b" not in output.getvalue()
    assert "search" not in output.getvalue().splitlines()[0]


def test_terminal_has_a_bar_with_counts_best_and_time_left() -> None:
    display, output = create_display(is_terminal=True)
    display.begin("search", 10, lambda: 125.0)
    for number, state in enumerate([TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]):
        display.trial_finished(trial(number, state, 8.0 if state == TrialState.COMPLETE else None))
    display.end()
    text = without_control_codes(output)
    for part in ("search", "3/10 trials, 1 pruned, best 8.0", "2 min 05 s left"):
        assert part in text


def test_bar_without_a_limit_of_any_kind_is_no_error() -> None:
    display, output = create_display(is_terminal=True)
    display.begin("search", None, lambda: None)
    display.trial_finished(trial(0, TrialState.COMPLETE, 8.0))
    display.begin("validation", 4, lambda: None)
    display.run_finished(BETTER.winner.candidate, 3.0)
    display.end()
    display.end()
    text = without_control_codes(output)
    assert " 1 trials, 0 pruned, best 8.0" in text
    assert " 1/4 trainings" in text


def test_run_of_the_validation_is_told_with_its_candidate() -> None:
    display, output = create_display()
    display.run_finished(BETTER.winner.candidate, 99.0)
    display.run_finished(BETTER.validation.default.candidate, -1.5)
    assert output.getvalue().splitlines() == [
        "validation: trial 3    mean return     99.0",
        "validation: default    mean return     -1.5",
    ]


def test_result_shows_every_candidate_and_the_verdict() -> None:
    display, output = create_display()
    display.result(BETTER)
    text = output.getvalue()
    winner_row = next(line for line in text.splitlines() if "trial 3" in line and "77.5" in line)
    default_row = next(line for line in text.splitlines() if "default (trial 0)" in line)
    assert all(cell in winner_row for cell in ("100.0", "99.0 to 101.0", "99 100 100 101"))
    assert all(cell in default_row for cell in ("11.0", "50.0", "49.0 to 51.0", "49 50 50 51"))
    assert text.index(winner_row) < text.index(default_row)
    assert text.index(default_row) < text.index("30 31 behind")
    assert BETTER.verdict() in text.splitlines()
    assert "not trained yet" not in text


def test_seeds_that_were_not_reached_are_counted() -> None:
    display, output = create_display()
    display.result(create_result(validated(9), default(8, trial=None, score=None), seeds=[4]))
    assert "3 of 4 validation seeds not trained yet: sb3-hpo validate goes on." in output.getvalue()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_how_far_a_phase_is_need_not_be_found_out_where_no_bar_shows_it(is_terminal: bool) -> None:
    display, _ = create_display(is_terminal=is_terminal)
    assert not display.shows_progress
    display.begin("search", 100, lambda: None)
    assert display.shows_progress == is_terminal
    display.end()
    assert not display.shows_progress
