from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from sb3_hpo import factories
from sb3_hpo.errors import UserError
from sb3_hpo.pruners import (
    ENTRY_POINT_GROUP,
    PRUNERS,
    PruningScale,
    check_pruner,
    compares_seeds,
    create_pruner,
    pruner_names,
)
from tests.curves import SMALL, curve_objective

SCALE = PruningScale(n_timesteps=1_000, n_seeds=1, n_startup_trials=2)

NEEDED: dict[str, dict[str, Any]] = {"threshold": {"lower": 50.0}, "patient": {"patience": 2}}
"""Options without which a pruner does nothing."""


def pruned_at(
    name: str, levels: list[float], scale: PruningScale = SCALE, every: int = 50, **kwargs: Any
) -> list[int | None]:
    """The step at which each of some trials is pruned, whose learning curves are flat lines."""
    pruner = create_pruner(name, scale, {**NEEDED.get(name, {}), **kwargs})
    study = optuna.create_study(direction="maximize", pruner=pruner, study_name="pruners")
    steps: list[int | None] = []

    def objective(trial: optuna.Trial) -> float:
        for step in range(every, scale.total + 1, every):
            trial.report(levels[trial.number], step)
            if trial.should_prune():
                steps.append(step)
                raise optuna.TrialPruned
        steps.append(None)
        return levels[trial.number]

    study.optimize(objective, n_trials=len(levels))
    return steps


@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_runs_a_study(name: str) -> None:
    """On learning curves as trials report them, over six seeds; warnings are errors here."""
    scale = PruningScale(n_timesteps=100, n_seeds=6, n_startup_trials=2, n_evaluations=10)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=1),
        pruner=create_pruner(name, scale, NEEDED.get(name)),
        study_name="s",
    )
    if compares_seeds(name):
        study.optimize(scores_of_seeds, n_trials=30)
    else:
        study.optimize(curve_objective(SMALL, scale), n_trials=30)
    assert {trial.state for trial in study.trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    n_pruned = sum(trial.state == TrialState.PRUNED for trial in study.trials)
    if name in ("none", "promote"):  # Each of these trials is a new one, and pauses at the first rung.
        assert n_pruned == (0 if name == "none" else 30)
    else:
        assert 0 < n_pruned < 30
    best = max(study.trials, key=lambda trial: curve_objective(SMALL, scale)(optuna.trial.FixedTrial(trial.params)))
    assert name in ("threshold", "promote") or best.state == TrialState.COMPLETE


def scores_of_seeds(trial: optuna.Trial) -> float:
    level = SMALL.suggest(trial)["x"]
    for seed in range(6):
        trial.report(level + 0.01 * (seed % 2), seed)
        if trial.should_prune():
            raise optuna.TrialPruned
    return level


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
        # Only the best quarter is kept: the worse of two is not in it.
        ("percentile", [5, 9, 8, 9], [None, None, None, None]),
        ("percentile", [5, 9, 7, 9], [None, None, 350, None]),
        # 49 is below the limit, from a third of the training on.
        ("threshold", [49, 50, 0], [350, None, 350]),
    ],
)
def test_bad_trial_is_pruned_at_its_share_of_the_training(name: str, levels: list, expected: list) -> None:
    assert pruned_at(name, levels) == expected


@pytest.mark.parametrize(
    ("name", "kwargs", "levels", "expected"),
    [
        ("halving", {"min_resource": 500, "reduction_factor": 2}, [5, 1], [None, 500]),
        ("halving", {"min_early_stopping_rate": 1}, [5, 1], [None, 450]),
        ("hyperband", {"min_resource": 100, "max_resource": 1_000, "reduction_factor": 10}, [5], [None]),
        ("median", {"n_startup_trials": 1, "n_warmup_steps": 600}, [5, 1], [None, 600]),
        ("median", {"interval_steps": 300}, [5, 5, 1], [None, None, 350]),
        ("percentile", {"percentile": 100.0}, [5, 5, 6], [None, None, None]),
        ("threshold", {"lower": 0.0, "upper": 6.0, "n_warmup_steps": 0}, [5, -1, 7], [None, 50, 50]),
        # A flat line has not become worse, so the wrapped pruner is not asked.
        ("patient", {"wrapped_pruner": "median", "patience": 3}, [5, 5, 1], [None, None, None]),
    ],
)
def test_options_are_those_of_optuna_in_environment_steps(
    name: str, kwargs: dict, levels: list, expected: list
) -> None:
    assert pruned_at(name, levels, **kwargs) == expected


