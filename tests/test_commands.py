from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from sb3_hpo import interruption
from sb3_hpo.commands import Command, Phase, stop
from sb3_hpo.errors import UserError
from sb3_hpo.interruption import Deadline
from sb3_hpo.phase_flag import PhaseFlag
from sb3_hpo.search_clock import SearchClock
from sb3_hpo.settings import TuningSettings

if TYPE_CHECKING:
    import optuna

SETTINGS = TuningSettings(
    storage="postgresql://u:s3cret@h/d", study_name="s", log_folder="mine", n_trials=7, seed=3, sampler="random"
)


def test_who_joins_reads_what_the_command_asks_for(study: optuna.Study) -> None:
    begun = Command.begin(study, SETTINGS)
    read = Command.newest(study, "theirs")
    assert read.key == begun.key
    assert (read.settings.n_trials, read.settings.seed, read.settings.sampler) == (7, 3, "random")
    assert (read.settings.log_folder, read.settings.storage, read.settings.study_name) == ("theirs", None, None)
    assert "s3cret" not in repr(study.user_attrs)


def test_who_joins_logs_as_the_command_does_but_where_its_own_user_says(study: optuna.Study) -> None:
    logged = {"track": True, "mlflow": True, "wandb_tags": ("a",), "callback": ("mine.callback",)}
    Command.begin(study, TuningSettings(**logged, tensorboard_log="/theirs", dashboard=True))
    joined = Command.newest(study, "").settings
    assert {name: getattr(joined, name) for name in logged} == logged
    assert (joined.tensorboard_log, joined.dashboard) == (None, False)


def test_a_command_that_is_stopped_is_that_one_only(study: optuna.Study) -> None:
    first, second = Command.begin(study, SETTINGS), Command.begin(study, SETTINGS)
    stop(study, first.key)
    assert [command.is_stopped(study.user_attrs) for command in (first, second)] == [True, False]


def test_the_newest_command_is_joined_and_each_has_a_phase_of_its_own(study: optuna.Study) -> None:
    first, second = Command.begin(study, SETTINGS), Command.begin(study, SETTINGS)
    assert Command.newest(study, "").key == second.key != first.key
    second.enter(study, Phase.VALIDATION)
    assert [command.phase(study.user_attrs) for command in (first, second)] == [Phase.SEARCH, Phase.VALIDATION]
    assert Command("another", SETTINGS).phase(study.user_attrs) == Phase.END


def test_a_study_without_a_command_has_nothing_to_join(study: optuna.Study) -> None:
    with pytest.raises(UserError, match="has no command to work for: start sb3-hpo tune on it"):
        Command.newest(study, "")


@pytest.mark.parametrize("stored", [3, {}, {"settings": [1]}])
def test_a_command_that_cannot_be_read_is_none(study: optuna.Study, stored: object) -> None:
    study.set_user_attr("command", "k")
    study.set_user_attr("command:k", stored)
    with pytest.raises(UserError, match="has no command to work for"):
        Command.newest(study, "")


def test_a_worker_that_joins_learns_how_long_the_command_may_take(study: optuna.Study) -> None:
    begun = Command.begin(study, TuningSettings(timeout=100.0))
    left = begun.seconds_left(study.user_attrs)
    assert left is not None
    assert 150.0 < left <= 160.0
    assert Command.begin(study, SETTINGS).seconds_left(study.user_attrs) is None


@pytest.mark.parametrize("days", [-1.0, 1.0])
def test_a_wall_clock_that_jumps_ends_nothing_and_prolongs_nothing(
    study: optuna.Study, days: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TuningSettings(timeout=100.0, n_validation_seeds=0)
    command = Command.begin(study, settings)
    deadline = Deadline(settings.timeout)
    clock = SearchClock(settings, deadline)
    joined = Deadline(command.seconds_left(study.user_attrs))
    now = time.time()
    monkeypatch.setattr(interruption.time, "time", lambda: now + 86_400.0 * days)
    assert command.phase(study.user_attrs) == Phase.SEARCH
    for left in (deadline.seconds_left, clock.seconds_left, (joined.seconds_left or 0.0) - 60.0):
        assert left == pytest.approx(100.0, abs=5.0)
    assert not clock.is_over


def test_a_flag_goes_forward_only() -> None:
    flag = PhaseFlag()
    assert (flag.phase, flag.is_pending, flag.is_over()) == (Phase.SEARCH, False, False)
    flag.enter(Phase.VALIDATION)
    flag.enter(Phase.SEARCH)
    assert (flag.phase, flag.is_pending, flag.is_over()) == (Phase.VALIDATION, True, False)
    flag.enter(Phase.END)
    assert flag.is_over()
