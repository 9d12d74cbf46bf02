from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import TrialState

from sb3_hpo.errors import UserError
from sb3_hpo.promotion import PausingPruner
from sb3_hpo.search_space import SearchSpace
from sb3_hpo.seeds import tuning_seeds
from sb3_hpo.settings import TuningSettings
from sb3_hpo.spaces.dqn import SPACE as DQN_SPACE
from sb3_hpo.storage import open_storage
from sb3_hpo.study import new_study_name, open_study, set_up
from sb3_hpo.study_description import describe, stored_choices, stored_space
from tests.tasks import SPACE, FakeTask

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

    from sb3_hpo.parameter import Parameter


def open_(storage: BaseStorage, task: FakeTask | None = None, **options: Any) -> optuna.Study:
    return open_study(storage, "s", task or FakeTask(), SPACE, TuningSettings(**options))[0]


def changed(**configuration: Any) -> FakeTask:
    task = FakeTask()
    task.configuration = {**task.configuration, **configuration}
    return task


def test_new_study_maximizes_and_describes_itself(storage: BaseStorage, task: FakeTask) -> None:
    settings = TuningSettings(n_seeds=2, seed=7, n_evaluations=5, n_eval_episodes=4)
    study, description = open_study(storage, "s", task, SPACE, settings)
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert description.algo == "a2c"
    assert description.env == "CartPole-v1"
    assert description.seed == 7
    assert description.tuning_seeds == tuning_seeds(7, 2)
    assert description.n_timesteps == 200
    assert (description.n_evaluations, description.n_eval_episodes) == (5, 4)
    assert description.configuration["policy_kwargs"] == "dict(net_arch=[8], activation_fn=nn.Tanh)"


def test_default_configuration_is_the_first_trial_and_only_once(storage: BaseStorage, task: FakeTask) -> None:
    for _ in range(2):
        study = open_(storage)
    assert [trial.state for trial in study.trials] == [TrialState.WAITING]
    trial = study.ask()
    params = SPACE.suggest(trial)
    assert params == SPACE.to_params(task.configuration)
    assert SPACE.to_hyperparams(params) == {"learning_rate": 7e-4, "gamma": 0.99, "n_steps": 5}
    assert study.trials[0].user_attrs == {"origin": "default configuration"}
    assert SPACE.suggest(study.ask()) != params


def test_default_configuration_outside_the_space_is_no_trial(storage: BaseStorage) -> None:
    (trial,) = open_(storage, changed(n_steps=7)).trials
    assert trial.user_attrs == {"origin": "SB3's defaults"}


def test_sb3s_defaults_are_the_second_trial_unless_they_are_the_first(storage: BaseStorage) -> None:
    study = open_(storage, changed(learning_rate=0.03))
    for _ in range(2):
        SPACE.suggest(study.ask())
    assert [trial.user_attrs["origin"] for trial in study.trials] == ["default configuration", "SB3's defaults"]
    assert [trial.params["learning_rate"] for trial in study.trials] == [0.03, 7e-4]


def test_a_budget_of_one_trial_leaves_nothing_waiting(storage: BaseStorage) -> None:
    study, _ = open_study(storage, "a", FakeTask(), SPACE, TuningSettings(n_trials=1))
    assert [trial.user_attrs["origin"] for trial in study.trials] == ["default configuration"]


def test_a_grid_tries_what_it_was_told_to(storage: BaseStorage) -> None:
    study = open_(storage, changed(learning_rate=0.03), sampler="grid")
    assert [trial.user_attrs["origin"] for trial in study.trials] == ["default configuration"]


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_study_is_resumed_with_the_same_choices(tmp_path: Any, kind: str) -> None:
    location = f"sqlite:///{tmp_path}/s.db" if kind == "sqlite" else f"{tmp_path}/s.log"
    settings = TuningSettings(n_seeds=2, seed=7)
    first = open_study(open_storage(location), "s", FakeTask(), SPACE, settings)[1]
    again = open_study(open_storage(location), "s", FakeTask(), SPACE, settings)[1]
    assert again == first


