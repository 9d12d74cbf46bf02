from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.trial import TrialState

from sb3_hpo.trial_attributes import COMMAND, FAILURE
from sb3_hpo.trial_watch import TrialWatch

if TYPE_CHECKING:
    import optuna


def begun(study: optuna.Study, command: str = "mine", **attributes: str) -> optuna.Trial:
    trial = study.ask()
    for key, value in {COMMAND: command, **attributes}.items():
        trial.set_user_attr(key, value)
    return trial


def test_each_trial_of_the_command_is_told_once_in_the_order_of_their_ends(study: optuna.Study) -> None:
    watch = TrialWatch.of_command(study, "mine")
    first, second, others, running = begun(study), begun(study), begun(study, "other"), begun(study)
    assert watch.news() == []
    study.tell(second, 1.0)
    study.tell(others, 1.0)
    study.tell(first, state=TrialState.FAIL)
    assert [trial.number for trial in watch.news()] == [second.number, first.number]
    assert watch.news() == []
    study.tell(running, state=TrialState.PRUNED)
    assert [trial.number for trial in watch.news()] == [running.number]


def test_trials_that_were_begun_in_vain_are_not_told(study: optuna.Study) -> None:
    watch = TrialWatch(study, lambda trial: True)
    study.tell(begun(study, **{FAILURE: "NotAdmittedError: others use the budget up"}), state=TrialState.FAIL)
    study.tell(begun(study, **{FAILURE: "TrialInterruptedError: stopped"}), state=TrialState.FAIL)
    assert [trial.number for trial in watch.news()] == [1]
