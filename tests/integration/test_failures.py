"""What goes wrong inside a trial, made to happen in real trainings by whole commands."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from sb3_hpo.objective import Objective
from sb3_hpo.trial_attributes import FAILURE, RUNS, TRACEBACK
from tests.environments import FaultyCartPole
from tests.integration.in_process import run_command

COMMON = ["tune", "--gym-packages", "tests.environments", "--study-name", "s", "--seed", "1", "-n", "60"]
SHORT = ["--n-evaluations", "3", "--eval-episodes", "1", "--pruner", "none", "--n-validation-episodes", "1"]
SEARCH_ONLY = ["--n-validation-seeds", "0"]


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(FaultyCartPole, "n_made", 0)


def tune(*options: str, fault: str | None = None, **kwargs: int) -> int:
    """Tune on an environment that breaks in training only, and return the exit code."""
    broken = [f"fault:{fault!r}", *(f"{name}:{value}" for name, value in kwargs.items())]
    env = ["--env", "Faulty-v0", "--env-kwargs", *broken, "--eval-env-kwargs", "fault:None"]
    return run_command([*COMMON, *SHORT, *env, *options])


def trials() -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="s", storage="sqlite:///logs/sb3_hpo.db").trials


@pytest.mark.parametrize("fault", ["nan observation", "nan reward", "inf reward"])
def test_a_trial_on_what_is_no_number_fails_and_never_wins(fault):
    # One environment for the check before anything is spent; of the trials the second one is sound.
    assert tune("--n-trials", "2", *SEARCH_ONLY, fault=fault, every=2) == 0
    states = [trial.state.name for trial in trials()]
    assert sorted(states) == ["COMPLETE"] * 2 + ["FAIL"] * (len(states) - 2)
    assert "FAIL" in states
    failed = next(trial for trial in trials() if trial.state == TrialState.FAIL)
    what = fault.split()[1]
    assert failed.user_attrs[FAILURE].startswith(f"FloatingPointError: NaN or infinite {what}s at environment step ")
    assert failed.user_attrs[RUNS][0]["n_timesteps"] == 11
    winner = json.loads(Path("logs/dqn/s/result.json").read_text())["winner"]["trial"]
    assert trials()[winner].state == TrialState.COMPLETE


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, at the squares of what the network gives
@pytest.mark.parametrize(
    ("learning_rate", "failure"),
    [("3.0e+38", "NaN or infinite weights at environment step"), ("1.0e+30", "weights as large as ")],
)
def test_a_trial_whose_weights_explode_fails(learning_rate, failure):
    # The first step of RMSprop is ten times the learning rate.
    Path("mine.yml").write_text(f"parameters: {{learning_rate: {{value: {learning_rate}}}, use_rms_prop: true}}")
    options = ["--search-space", "mine.yml", "--max-consecutive-failures", "1", "--algo", "a2c"]
    assert run_command([*COMMON, *SHORT, *SEARCH_ONLY, *options, "--n-trials", "1"]) == 1
    assert trials()[-1].user_attrs[FAILURE].startswith(f"FloatingPointError: {failure}")


def test_the_search_goes_on_after_an_environment_that_raises():
    assert tune("--n-trials", "3", *SEARCH_ONLY, fault="raise", every=2) == 0
    states = [trial.state for trial in trials()]
    assert states.count(TrialState.COMPLETE) == 3
    failed = [trial for trial in trials() if trial.state == TrialState.FAIL]
    assert len(failed) == 2 + (states[0] == TrialState.FAIL)
    for trial in failed:
        assert trial.user_attrs[FAILURE] == "OSError: the simulator broke down"
        assert 'raise OSError("the simulator broke down")' in trial.user_attrs[TRACEBACK]
    assert json.loads(Path("logs/dqn/s/result.json").read_text())["n_trials"]["failed"] == len(failed)


def test_a_study_stops_when_five_trials_in_a_row_fail(capsys):
    # A study with a sound trial, then an environment that is broken for good.
    assert tune("--n-trials", "20", *SEARCH_ONLY, fault="raise", healthy=4) == 1
    error = capsys.readouterr().err
    assert error.startswith("sb3-hpo: the study was stopped: 5 trials in a row failed, the last one")
    assert "OSError: the simulator broke down" in error
    states = [trial.state for trial in trials()]
    assert states[0] == TrialState.COMPLETE
    assert states[-5:] == [TrialState.FAIL] * 5
    assert trials()[0].value is not None


def test_the_first_five_trials_failing_stop_the_study(capsys):
    assert tune("--n-trials", "20", *SEARCH_ONLY, fault="raise", healthy=2) == 1
    assert "5 trials in a row failed" in capsys.readouterr().err
    assert [trial.state for trial in trials()] == [TrialState.FAIL] * 5


@pytest.mark.parametrize("error", [ValueError, AssertionError])
def test_a_bug_of_our_own_is_not_called_a_pruned_trial(error, monkeypatch):
    def broken(*args, **kwargs):
        raise error("a bug")

    monkeypatch.setattr(Objective, "_train", broken)
    assert tune("--n-trials", "1", *SEARCH_ONLY, "--max-consecutive-failures", "2") == 1
    assert [trial.state for trial in trials()] == [TrialState.FAIL] * 2
    assert trials()[0].user_attrs[FAILURE] == f"{error.__name__}: a bug"
    assert "in broken" in trials()[0].user_attrs[TRACEBACK]


@pytest.mark.parametrize("n_finalists", ["1", "2"])
def test_results_are_written_where_every_training_of_the_validation_fails(n_finalists, capsys):
    options = ["--n-trials", "3", "--n-finalists", n_finalists, "--n-validation-seeds", "2"]
    # The base is read with one environment and checked with another; then come three trials.
    assert tune(*options, fault="raise", healthy=5) == 0
    result = json.loads(Path("logs/dqn/s/result.json").read_text())
    assert [trial.state for trial in trials()] == [TrialState.COMPLETE] * 3
    assert result["verdict"]["verdict"] is None
    assert result["verdict"]["text"].startswith("No comparison: a training of the default configuration failed (seed ")
    assert "OSError: the simulator broke down" in Path("logs/dqn/s/best.yml").read_text()
    printed = capsys.readouterr()
    assert "failed    seed " in printed.out
    assert "Traceback" not in printed.out + printed.err
    validation = optuna.load_study(study_name="s-validation", storage="sqlite:///logs/sb3_hpo.db").trials
    assert {trial.state for trial in validation} == {TrialState.FAIL}
    assert all("broke down" in trial.user_attrs[TRACEBACK] for trial in validation)


def test_trainings_stop_at_the_threshold_of_the_environment_and_resume_with_it(monkeypatch):
    options = ["--env", "FrozenLake-v1", "--algo", "dqn", *SEARCH_ONLY, *SHORT]
    assert run_command([*COMMON, *options, "--n-trials", "1", "--stop-at", "threshold", "--no-improvement", "2"]) == 0
    description = optuna.load_study(study_name="s", storage="sqlite:///logs/sb3_hpo.db").user_attrs["sb3_hpo"]
    assert description["stop_at"] == 0.7
    assert description["no_improvement"] == 2
    # Asked again, or left out, it is the same study; something else it is not.
    assert run_command([*COMMON, *options, "--n-trials", "1"]) == 0
    assert run_command([*COMMON, *options, "--n-trials", "1", "--stop-at", "threshold"]) == 0
    assert run_command([*COMMON, *options, "--n-trials", "1", "--stop-at", "0.5"]) == 2


def test_stopping_early_is_for_the_search_only(capsys):
    options = ["--n-trials", "2", "--n-validation-seeds", "1", "--n-finalists", "1", "--stop-at", "1"]
    assert tune(*options, "--stop-after", "1", fault=None) == 0
    assert [run["n_timesteps"] for trial in trials() for run in trial.user_attrs[RUNS]] == [20, 20]
    validation = optuna.load_study(study_name="s-validation", storage="sqlite:///logs/sb3_hpo.db").trials
    assert all(trial.user_attrs["n_timesteps"] >= 60 for trial in validation)
    assert len(validation) == 2
    capsys.readouterr()
    assert run_command(["replay", "--study-name", "s", "--trial", "1", "--gym-packages", "tests.environments"]) == 0
    # One evaluation of one episode, as the search did, and no more.
    assert "all 1 returns are the same to the last digit" in capsys.readouterr().out
