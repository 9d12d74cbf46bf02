from __future__ import annotations

import errno
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState, create_trial

from sb3_hpo import study_callbacks
from sb3_hpo.errors import UserError
from sb3_hpo.study_callbacks import CALLBACK_GROUP, CallbackFailedError, NamedCallback, check_allowed, load_callbacks
from sb3_hpo.trial_attributes import FAILURE
from tests.study_callbacks import COUNTER, Counter

if TYPE_CHECKING:
    import optuna

HERE = "tests.study_callbacks"


@pytest.fixture
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_callbacks, "entry_points", lambda group: [])


@pytest.mark.usefixtures("no_packages")
@pytest.mark.parametrize("name", [f"{HERE}.note", f"{HERE}:note", f"{HERE}.COUNTER", f"{HERE}.Counter"])
def test_functions_objects_and_classes_are_found_by_their_dotted_names(name: str) -> None:
    (callback,) = load_callbacks([name])
    assert callback.name == name
    assert callable(callback._call)
    assert not isinstance(callback._call, type)


@pytest.mark.usefixtures("no_packages")
def test_several_are_called_in_the_order_in_which_they_are_given(study: optuna.Study) -> None:
    names = [f"{HERE}.Counter", f"{HERE}.COUNTER"]
    callbacks = load_callbacks(names)
    assert [callback.name for callback in callbacks] == names
    before = COUNTER.n_calls
    study.optimize(lambda trial: 1.0, n_trials=2, callbacks=callbacks)
    assert COUNTER.n_calls == before + 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("note", "callback 'note' is no dotted name: write package.module.name"),
        ("no_such_package.x", "callback 'no_such_package.x' cannot be imported: No module named 'no_such_package'"),
        (f"{HERE}.nope", "has no attribute 'nope'"),
        (f"{HERE}.", "cannot be imported: invalid format"),
        (f"{HERE}.NUMBER", "is 3, it must be callable with a study and a trial"),
        (f"{HERE}.takes_one", "it must be callable with a study and a trial"),
        (f"{HERE}.NeedsArguments", "is a class that needs arguments"),
    ],
)
def test_what_is_no_callback_is_refused_by_name(name: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        load_callbacks([name])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_packages_add_theirs_before_those_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("theirs", f"{HERE}:Counter", CALLBACK_GROUP)]
    monkeypatch.setattr(study_callbacks, "entry_points", lambda group: points if group == "sb3_hpo.callbacks" else [])
    theirs, ours = load_callbacks([f"{HERE}.note"])
    assert (theirs.name, ours.name) == ("theirs", f"{HERE}.note")
    assert isinstance(theirs._call, Counter)


def test_a_package_whose_callback_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("theirs", f"{HERE}:gone", CALLBACK_GROUP)]
    monkeypatch.setattr(study_callbacks, "entry_points", lambda group: points)
    with pytest.raises(UserError, match=r"callback 'theirs' cannot be loaded from 'tests.study_callbacks:gone'"):
        load_callbacks([])


def test_callbacks_of_a_study_need_leave_to_be_imported() -> None:
    check_allowed(["mine.module.callback", "mine:callback"], ["mine.environments"], "s")
    with pytest.raises(UserError, match=r"study 's' calls 'theirs.x' after each trial: .* --gym-packages theirs$"):
        check_allowed(["mine.x", "theirs.x"], ["mine"], "s")


def test_one_that_raises_ends_the_search_and_loses_no_trial(study: optuna.Study) -> None:
    def broken(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        raise ValueError("a mistake\nof two lines")

    with pytest.raises(CallbackFailedError) as caught:
        study.optimize(lambda trial: 7.0, n_trials=3, callbacks=[NamedCallback("mine.broken", broken)])
    first_line, _, rest = str(caught.value).partition("\n")
    assert first_line == (
        "callback 'mine.broken' raised after trial 0, which is kept: ValueError: a mistake of two lines; mend it, "
        f"then go on with the same command and --study-name {study.study_name}"
    )
    assert "in broken" in rest
    assert [(trial.state, trial.value) for trial in study.trials] == [(TrialState.COMPLETE, 7.0)]


def test_it_is_not_called_for_a_trial_that_goes_back_into_the_queue(study: optuna.Study) -> None:
    counter = Counter()
    callback = NamedCallback("c", counter)
    for failure, n_calls in (("TrialInterruptedError: x", 0), ("NotAdmittedError: x", 0), ("OSError: x", 1)):
        callback(study, create_trial(state=TrialState.FAIL, user_attrs={FAILURE: failure}))
        assert counter.n_calls == n_calls


def test_a_full_disk_is_no_mistake_of_the_callback(study: optuna.Study) -> None:
    def full(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        NamedCallback("c", full)(study, create_trial(value=1.0))
