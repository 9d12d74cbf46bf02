from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState
from stable_baselines3 import A2C
from stable_baselines3.common.env_util import make_vec_env

from sb3_hpo.candidates import choose_candidates
from sb3_hpo.checkpoints import Checkpoints
from sb3_hpo.objective import Objective, n_timesteps_trained
from sb3_hpo.promotion import PausingPruner, Rungs, go_on, rung_of
from sb3_hpo.replay import replay_trial
from sb3_hpo.seeds import resume_seed
from sb3_hpo.settings import TuningSettings
from sb3_hpo.study_description import describe
from sb3_hpo.trial_attributes import RUNS
from tests.tasks import SPACE, FakeTask, FakeTraining, ScriptedReturns

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import FrozenTrial

SETTINGS = TuningSettings(n_timesteps=200, n_evaluations=10, n_eval_episodes=2, score="last")
RUNGS = Rungs((40, 80, 200))
SEED = 7


def train(
    task: FakeTask, folder: Path, *, loses_checkpoints: bool = False, seeds: tuple[int, ...] = (SEED,)
) -> optuna.Study:
    """A configuration that pauses twice, and is trained to its end."""
    study = optuna.create_study(
        direction="maximize", pruner=PausingPruner(RUNGS), sampler=optuna.samplers.RandomSampler(seed=1)
    )
    objective = Objective(task, SPACE, SETTINGS, seeds, checkpoints=Checkpoints(folder))
    study.optimize(objective, n_trials=1)
    for _ in range(RUNGS.last):
        if loses_checkpoints:
            shutil.rmtree(folder)
        paused = study.trials[-1]
        go_on(study, paused, rung_of(paused) + 1)
        study.optimize(objective, n_trials=1)
    return study


def run_of(trial: FrozenTrial) -> dict:
    return trial.user_attrs[RUNS][0]


def test_a_training_pauses_and_goes_on_where_it_was(tmp_path: Path) -> None:
    task = FakeTask()
    study = train(task, tmp_path)
    assert [trial.state for trial in study.trials] == [TrialState.PRUNED, TrialState.PRUNED, TrialState.COMPLETE]
    assert len(task.trained) == 1
    first, second, last = map(run_of, study.trials)
    # It stops where the next rollout begins: at its first step.
    n_steps = study.trials[0].params["n_steps"]
    assert 40 < first["n_timesteps"] <= 40 + n_steps + 1
    assert task.restored == [resume_seed(SEED, first["n_timesteps"]), resume_seed(SEED, second["n_timesteps"])]
    assert second["resumed_at"] == first["n_timesteps"]
    assert last["resumed_at"] == second["n_timesteps"]
    assert last["timesteps"] == list(range(20, 201, 20))
    assert last["returns"][:2] == first["returns"]
    assert last["returns"][:4] == second["returns"]
    assert study.trials[-1].value == pytest.approx(sum(last["returns"][-1]) / 2)
    assert sum(map(n_timesteps_trained, study.trials)) == last["n_timesteps"]
    # What was gone on from is gone on from only once; the whole training needs none.
    assert list(tmp_path.iterdir()) == []


def test_it_comes_out_the_same_again(tmp_path: Path) -> None:
    runs = [run_of(train(FakeTask(), tmp_path / name).trials[-1])["returns"] for name in "ab"]
    assert runs[0] == runs[1]


def test_without_its_checkpoint_a_training_begins_anew(tmp_path: Path) -> None:
    task = FakeTask()
    study = train(task, tmp_path, loses_checkpoints=True)
    assert len(task.trained) == 3
    last = run_of(study.trials[-1])
    assert "resumed_at" not in last
    assert last["timesteps"] == list(range(20, 201, 20))
    assert sum(map(n_timesteps_trained, study.trials)) > last["n_timesteps"] + 100


def test_a_checkpoint_of_another_training_is_none(tmp_path: Path) -> None:
    train(FakeTask(), tmp_path)
    task = FakeTask()
    study = train(task, tmp_path, seeds=(SEED + 1,))
    assert len(task.trained) == 1
    assert study.trials[-1].state == TrialState.COMPLETE


def test_later_seeds_are_trained_whole_at_the_last_rung(tmp_path: Path) -> None:
    study = train(FakeTask(), tmp_path, seeds=(SEED, SEED + 1))
    assert [len(trial.user_attrs[RUNS]) for trial in study.trials] == [1, 1, 2]
    assert "resumed_at" not in study.trials[-1].user_attrs[RUNS][1]