@pytest.mark.parametrize(("wrapped", "expected"), [("median", 7), ("none", 6), ("halving", None)])
def test_patient_asks_the_wrapped_pruner_once_nothing_improves(wrapped: str, expected: int | None) -> None:
    """A curve that rises to its third evaluation and then falls, below the others from the seventh on."""
    scale = PruningScale(n_timesteps=1_000, n_seeds=1, n_startup_trials=1, n_evaluations=10)
    pruner = create_pruner("patient", scale, {"wrapped_pruner": wrapped, "patience": 2})
    study = optuna.create_study(direction="maximize", pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0))
    others = [1, 1, 1, 1, 1, 1, 9, 9, 9, 9]
    study.add_trial(
        optuna.create_trial(value=9, intermediate_values={100 * (i + 1): value for i, value in enumerate(others)})
    )
    trial = study.ask()
    pruned = None
    for i, value in enumerate([6, 7, 8, 7, 6, 5, 4, 3, 2, 1]):
        trial.report(value, 100 * (i + 1))
        if pruned is None and trial.should_prune():
            pruned = i + 1
    assert pruned == expected


def test_rungs_scale_with_the_training() -> None:
    scale = PruningScale(n_timesteps=10_000, n_seeds=1, n_startup_trials=2)
    assert pruned_at("halving", [5, 1], scale, every=500) == [None, 1_500]


@pytest.mark.parametrize(
    ("options", "scale", "steps"),
    [
        ({}, PruningScale(10_000, 1, 2), (500, 1_000, 2_000, 4_000, 10_000)),
        ({}, PruningScale(10_000, 1, 2, n_trials=7), (10_000,)),
        ({}, PruningScale(10_000, 1, 2, n_trials=8), (500, 1_000, 2_000, 4_000, 10_000)),
        # At evaluations, no two at the same one; later seeds belong to the last rung.
        ({}, PruningScale(10_000, 3, 2, n_evaluations=10), (1_000, 2_000, 4_000, 10_000)),
        ({}, PruningScale(990, 1, 2, n_evaluations=20), (49, 98, 196, 392, 990)),
        ({"first_rung": 0.15, "reduction_factor": 3}, PruningScale(1_000, 1, 2), (150, 1_000)),
    ],
)
def test_promote_pauses_at_these_steps(options: dict, scale: PruningScale, steps: tuple) -> None:
    pruner = create_pruner("promote", scale, options)
    assert pruner.rungs.steps == steps


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


@pytest.mark.parametrize(("n_seeds", "expected"), [(1, None), (2, 1_200)])
@pytest.mark.parametrize("name", ["median", "percentile"])
def test_peak_of_the_first_seed_does_not_carry_a_trial_through_the_later_ones(
    name: str, n_seeds: int, expected: int | None
) -> None:
    scale = PruningScale(n_timesteps=1_000, n_seeds=n_seeds, n_startup_trials=1, n_evaluations=10)
    study = optuna.create_study(direction="maximize", pruner=create_pruner(name, scale))
    curve = dict.fromkeys(range(100, scale.total + 1, 100), 50.0)
    study.add_trial(optuna.create_trial(value=50.0, intermediate_values=curve))
    trial = study.ask()
    pruned = None
    for step in curve:
        trial.report(90.0 if step <= 1_100 else 30.0, step)
        if pruned is None and trial.should_prune():
            pruned = step
    assert pruned == expected


@pytest.mark.parametrize("name", [name for name in PRUNERS if name != "wilcoxon"])
def test_training_of_one_step_is_no_error(name: str) -> None:
    assert pruned_at(name, [60, 60], PruningScale(1, 1, 1), every=1)[0] is None


