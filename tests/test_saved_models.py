from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from stable_baselines3 import A2C
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

from sb3_hpo.objective import Objective
from sb3_hpo.settings import TuningSettings
from sb3_hpo.trial_attributes import RUNS
from tests.tasks import SPACE, FailingStep, FakeTask, FakeTraining, ScriptedReturns, cartpole

if TYPE_CHECKING:
    from pathlib import Path

RETURNS = [1, 3, 9, 2]
"""Of the evaluations; the episodes that judge the agent at the end come after them."""
BEST_STEP = 150


@pytest.fixture(autouse=True)
def returns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        FakeTraining,
        "create_eval_env",
        lambda self, seed, n_envs: make_vec_env(lambda: ScriptedReturns(chain(RETURNS, repeat(0)))),
    )


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def optimize(study: optuna.Study, folder: Path, task: FakeTask | None = None, n_seeds: int = 1, **kwargs) -> None:
    settings = TuningSettings(n_evaluations=4, n_eval_episodes=1, **kwargs)
    objective = Objective(task or FakeTask(), SPACE, settings, list(range(n_seeds)), models_folder=folder)
    study.optimize(objective, n_trials=2, catch=(Exception,))


def test_the_best_model_of_each_trial_is_kept(study: optuna.Study, tmp_path: Path) -> None:
    optimize(study, tmp_path / "models")
    assert files(tmp_path / "models") == ["trial_0.zip", "trial_1.zip"]
    for number in (0, 1):
        model = A2C.load(tmp_path / "models" / f"trial_{number}.zip", device="cpu")
        assert model.num_timesteps == BEST_STEP
        assert model.learning_rate == pytest.approx(study.trials[number].params["learning_rate"])


def test_one_for_each_seed(study: optuna.Study, tmp_path: Path) -> None:
    optimize(study, tmp_path, n_seeds=2)
    assert files(tmp_path) == [f"trial_{number}_seed_{seed}.zip" for number in (0, 1) for seed in (0, 1)]


def test_a_pruned_trial_is_finished(tmp_path: Path) -> None:
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.ThresholdPruner(upper=8))
    optimize(study, tmp_path, n_seeds=2)
    assert [trial.state for trial in study.trials] == [TrialState.PRUNED] * 2
    assert files(tmp_path) == ["trial_0_seed_0.zip", "trial_1_seed_0.zip"]


def test_nothing_is_left_of_a_trial_that_fails(study: optuna.Study, tmp_path: Path) -> None:
    optimize(study, tmp_path, FakeTask(wrapper=lambda env: FailingStep(env, 160)))
    assert [trial.state for trial in study.trials] == [TrialState.FAIL] * 2
    assert len(study.trials[0].user_attrs[RUNS][0]["returns"]) == 3
    assert files(tmp_path) == []


def test_nothing_is_left_of_a_trial_that_is_interrupted(study: optuna.Study, tmp_path: Path) -> None:
    answers = iter([False] * 160 + [True] * 1_000)
    settings = TuningSettings(n_evaluations=4, n_eval_episodes=1)
    objective = Objective(FakeTask(), SPACE, settings, [1], lambda: next(answers), tmp_path)
    study.optimize(objective, n_trials=1, catch=(Exception,))
    assert len(study.trials[0].user_attrs[RUNS][0]["returns"]) == 3
    assert files(tmp_path) == []


def test_where_all_is_logged_too_the_models_are_in_both_places(study: optuna.Study, tmp_path: Path) -> None:
    optimize(study, tmp_path / "models", n_seeds=2, optimization_log_path=str(tmp_path / "log"))
    assert files(tmp_path / "log" / "trial_1" / "seed_0") == ["best_model.zip", "evaluations.npz"]
    assert len(files(tmp_path / "models")) == 4


def test_nothing_is_saved_unless_asked(study: optuna.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study.optimize(Objective(FakeTask(), SPACE, TuningSettings(n_evaluations=4, n_eval_episodes=1), [1]), n_trials=1)
    assert files(tmp_path) == []


def test_the_statistics_are_those_of_the_best_model(
    study: optuna.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create_eval_env(self: FakeTraining, seed: int, n_envs: int) -> VecNormalize:
        env = make_vec_env(lambda: ScriptedReturns(chain(RETURNS, repeat(0))))
        return VecNormalize(env, training=False, norm_reward=False)

    create_model = FakeTraining.create_model

    def create_normalized(self: FakeTraining, seed: int) -> A2C:
        model = create_model(self, seed)
        return A2C("MlpPolicy", VecNormalize(model.env), seed=seed, device="cpu")

    monkeypatch.setattr(FakeTraining, "create_eval_env", create_eval_env)
    monkeypatch.setattr(FakeTraining, "create_model", create_normalized)
    optimize(study, tmp_path)
    assert files(tmp_path) == [
        "trial_0.zip",
        "trial_0_vecnormalize.pkl",
        "trial_1.zip",
        "trial_1_vecnormalize.pkl",
    ]
    statistics = VecNormalize.load(str(tmp_path / "trial_0_vecnormalize.pkl"), cartpole(1, 0))
    # The steps until then and the first observation; it starts from 1e-4.
    assert statistics.obs_rms.count == pytest.approx(BEST_STEP + 1, abs=0.01)
    assert np.all(statistics.obs_rms.var > 0)