def test_what_went_on_is_replayed_to_the_last_digit(tmp_path: Path) -> None:
    study = train(FakeTask(), tmp_path)
    task = FakeTask()
    description = describe(task, SPACE, SETTINGS)
    for trial in study.trials:
        replay = replay_trial(task, SPACE, description, trial, trials=study.trials)
        assert replay.is_same, replay.lines
    assert "all 40 returns are the same" in replay.lines[0]


def test_a_replay_that_never_paused_differs(tmp_path: Path) -> None:
    study = train(FakeTask(), tmp_path)
    last = study.trials[-1]
    del last.user_attrs[RUNS][0]["resumed_at"]
    task = FakeTask()
    assert not replay_trial(task, SPACE, describe(task, SPACE, SETTINGS), last, trials=study.trials).is_same


def test_the_oldest_checkpoints_go_where_they_would_take_too_much(tmp_path: Path) -> None:
    task = FakeTask()
    training = task.prepare(task.configuration)
    model = training.create_model(0)
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.keep(0, training, model, {"n": 0})
    size = sum(file.stat().st_size for file in (tmp_path / "trial_0").iterdir())
    checkpoints = Checkpoints(tmp_path, max_bytes=int(2.5 * size))
    for number in (1, 2, 3):
        assert checkpoints.keep(number, training, model, {"n": number})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trial_2", "trial_3"]
    assert checkpoints.restore(3, training, {"n": 2}, seed=0) is None
    assert checkpoints.restore(3, training, {"n": 3}, seed=0) is not None
    model.env.close()


def test_a_full_disk_keeps_nothing_and_hinders_nobody(tmp_path: Path) -> None:
    task = FakeTask()
    training = task.prepare(task.configuration)
    model = training.create_model(0)
    blocked = tmp_path / "file"
    blocked.touch()
    assert not Checkpoints(blocked / "folder").keep(0, training, model, {})
    model.env.close()


def test_where_nothing_was_trained_to_its_end_the_furthest_are_finalists(tmp_path: Path) -> None:
    task = FakeTask()
    study = optuna.create_study(
        direction="maximize", pruner=PausingPruner(RUNGS), sampler=optuna.samplers.RandomSampler(seed=1)
    )
    objective = Objective(task, SPACE, SETTINGS, (SEED,), checkpoints=Checkpoints(tmp_path))
    study.optimize(objective, n_trials=2)
    go_on(study, study.trials[0], 1)
    study.optimize(objective, n_trials=1)
    default, *finalists = choose_candidates(study, task, SPACE, 1)
    assert default.is_default
    assert [candidate.trial for candidate in finalists] == [2]
    assert finalists[0].score == study.trials[2].intermediate_values[80]
    # Trial 2 went on with trial 0: the same configuration.
    assert [candidate.trial for candidate in choose_candidates(study, task, SPACE, 3)[1:]] == [2, 1]

    go_on(study, study.trials[1], 2)
    study.optimize(objective, n_trials=1)
    assert [candidate.trial for candidate in choose_candidates(study, task, SPACE, 3)[1:]] == [3]


def test_each_part_of_a_training_keeps_the_best_model_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every finished trial has its model, also one that went on and came to nothing better than before."""
    script = iter([1.0, 9.0, 2.0, 8.0, *[3.0] * 40])
    monkeypatch.setattr(
        FakeTraining, "create_eval_env", lambda self, seed, n_envs: make_vec_env(lambda: ScriptedReturns(script))
    )
    study = optuna.create_study(
        direction="maximize", pruner=PausingPruner(RUNGS), sampler=optuna.samplers.RandomSampler(seed=1)
    )
    settings = TuningSettings(n_timesteps=200, n_evaluations=10, n_eval_episodes=1, no_improvement=4)
    models = tmp_path / "models"
    objective = Objective(
        FakeTask(), SPACE, settings, (SEED,), models_folder=models, checkpoints=Checkpoints(tmp_path / "checkpoints")
    )
    study.optimize(objective, n_trials=1)
    for rung in (1, 2):
        go_on(study, study.trials[-1], rung)
        study.optimize(objective, n_trials=1)
    steps = [A2C.load(models / f"trial_{number}.zip", device="cpu").num_timesteps for number in range(3)]
    assert steps == [40, 80, 100]
    assert run_of(study.trials[-1])["timesteps"] == [20, 40, 60, 80, 100, 120]