@pytest.mark.parametrize(
    ("name", "kwargs", "scale", "message"),
    [
        ("haling", {}, SCALE, "unknown pruner 'haling': did you mean 'halving'"),
        (
            "halving",
            {"reduction": 3},
            SCALE,
            "unknown option in pruner_kwargs of pruner 'halving' 'reduction': did you",
        ),
        ("halving", {"reduction_factor": 1}, SCALE, "pruner 'halving' does not take reduction_factor 1: .*>= 2"),
        ("halving", {"reduction_factor": 2.5}, SCALE, "reduction_factor is 2.5, it must be int"),
        ("promote", {"reduction_factor": 1}, SCALE, "pruner 'promote' does not take reduction_factor 1: .*2 or more"),
        ("promote", {"first_rung": 1.5}, SCALE, "pruner 'promote' does not take first_rung 1.5: .*share of a training"),
        ("promote", {}, PruningScale(1_000, 1, 2, n_evaluations=1), "n_evaluations is 1.* or --pruner none"),
        ("halving", {"min_resource": "few"}, SCALE, "does not take min_resource 'few'"),
        ("halving", {"min_resource": 1_000}, SCALE, "'halving' with min_resource 1000 never prunes: a trial has 1000"),
        ("halving", {}, PruningScale(1_000, 1, 2, n_evaluations=1), "n_evaluations is 1.* or --pruner none"),
        ("median", {}, PruningScale(1_000, 1, 2, n_evaluations=1), "pruner 'median' .* give --n-evaluations 2"),
        ("median", {"n_warmup_steps": 2_000}, SCALE, "'median' with n_warmup_steps 2000 never prunes"),
        ("percentile", {"percentile": 101.0}, SCALE, "pruner 'percentile' does not take percentile 101.0"),
        ("none", {"patience": 1}, SCALE, "unknown option in pruner_kwargs of pruner 'none' 'patience'"),
        ("patient", {"patience": -1}, SCALE, "pruner 'patient' does not take patience -1"),
        ("patient", {"wrapped_pruner": "media"}, SCALE, "unknown pruner 'media': did you mean 'median'"),
        ("patient", {"wrapped_pruner": 3}, SCALE, "wrapped_pruner is 3, it must be the name of a pruner"),
        ("patient", {"wraped_pruner": "median"}, SCALE, "'wraped_pruner': did you mean 'wrapped_pruner'"),
        ("threshold", {}, SCALE, "'threshold' needs a mean return .*--pruner-kwargs 'lower: 100'"),
        ("threshold", {"lower": 3, "upper": 2}, SCALE, "pruner 'threshold' does not take lower 3, upper 2"),
        ("threshold", {"lower": "low"}, SCALE, "lower is 'low', it must be float or None"),
        ("wilcoxon", {}, SCALE, "n_seeds is 1: fewer than 4 are never enough .*--n-seeds 4 or more"),
        ("wilcoxon", {}, PruningScale(1_000, 3, 2), "n_seeds is 3: fewer than 4"),
        ("wilcoxon", {"p_threshold": 0.05}, PruningScale(1_000, 4, 2), "n_seeds is 4: fewer than 5"),
        ("wilcoxon", {"n_startup_steps": 6}, PruningScale(1_000, 5, 2), "fewer than 6"),
        ("wilcoxon", {"p_threshold": 0.0}, PruningScale(1_000, 9, 2), "no number of seeds is enough"),
        ("wilcoxon", {"p_threshold": 2.0}, PruningScale(1_000, 9, 2), "does not take p_threshold 2.0"),
    ],
)
def test_what_cannot_work_is_told(name: str, kwargs: dict, scale: PruningScale, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        create_pruner(name, scale, kwargs)
    assert "\n" not in str(caught.value)


def test_wilcoxon_works_with_four_seeds() -> None:
    assert isinstance(create_pruner("wilcoxon", PruningScale(1_000, 4, 2)), optuna.pruners.WilcoxonPruner)
    assert compares_seeds("wilcoxon")
    assert compares_seeds("patient", {"wrapped_pruner": "wilcoxon"})
    assert not any(compares_seeds(name) for name in PRUNERS if name != "wilcoxon")


def test_unknown_pruner_is_refused() -> None:
    with pytest.raises(UserError, match="unknown pruner 'haling': did you mean 'halving'"):
        check_pruner("haling")


class OurPruner(optuna.pruners.NopPruner):
    """What a package of somebody else declares."""

    step_is_seed = True

    def __init__(self, tolerance: float = 0.0) -> None:
        super().__init__()
        self.tolerance = tolerance


def our_function(tolerance: float) -> optuna.pruners.BasePruner:
    return OurPruner(tolerance)


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch):
    def declare(**values: str) -> None:
        points = [EntryPoint(name, value, ENTRY_POINT_GROUP) for name, value in values.items()]
        monkeypatch.setattr(factories, "entry_points", lambda group: [p for p in points if p.group == group])

    return declare


@pytest.mark.parametrize(("what", "by_seed"), [("OurPruner", True), ("our_function", False)])
def test_third_party_pruner_counts_as_the_own_ones(declare, what: str, by_seed: bool) -> None:
    declare(ours=f"{__name__}:{what}")
    assert pruner_names() == [*PRUNERS, "ours"]
    pruner = create_pruner("ours", SCALE, {"tolerance": 0.5})
    assert isinstance(pruner, OurPruner)
    assert pruner.tolerance == 0.5
    assert compares_seeds("ours") == by_seed


@pytest.mark.parametrize(
    ("value", "kwargs", "message"),
    [
        (f"{__name__}:OurPruner", {"tolerence": 1.0}, "'tolerence': did you mean 'tolerance'"),
        (f"{__name__}:our_function", {}, "pruner 'ours' does not take no options: .*tolerance"),
        ("no_such_package_at_all:P", {}, "pruner 'ours' cannot be loaded from 'no_such_package_at_all:P'"),
        ("fractions:Fraction", {}, "it must be a subclass of optuna's BasePruner"),
    ],
)
def test_broken_third_party_pruner_is_told(declare, value: str, kwargs: dict, message: str) -> None:
    declare(ours=value)
    with pytest.raises(UserError, match=message):
        create_pruner("ours", SCALE, kwargs)