def test_seeds_of_the_study_hold_whatever_the_command_says(storage: BaseStorage, task: FakeTask) -> None:
    open_(storage, seed=1)
    _, description = open_study(storage, "s", task, SPACE, TuningSettings(seed=2))
    assert description.seed == 1
    assert description.tuning_seeds == tuning_seeds(1, 1)


@pytest.mark.parametrize(
    ("task", "options", "named"),
    [
        (FakeTask(n_timesteps=300), {}, ["n_timesteps", "200", "300"]),
        (FakeTask(), {"n_seeds": 3}, ["n_seeds", "1", "3"]),
        (FakeTask(), {"n_evaluations": 7}, ["n_evaluations", "20", "7"]),
        (FakeTask(), {"n_eval_episodes": 9}, ["n_eval_episodes", "5", "9"]),
        (changed(learning_rate=0.5), {}, ["learning_rate", "0.0007", "0.5"]),
        (changed(policy_kwargs={"net_arch": [9]}), {}, ["policy_kwargs", "[8]", "[9]"]),
        (changed(vf_coef=0.5), {}, ["vf_coef", "None", "0.5"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_study_about_something_else_is_refused_with_both_values(
    storage: BaseStorage, task: FakeTask, options: dict, named: list[str]
) -> None:
    open_(storage)
    with pytest.raises(UserError, match=r"study 's' .* or another --study-name") as caught:
        open_(storage, task, **options)
    assert all(word in str(caught.value) for word in named)


@pytest.mark.parametrize(("attribute", "value"), [("algo", "ppo"), ("env_id", "Acrobot-v1")])
def test_study_of_another_algorithm_or_environment_is_refused(storage: BaseStorage, attribute: str, value: str) -> None:
    open_(storage)
    task = FakeTask()
    setattr(task, attribute, value)
    with pytest.raises(UserError, match=f"this command asks for '{value}'"):
        open_(storage, task)


def test_space_of_a_study_of_another_algorithm_is_not_taken_over(storage: BaseStorage) -> None:
    open_(storage)
    space = stored_space(storage, "s", "a2c")
    assert space is not None
    assert stored_space(storage, "new", "ppo") is None
    with pytest.raises(UserError, match="study 's' has algo 'a2c', this command asks for 'ppo': give the same, or"):
        stored_space(storage, "s", "ppo")


def test_configuration_that_loses_an_argument_is_refused(storage: BaseStorage) -> None:
    open_(storage, changed(vf_coef=0.5))
    with pytest.raises(UserError, match=r"vf_coef = 0\.5"):
        open_(storage)


def test_study_of_the_stock_zoo_is_refused_and_left_as_it_is(storage: BaseStorage) -> None:
    stock = optuna.create_study(storage=storage, study_name="s", direction="maximize")
    stock.add_trial(optuna.trial.create_trial(value=1.0))
    with pytest.raises(UserError, match="study 's' was not made by sb3-hpo: give another --study-name"):
        open_(storage)
    with pytest.raises(UserError, match="study 's' was not made by sb3-hpo"):
        stored_choices(storage, "s")
    assert stock.user_attrs == {}
    assert len(stock.trials) == 1


def test_resumed_study_does_not_sample_the_same_again(storage: BaseStorage) -> None:
    def next_params() -> dict:
        study = open_(storage, sampler="random", seed=3)
        trial = study.ask()
        params = SPACE.suggest(trial)
        study.tell(trial, 1.0)
        return params

    default, *sampled = [next_params() for _ in range(4)]
    assert default == SPACE.to_params({"learning_rate": 7e-4})
    assert len({params["learning_rate"] for params in sampled}) == 3


def test_same_command_on_a_new_study_samples_the_same() -> None:
    def params() -> list[dict]:
        study = open_(optuna.storages.InMemoryStorage(), seed=3)
        study.optimize(lambda trial: SPACE.suggest(trial)["learning_rate"], n_trials=4)
        return [trial.params for trial in study.trials]

    assert params() == params()


def test_sampler_and_pruner_are_those_asked_for(storage: BaseStorage) -> None:
    study = open_(storage, sampler="random", pruner="median")
    assert isinstance(study.sampler.sampler, optuna.samplers.RandomSampler)
    assert isinstance(study.pruner, optuna.pruners.MedianPruner)


@pytest.mark.parametrize(
    "words",
    [
        ["--storage", "postgresql://user:secret@host/db"],
        ["--storage=postgresql://user:secret@host/db"],
        ["--storage", "mysql://user:secret@host:port/db"],
        ["--storage", "postgresql://host/db?user=user&password=secret"],
    ],
    ids=["word", "equals", "malformed", "query"],
)
def test_password_is_not_kept_with_the_command(
    storage: BaseStorage, task: FakeTask, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["sb3-hpo", "tune", *words, "--n-trials", "3"])
    _, description = open_study(storage, "s", task, SPACE, TuningSettings())
    assert description.command.startswith("sb3-hpo tune --storage")
    assert description.command.endswith("--n-trials 3")
    assert "host" in description.command
    assert "secret" not in str(storage.get_study_user_attrs(storage.get_study_id_from_name("s")))


def test_choices_of_a_study_to_go_on_with(storage: BaseStorage) -> None:
    assert stored_choices(storage, None) == stored_choices(storage, "s") == {}
    open_(storage, n_seeds=3, n_evaluations=7, n_eval_episodes=9)
    choices = stored_choices(storage, "s")
    assert choices == {
        "n_timesteps": 200,
        "n_seeds": 3,
        "n_evaluations": 7,
        "n_eval_episodes": 9,
        "n_eval_envs": 9,
        "score": "mean-last",
        "aggregate": "iqm",
        "stop_at": None,
        "stop_after": 3,
        "no_improvement": None,
    }
    open_(storage, **choices)


def test_name_of_a_new_study_can_be_a_folder(task: FakeTask) -> None:
    task.env_id = "ALE/Pong-v5"
    name = new_study_name(task)
    assert name.startswith("a2c_ALE-Pong-v5_")
    assert "/" not in name


def test_studies_that_begin_in_the_same_second_are_not_the_same(task: FakeTask) -> None:
    assert len({new_study_name(task) for _ in range(10)}) == 10


@pytest.mark.parametrize("is_asked_first", [False, True])
@pytest.mark.parametrize("n_enqueued", [0, 1])
def test_study_that_another_process_is_about_to_describe_is_waited_for(
    storage: BaseStorage, task: FakeTask, monkeypatch: pytest.MonkeyPatch, n_enqueued: int, is_asked_first: bool
) -> None:
    made = optuna.create_study(storage=storage, study_name="s", direction="maximize")
    for _ in range(n_enqueued):
        made.enqueue_trial({})
    wanted = describe(task, SPACE, TuningSettings())

    def sleep(seconds: float) -> None:
        made.set_user_attr("sb3_hpo", dataclasses.asdict(wanted))

    monkeypatch.setattr("sb3_hpo.study_description.time.sleep", sleep)
    if is_asked_first:  # A command that goes on with a study asks what that one fixes.
        assert stored_choices(storage, "s")["n_timesteps"] == wanted.n_timesteps
    study, description = open_study(storage, "s", task, SPACE, TuningSettings())
    assert description == wanted
    assert len(study.trials) == n_enqueued  # the process that made it enqueues the default, this one does not


@pytest.mark.parametrize(
    ("configured", "sampled", "options", "steps"),
    [
        ({}, (), {}, (50, 100, 200, 400, 1_000)),
        ({"learning_starts": 100}, (), {}, (100, 200, 400, 1_000)),
        ({}, (DQN_SPACE["learning_starts"],), {}, (100, 200, 400, 1_000)),
        ({"learning_starts": 100}, (), {"first_rung": 0.2}, (200, 400, 1_000)),
    ],
)
def test_trainings_that_fill_a_replay_buffer_first_are_compared_later(
    task: FakeTask, configured: dict[str, Any], sampled: tuple[Parameter, ...], options: dict, steps: tuple[int, ...]
) -> None:
    settings = TuningSettings(pruner_kwargs=options)
    description = describe(task, SPACE, settings)
    configuration = {**description.configuration, **configured}
    description = dataclasses.replace(description, n_timesteps=1_000, configuration=configuration)
    study = optuna.create_study()
    set_up(study, description, SearchSpace((*SPACE, *sampled)), settings)
    assert isinstance(study.pruner, PausingPruner)
    assert study.pruner.rungs.steps == steps
