from __future__ import annotations

import optuna
import pytest

from sb3_hpo.errors import UserError
from sb3_hpo.pruners import PRUNERS, PruningScale, check_pruner, create_pruner

SCALE = PruningScale(n_timesteps=1_000, n_seeds=1, n_startup_trials=2)


def pruned_at(name: str, levels: list[float], scale: PruningScale = SCALE, every: int = 50) -> list[int | None]:
    """The step at which each of some trials is pruned, whose learning curves are flat lines."""
    study = optuna.create_study(direction="maximize", pruner=create_pruner(name, scale), study_name="pruners")
    steps: list[int | None] = []

    def objective(trial: optuna.Trial) -> float:
        for step in range(every, scale.n_timesteps * scale.n_seeds + 1, every):
            trial.report(levels[trial.number], step)
            if trial.should_prune():
                steps.append(step)
                raise optuna.TrialPruned
        steps.append(None)
        return levels[trial.number]

    study.optimize(objective, n_trials=len(levels))
    return steps


@pytest.mark.parametrize(
    ("name", "levels", "expected"),
    [
        ("none", [9, 8, 7, 1, 0], [None] * 5),
        ("halving", [1, 2, 3], [None, None, None]),
        ("halving", [5, 1, 9, 4], [None, 150, None, 150]),
        # Second of six at 15 percent is among the best third; at 45 percent it meets the better one alone.
        ("halving", [9, 1, 1, 1, 1, 8], [None, 150, 150, 150, 150, 450]),
        # Compared from the third trial and from a third of the training on: at step 333 or later.
        ("median", [5, 1, 0, 9], [None, None, 350, None]),
    ],
)
def test_bad_trial_is_pruned_at_its_share_of_the_training(name: str, levels: list, expected: list) -> None:
    assert pruned_at(name, levels) == expected


def test_rungs_scale_with_the_training() -> None:
    scale = PruningScale(n_timesteps=10_000, n_seeds=1, n_startup_trials=2)
    assert pruned_at("halving", [5, 1], scale, every=500) == [None, 1_500]


def test_median_waits_for_the_startup_trials() -> None:
    scale = PruningScale(n_timesteps=1_000, n_seeds=1, n_startup_trials=4)
    assert pruned_at("median", [5, 1, 0, 0, 0], scale) == [None, None, None, None, 350]


def test_hyperband_spares_the_best_and_prunes_no_one_before_the_first_rung() -> None:
    scale = PruningScale(n_timesteps=1_000, n_seeds=3, n_startup_trials=2)
    steps = pruned_at("hyperband", [100, *range(40)][:40], scale)
    assert steps[0] is None
    pruned = [step for step in steps if step is not None]
    assert len(pruned) >= 5
    assert min(pruned) >= 150


@pytest.mark.parametrize("name", PRUNERS)
def test_training_of_one_step_is_no_error(name: str) -> None:
    assert pruned_at(name, [1, 1], PruningScale(1, 1, 1), every=1)[0] is None


def test_unknown_pruner_is_refused() -> None:
    with pytest.raises(UserError, match="unknown pruner 'haling': did you mean 'halving'"):
        check_pruner("haling")
    with pytest.raises(UserError, match="unknown pruner 'haling'"):
        create_pruner("haling", SCALE)
